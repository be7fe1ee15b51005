"""The way to a host as the declaration and ssh_config describe it: one hop after the other.

Reads ssh_config through the same reader as stock pyinfra, so that both take the same way. Opens
nothing and knows no key's content.
"""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paramiko import SSHException
from pyinfra.connectors.sshuserclient.client import get_ssh_config

from fleet.base.errors import Refused

_SSH_PORT: Final = 22
#: Where a person's own ssh looks for the keys of hosts (ssh_config(5)).
_KNOWN_HOSTS: Final = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_KNOWN_HOSTS: Final = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"


class SshConfigUnusable(Refused):
    """An ssh_config cannot be used for a host: it cannot be read, or leads round in a circle.

    `~/.ssh/config` counts, or the file that `ssh_config:` names. HostName, Port, User, ProxyJump,
    ProxyCommand, IdentityFile, IdentitiesOnly, IdentityAgent, UserKnownHostsFile, Include and
    Match (except `exec`) are understood; what the inventory declares goes before them.
    """

    id = "ssh-config"


@dataclass(frozen=True, slots=True)
class Hop:
    """One SSH server on the way.

    Args:
        name: as the inventory or a ProxyJump writes it, without user and port.
        hostname: what is resolved and connected to.
        user: login name.
        identities: private key files to offer, in order.
        declared: the one key of the inventory; nothing else is offered then.
        alone: only these identities, no other key of an agent (IdentitiesOnly).
        agent: socket of the SSH agent; empty = none.
        known_hosts: files in which a person's own ssh looks for its key.
        known_as: names under which its key may stand there.
        proxy_command: what is spoken through in place of a socket.
    """

    name: str
    hostname: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    declared: str = ""
    alone: bool = False
    agent: str = ""
    known_hosts: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    proxy_command: str = ""

    @property
    def address(self) -> str:
        """Return where it is, for a person."""
        return host_and_port(self.hostname, self.port)

    @property
    def ssh(self) -> str:
        """Return the command by which a person logs in there."""
        words = ["ssh"]
        if self.port != _SSH_PORT:
            words += ["-p", str(self.port)]
        if self.declared:
            words += ["-i", self.declared]
        return shlex.join([*words, f"{self.user}@{self.hostname}"])


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a host.

    Args:
        jumps: jump hosts, the nearest first.
        target: the host itself.
    """

    jumps: tuple[Hop, ...]
    target: Hop


def host_and_port(name: str, port: int) -> str:
    """Return a name as known_hosts writes it."""
    return name if port == _SSH_PORT else f"[{name}]:{port}"


def looked_up(address: str, file: str = "") -> dict[str, object]:
    """Return what ssh_config says about an address.

    Args:
        address: name or IP, as a person would give it to ssh.
        file: the ssh_config; empty = ~/.ssh/config.

    Raises:
        SshConfigUnusable: the file cannot be read, or says what paramiko does not understand.
    """
    shown = file or "~/.ssh/config"
    try:
        config = get_ssh_config(file or None)
        found = dict(config.lookup(address)) if config is not None else {}
        if "port" in found:
            found["port"] = int(str(found["port"]))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise SshConfigUnusable(f"cannot read {shown}: {reason}", f"ls -l {shown}") from error
    except Exception as error:  # the reader raises plain Exception for a loop of Includes
        raise SshConfigUnusable(
            f"{shown} cannot be used for {address}: {_config_problem(error)}",
            f"ssh -G {shlex.quote(address)}   # how ssh reads it",
        ) from error
    if file and config is None:
        raise SshConfigUnusable(
            f"there is no ssh_config {file}", "correct ssh_config: in the inventory"
        )
    return found


def _config_problem(error: Exception) -> str:
    """Return why ssh_config cannot be used; the text of a parser's own complaint names the line."""
    if isinstance(error, SSHException):
        return f"a line or a name in it is not understood ({error})"
    if isinstance(error, ImportError):
        return "`Match exec` is not supported"
    if isinstance(error, ValueError):
        return "a port in it is no number"
    return f"its Include lines are not understood ({error})"


def route_of(data: Mapping[str, object]) -> Route:
    """Return the way to a host.

    Args:
        data: what the host carries into pyinfra (fleet/run/hostdata.py).

    Raises:
        SshConfigUnusable: ssh_config cannot be used, or leads round in a circle.
    """
    address, file = str(data["ssh_hostname"]), str(data.get("ssh_config_file") or "")
    found = looked_up(address, file)
    given = {
        "user": data.get("ssh_user"),
        "port": data.get("ssh_port"),
        "key": data.get("ssh_key"),
    }
    target = _hop(address, found, {key: str(value) for key, value in given.items() if value})
    return Route(_jumps(found, address, file, ()), target)


def _jumps(
    found: Mapping[str, object], address: str, file: str, behind: tuple[str, ...]
) -> tuple[Hop, ...]:
    """Return the jump hosts before an address; the nearest one may have jump hosts of its own."""
    written = str(found.get("proxyjump", "none"))
    if written.lower() == "none":
        return ()
    entries = [entry.strip() for entry in written.split(",") if entry.strip()]
    first, *others = (_entry(entry) for entry in entries)
    if first["name"] == address:
        return ()  # `Host *` gives a jump host itself as its jump host: ssh ignores that, too
    if first["name"] in behind:
        raise SshConfigUnusable(
            f"ProxyJump goes round in a circle: {' -> '.join((*behind, address, first['name']))}",
            f"ssh -G {shlex.quote(address)} | grep -i proxyjump",
        )
    said = looked_up(first["name"], file)
    before = _jumps(said, first["name"], file, (*behind, address))
    rest = (_hop(entry["name"], looked_up(entry["name"], file), entry) for entry in others)
    return (*before, _hop(first["name"], said, first), *rest)


def _entry(written: str) -> dict[str, str]:
    """Return name, user and port of an entry of ProxyJump: [user@]host[:port] or ssh://..."""
    user, _, place = written.removeprefix("ssh://").rpartition("@")
    name, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", "")
    if place.startswith("["):
        name, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    entry = {"name": name, "user": user, "port": port}
    return {key: value for key, value in entry.items() if value}


def _hop(name: str, found: Mapping[str, object], given: Mapping[str, str]) -> Hop:
    """Return a hop: what is given goes before what ssh_config says, that before the defaults."""
    hostname = str(found.get("hostname", name))
    port = int(given.get("port") or str(found.get("port", _SSH_PORT)))
    files = found.get("identityfile", ())
    identities = (files,) if isinstance(files, str) else tuple(map(str, _listed(files)))
    named = str(found.get("hostkeyalias", ""))
    aliases = (host_and_port(name, port), host_and_port(hostname, port))
    return Hop(
        name=name,
        hostname=hostname,
        port=port,
        user=given.get("user") or str(found.get("user") or getpass.getuser()),
        identities=tuple(os.path.expanduser(path) for path in identities),
        declared=given.get("key", ""),
        alone=str(found.get("identitiesonly", "no")).lower() == "yes",
        agent=_agent(str(found.get("identityagent", "SSH_AUTH_SOCK"))),
        known_hosts=_files(found, "userknownhostsfile", _KNOWN_HOSTS)
        + _files(found, "globalknownhostsfile", _GLOBAL_KNOWN_HOSTS),
        known_as=tuple(dict.fromkeys((named,) if named else aliases)),
        proxy_command=str(found.get("proxycommand", "")),
    )


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _agent(written: str) -> str:
    """Return the socket that IdentityAgent names: a path, a variable, or none."""
    if written.lower() == "none":
        return ""
    if written == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if written.startswith("$"):
        return os.environ.get(written.strip("${}"), "")
    return str(Path(written.replace("%d", str(Path.home()))).expanduser())


def _files(found: Mapping[str, object], key: str, default: str) -> tuple[str, ...]:
    written = str(found.get(key) or default)
    return tuple(os.path.expanduser(path) for path in written.split() if path.lower() != "none")
