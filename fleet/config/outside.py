"""What a declaration names outside of its YAML: private keys, ssh_config, keys of repositories.

Not a part of loading: a fleet is read on machines that never log in anywhere (a pipeline, a history
on a laptop). `b70 inventory check` asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from declaration.apt_key import key_life, missing, newer, refused
from declaration.host import HostSpec
from declaration.keyfile import HEAD, no_private_key
from declaration.openpgp_life import day
from fleet.config.fleet import Fleet
from fleet.config.layers import KeyPath, nearest
from fleet.config.places import shown
from fleet.config.problems import Problem

#: Seconds before its end from which a repository key is worth a word: time to get the next one.
SOON_S: Final = 60 * 86_400


def wrong(fleet: Fleet, now: float) -> Iterator[Problem]:
    """Yield a problem for each file that cannot do what it is named for.

    Args:
        now: seconds since 1970.
    """
    for spec in fleet.hosts.values():
        link = spec.connection
        if link.key and (text := _private_key(fleet.path(link.key))):
            yield _problem(fleet, spec, ("key",), text)
        if link.ssh_config and not fleet.path(link.ssh_config).is_file():
            text = f"{fleet.path(link.ssh_config)}: no such file"
            yield _problem(fleet, spec, ("ssh_config",), text)
        for name, source in spec.apt.sources.items():
            folder = shown(fleet.hosts_file.parent)
            if how := missing(source, "" if folder == "." else f"{folder}/"):
                yield _problem(fleet, spec, ("apt", "sources", name, "key"), f"no key yet: {how}")
            elif text := refused(source, now):
                yield _problem(fleet, spec, ("apt", "sources", name, "key"), text)


def words(fleet: Fleet, now: float) -> list[str]:
    """Return what is worth a word though nothing is wrong yet: keys that end soon.

    Args:
        now: seconds since 1970.
    """
    found: list[str] = []
    for spec in fleet.hosts.values():
        for name, source in spec.apt.sources.items():
            if source.key.armored and (ends := key_life(source).expires) and ends - now < SOON_S:
                found.append(
                    f"the key of apt source {name} expires on {day(ends)}; {newer(source)}"
                )
    return list(dict.fromkeys(found))


def _private_key(path: Path) -> str:
    """Return what is wrong with a private key file, empty when it may be one."""
    if not path.exists():
        hint = "name the key that the host knows, or leave `key` out for the SSH agent"
        return f"{path}: no such file; {hint}"
    if not path.is_file():
        return f"{path}: not a file"
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        return f"{path}: {(error.strerror or 'cannot be read').lower()}"
    found = no_private_key(head)
    return f"{path} {found.why}; {found.remedy.format(path=path)}" if found else ""


def _problem(fleet: Fleet, spec: HostSpec, path: KeyPath, text: str) -> Problem:
    where = nearest(fleet.records[spec.name], path).where
    inside = where.file == shown(fleet.hosts_file)
    return Problem(where, ".".join((spec.name, *path) if inside else path), text)
