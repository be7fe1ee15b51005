"""Which machine an SSH server is: the keys that are pinned for it, and the one it shows.

The target's keys are the inventory's. A jump host's are the inventory's too, or, where that names
none, those that a person's own ssh knows. Nothing is trusted at first use, and nobody is asked.
"""

from __future__ import annotations

import hashlib
import shlex
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from paramiko import HostKeys, PKey, SSHException
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey
from paramiko.transport import Transport

from fleet.base.errors import Refused
from fleet.host.route import Hop

#: Names of signatures by which a server may prove one kind of key, best first (RFC 8332).
_SIGNED: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}

#: Decides about a host key at first contact: public key line, fingerprint -> accept?
AcceptKey = Callable[[str, str], bool]


class HostKeyChanged(Refused):
    """The host showed another key than the pinned one.

    It is another machine, or it was reinstalled, or somebody stands in between. The pin is never
    replaced by itself: check on the host's console, then pin again with
    `b70 bootstrap HOST --rekey`.
    """

    id = "host-key-changed"


class HostKeyNotPinned(Refused):
    """No host key is pinned in the inventory, and this tool does not trust at first use."""

    id = "host-key-not-pinned"


class KeyNotAccepted(Refused):
    """The key shown at first contact is not the expected one, or nobody confirmed it."""

    id = "host-key-not-accepted"


class JumpHostNotPinned(Refused):
    """A jump host (ProxyJump) showed a key that nobody has pinned, and this tool never asks.

    Compare the fingerprint on the jump host's console (`ssh-keygen -lf
    /etc/ssh/ssh_host_ed25519_key.pub`), then declare the key under `jump_host_keys`, for one
    host or for all of them in group_data/all.yaml. A key that your own ssh knows (known_hosts)
    counts too, where the inventory names none.
    """

    id = "jump-host-not-pinned"


class JumpHostKeyChanged(Refused):
    """A jump host (ProxyJump) showed another key than the pinned one.

    Nothing was sent to the host behind it. The jump host was reinstalled, or somebody stands in
    between. Check on its console before you replace its key.
    """

    id = "jump-host-key-changed"


def fingerprint(key: PKey) -> str:
    """Return a key's fingerprint the way ssh-keygen -l prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return f"{key.get_name()} SHA256:{b64encode(digest).decode().rstrip('=')}"


def line(key: PKey) -> str:
    """Return a key as the inventory holds it."""
    return f"{key.get_name()} {key.get_base64()}"


def keys_of(lines: Iterable[str]) -> tuple[PKey, ...]:
    """Return the keys of public key lines; one that is none costs only itself."""
    found = (_entry(f"x {' '.join(text.split()[:2])}") for text in lines)
    return tuple(entry.key for entry in found if entry is not None)


def known_in(files: Iterable[str], names: Sequence[str]) -> tuple[PKey, ...]:
    """Return the keys that known_hosts files hold for any of these names.

    Hashed names and patterns count. Keys of an authority (`@cert-authority`) are not supported, and
    a revoked key is no known one.
    """
    found: list[PKey] = []
    revoked: list[PKey] = []
    for file in files:
        for text in _lines(file):
            marker, _, rest = text.partition(" ") if text.startswith("@") else ("", "", text)
            entry = _entry(rest.strip())
            if entry is None or not any(_matches(entry, name) for name in names):
                continue
            if marker == "@revoked":
                revoked.append(entry.key)
            elif not marker:
                found.append(entry.key)
    return tuple(key for key in found if key not in revoked)


def prefer(transport: Transport, keys: Sequence[PKey]) -> None:
    """Ask a server for a key of a kind that is pinned, where it has several."""
    options = transport.get_security_options()
    offered = tuple(options.key_types)
    wanted = [n for key in keys for n in _SIGNED.get(key.get_name(), (key.get_name(),))]
    first = [name for name in dict.fromkeys(wanted) if name in offered]
    options.key_types = (*first, *(name for name in offered if name not in first))


def check_target(
    host: str, hop: Hop, shown: PKey, pinned: Sequence[PKey], accept: AcceptKey | None
) -> None:
    """Refuse a host that shows another key than a pinned one.

    Args:
        host: name in the inventory.
        hop: where it is.
        shown: the key that it proved to have.
        pinned: the inventory's.
        accept: at first contact, decides in their place.
    """
    if accept is not None:
        if not accept(line(shown), fingerprint(shown)):
            raise KeyNotAccepted(f"{host}: host key {fingerprint(shown)} was not accepted")
    elif not pinned:
        raise HostKeyNotPinned(
            f"{host}: no host key pinned for {hop.address}; it shows {fingerprint(shown)}",
            f"b70 bootstrap {host}",
        )
    elif shown not in pinned:
        raise HostKeyChanged(
            f"{host}: host key is {fingerprint(shown)}, pinned is {_all(pinned)}",
            f"check on the console; if the change is yours: b70 bootstrap {host} --rekey",
        )


def check_jump(host: str, hop: Hop, shown: PKey, pinned: Sequence[PKey], source: str) -> None:
    """Refuse a jump host that shows a key which is not pinned.

    Args:
        host: name in the inventory of the host behind it.
        hop: the jump host.
        shown: the key that it proved to have.
        pinned: the keys that are known for it.
        source: where those stand; empty = in the inventory.
    """
    kind = shown.get_name().removeprefix("ssh-").partition("-")[0]
    own = f"/etc/ssh/ssh_host_{kind}_key.pub"
    on_console = f"compare on the console of {hop.name}: ssh-keygen -lf {own}"
    declared = f'declare for {host}: jump_host_keys: {{{hop.name}: ["{line(shown)}"]}}'
    if not pinned:
        raise JumpHostNotPinned(
            f"{host}: its jump host {hop.name} ({hop.address}) is not pinned; "
            f"it shows {fingerprint(shown)}",
            f"{on_console}; then {declared}",
        )
    if shown not in pinned:
        remove = f"ssh-keygen -R {shlex.quote(hop.known_as[0])} -f {source}; then {declared}"
        raise JumpHostKeyChanged(
            f"{host}: its jump host {hop.name} ({hop.address}) shows {fingerprint(shown)}, "
            f"pinned is {_all(pinned)}",
            f"{on_console}; if the change is yours: {remove if source else declared}",
        )


def _all(keys: Iterable[PKey]) -> str:
    return ", ".join(map(fingerprint, keys))


def _lines(file: str) -> list[str]:
    """Return the lines of a known_hosts file; one that cannot be read pins nothing."""
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [entry for entry in map(str.strip, text.splitlines()) if entry and entry[0] != "#"]


def _entry(text: str) -> HostKeyEntry | None:
    """Return a line of known_hosts; None where it holds no key that is understood."""
    try:
        return HostKeyEntry.from_line(text)
    except (InvalidHostKey, SSHException, UnsupportedAlgorithm, ValueError, OverflowError):
        return None


def _matches(entry: HostKeyEntry, name: str) -> bool:
    """Return True if a line is about a name: as it is, hashed, or as a pattern."""
    names = entry.hostnames
    if any(each.startswith("!") and fnmatchcase(name, each[1:]) for each in names):
        return False
    return any(
        HostKeys.hash_host(name, each) == each if each.startswith("|1|") else _like(name, each)
        for each in names
    )


def _like(name: str, pattern: str) -> bool:
    # brackets stand around a name with a port; they are no set of characters here
    return name == pattern or ("[" not in pattern and fnmatchcase(name, pattern))
