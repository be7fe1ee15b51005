"""Writes what `b70 bootstrap` learned into the hosts file: new hosts and pinned identities."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleet.base.atomic import write_text
from fleet.config.edit import CannotEdit, set_value
from fleet.config.layers import lookup
from fleet.config.yaml_marks import Node, parse


def pin(hosts_file: Path, host: str, identity: Mapping[str, object]) -> None:
    """Write identity values of a host that is already in the file.

    Args:
        identity: `host_keys`, `machine_id`, `dmi_serial`, `pinned`; others in the file stay.

    Raises:
        CannotEdit: no such host, or its record cannot be edited safely; nothing changed.
    """
    with _editing(hosts_file) as text:
        if _host(text, host) is None:
            raise CannotEdit(f"{host} is not in {hosts_file}", f"b70 bootstrap {host} --address …")
        changed = text
        for key, value in identity.items():
            changed = set_value(changed, ("hosts", host, "identity", key), value)
        _save(hosts_file, text, changed)


def add_host(hosts_file: Path, host: str, record: Mapping[str, object]) -> None:
    """Add a host record behind the last one.

    Args:
        record: plain data as it stands in a hosts file.

    Raises:
        CannotEdit: it is there already, or the file cannot be edited safely; nothing changed.
    """
    with _editing(hosts_file) as text:
        if _host(text, host) is not None:
            raise CannotEdit(f"{host} is already in {hosts_file}", f"b70 inventory show {host}")
        _save(hosts_file, text, set_value(text, ("hosts", host), record))


def _host(text: str, host: str) -> Node | None:
    return lookup(parse(text, "", []), ("hosts", host))


@contextmanager
def _editing(hosts_file: Path) -> Iterator[str]:
    """Read the file while no other process of ours edits it.

    The lock is on the directory: the file itself is replaced, and a lock file would be left behind.
    """
    folder = os.open(hosts_file.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with hosts_file.open(encoding="utf-8", newline="") as stream:
            yield stream.read()
    finally:
        os.close(folder)


def _save(hosts_file: Path, text: str, changed: str) -> None:
    if changed != text:
        write_text(hosts_file, changed)
