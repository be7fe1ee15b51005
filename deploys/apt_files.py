"""The files of one apt source: key, login, pin, source. Pure; knows nothing of hosts.

They are listed in the order in which they must be written: the source comes last, so that a run
that ends half-way never leaves an archive without its key or its pin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import time
from typing import Final
from urllib.parse import urlsplit

from pyinfra.api.exceptions import OperationError

from declaration.apt import AptSource
from declaration.apt_key import missing, refused
from declaration.openpgp import pinned
from declaration.secret import Resolve, Secret
from deploys.base_paths import BANNER
from deploys.templates import render

KEYRINGS: Final = "/etc/apt/keyrings"
#: Every file of ours starts with this, whatever its folder.
PREFIX: Final = "b70fleet-"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to write."""

    path: str
    content: str | Secret
    mode: str = "0644"


def keyring_path(name: str) -> str:
    """Return where a source's key lies."""
    return f"{KEYRINGS}/{PREFIX}{name}.asc"


def source_path(name: str) -> str:
    """Return where a source's deb822 file lies."""
    return f"/etc/apt/sources.list.d/{PREFIX}{name}.sources"


def preferences_path(name: str) -> str:
    """Return where a source's pins lie."""
    return f"/etc/apt/preferences.d/{PREFIX}{name}"


def auth_path(name: str) -> str:
    """Return where a source's login lies."""
    return f"/etc/apt/auth.conf.d/{PREFIX}{name}.conf"


def paths(name: str) -> tuple[str, ...]:
    """Return every path that a source may have, the source first: the order of removal."""
    return source_path(name), preferences_path(name), auth_path(name), keyring_path(name)


def key(name: str, source: AptSource) -> str:
    """Return the armoured key of a source, after its fingerprint and its dates were checked.

    Raises:
        OperationError: there is no key file, it does not hold the declared key, or that key expired
            or was revoked.
    """
    declared = source.key
    where = declared.file or f"apt.sources.{name}.key.armored"
    if how := missing(source):
        raise OperationError(
            f"the key of apt source {name} is missing: {how} "
            f"(its fingerprint must be {declared.fingerprint})"
        )
    # an expired key is refused before it is written: apt-get update would only fail with it
    if why := refused(source, time()):
        raise OperationError(f"the key of apt source {name} is refused, {where}: {why}")
    return pinned(declared.armored, declared.fingerprint)


def deb822(name: str, source: AptSource) -> str:
    """Return the content of the .sources file."""
    return render(
        "apt/source.sources.j2",
        banner=BANNER,
        types=source.types,
        uris=source.addresses,
        suites=source.suites,
        components=source.components,
        architectures=source.architectures,
        keyring=keyring_path(name),
    )


def pin(source: AptSource) -> str:
    """Return what names the source in a preferences file.

    Raises:
        OperationError: without a declared origin it takes one host name, and the URIs have several.
    """
    if source.origin:
        return f"release o={source.origin}"
    hosts = {urlsplit(uri).hostname or "" for uri in source.addresses}
    if len(hosts) != 1 or not all(hosts):
        raise OperationError(
            f"no origin is declared and the URIs {source.uris} name no single host"
        )
    return f'origin "{hosts.pop()}"'


def preferences(source: AptSource) -> str:
    """Return the pins: the owned packages from this origin, from no other."""
    return render(
        "apt/preferences.j2", banner=BANNER, packages=sorted(source.owns), pin=pin(source)
    )


def auth(source: AptSource, password: Secret) -> Secret:
    """Return the auth.conf entry of a private mirror.

    Raises:
        OperationError: login or password cannot be written in that format.
    """
    value = password.reveal()
    if not value or any(char.isspace() for char in source.login + value):
        raise OperationError("a login or password for apt must not be empty or contain white space")
    # without the scheme apt sends a login over https only
    machines = [
        uri if uri.startswith("http://") else uri.split("://", 1)[1] for uri in source.addresses
    ]
    return Secret(
        render(
            "apt/auth.conf.j2",
            banner=BANNER,
            machines=machines,
            login=source.login,
            password=value,
        )
    )


def files(name: str, source: AptSource, resolve: Resolve) -> tuple[SourceFile, ...]:
    """Return the files of a source in the order of writing.

    Raises:
        OperationError: the key is missing, is not the declared one, or is no longer good.
    """
    wanted = [SourceFile(keyring_path(name), key(name, source))]
    if source.password is not None:
        secret = auth(source, resolve(source.password))
        wanted.append(SourceFile(auth_path(name), secret, mode="0600"))
    if source.owns:
        wanted.append(SourceFile(preferences_path(name), preferences(source)))
    return (*wanted, SourceFile(source_path(name), deb822(name, source)))


def strays(present: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
    """Return the names of sources of ours that left files on the host and are no longer declared.

    Args:
        present: paths of sources and preferences files on the host.
        declared: names of the declared sources.
    """
    found = set()
    for pattern in (source_path("\n"), preferences_path("\n")):
        start, _, end = pattern.partition("\n")
        found |= {
            path.removeprefix(start).removesuffix(end)
            for path in present
            if path.startswith(start) and path.endswith(end)
        }
    return tuple(sorted(found - set(declared)))
