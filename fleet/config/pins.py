"""Writes what `b70 bootstrap` learned into the hosts file: new hosts and pinned identities.

What the file would hold is a text first, which somebody may judge; then it is written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleet.base.atomic import write_text
from fleet.config.edit import CannotEdit, set_value
from fleet.config.layers import lookup
from fleet.config.yaml_marks import Node, parse

#: The text of a hosts file -> the text that it shall have.
Edit = Callable[[str], str]


def with_pins(text: str, host: str, identity: Mapping[str, object]) -> str:
    """Return the text with identity values of a host that is already in it.

    Args:
        identity: `host_keys`, `machine_id`, `dmi_serial`, `pinned`; others in the file stay.

    Raises:
        CannotEdit: no such host, or its record cannot be edited safely.
    """
    if _host(text, host) is None:
        raise CannotEdit(
            f"{host} is not in the hosts file", f"b70 bootstrap {host} --address ADDRESS"
        )
    for key, value in identity.items():
        text = set_value(text, ("hosts", host, "identity", key), value)
    return text


def with_host(text: str, host: str, record: Mapping[str, object]) -> str:
    """Return the text with a host record behind the last one.

    Args:
        record: plain data as it stands in a hosts file.

    Raises:
        CannotEdit: it is there already, or the text cannot be edited safely.
    """
    if _host(text, host) is not None:
        raise CannotEdit(f"{host} is already in the hosts file", f"b70 inventory show {host}")
    return set_value(text, ("hosts", host), record)


def rewrite(hosts_file: Path, edit: Edit, judge: Callable[[str], object]) -> None:
    """Edit the file as it is now, and write it whole or not at all.

    Args:
        judge: is shown the new text and raises if it must not be written.

    Raises:
        CannotEdit: see `edit`; nothing changed.
        OSError: it could not be written; nothing changed.
    """
    with _editing(hosts_file) as text:
        changed = edit(text)
        judge(changed)
        if changed != text:
            write_text(hosts_file, changed)


def hosts_text(hosts_file: Path) -> str:
    """Return the text of a hosts file with the line ends that it has."""
    with hosts_file.open(encoding="utf-8", newline="") as stream:
        return stream.read()


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
        yield hosts_text(hosts_file)
    finally:
        os.close(folder)
