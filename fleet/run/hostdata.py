"""What a host carries into pyinfra as `host.data`: the same for the engine and stock pyinfra."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from declaration.host import Connection, HostSpec
from fleet.base.atomic import write_text
from fleet.config.fleet import Fleet
from fleet.host.route import SshConfigUnusable, host_and_port, looked_up


def resolved(spec: HostSpec, fleet: Fleet) -> HostSpec:
    """Return a host with the login name that ssh_config gives it where the inventory gives none.

    An ssh_config that cannot be used changes nothing here: the connection says what is wrong.
    """
    link = spec.connection
    if "user" in link.model_fields_set:
        return spec
    user = _config(link, fleet.directory).get("user", link.user)
    if user == link.user:
        return spec
    return spec.model_copy(update={"connection": link.model_copy(update={"user": str(user)})})


def host_data(spec: HostSpec, fleet: Fleet) -> dict[str, object]:
    """Return a host's pyinfra data: spec, way to it, pinned identity; no secret values.

    Args:
        spec: one of the fleet's hosts.
    """
    spec = resolved(spec, fleet)
    link = spec.connection
    data: dict[str, object] = {
        "spec": spec,
        "probe_root": spec.probe_root,
        "secrets": fleet.resolve,
        # what the declaration names by a relative path lies there
        "fleet_directory": str(fleet.directory),
        "host_keys": spec.identity.host_keys,
        "ssh_hostname": link.address,
        "ssh_user": link.user,
        "ssh_known_hosts_file": str(known_hosts_file(fleet)),
        "ssh_strict_host_key_checking": "yes",
        "ssh_paramiko_connect_kwargs": {"timeout": link.connect_timeout_s},
    }
    if "port" in link.model_fields_set:
        data["ssh_port"] = link.port
    if link.key:
        data["ssh_key"] = str(_path(link.key, fleet.directory))
    if link.ssh_config:
        data["ssh_config_file"] = str(_path(link.ssh_config, fleet.directory))
    if link.user != "root":
        data["_sudo"] = True
    return data


def _path(written: str, directory: Path) -> Path:
    return directory / Path(written).expanduser()


def known_hosts(specs: Iterable[HostSpec], directory: Path = Path()) -> str:
    """Return the pinned keys of hosts and of their jump hosts in OpenSSH's known_hosts format.

    Args:
        specs: hosts; those without a pinned key get no line, so strict checking refuses them.
        directory: what relative ssh_config paths are relative to.
    """
    lines: list[str] = []
    for spec in specs:
        if spec.identity.host_keys:
            names = ",".join(_names(spec, directory))
            lines += (f"{names} {_key(line)}" for line in spec.identity.host_keys)
        for jump, keys in spec.connection.jump_host_keys.items():
            lines += (f"{jump} {_key(line)}" for line in keys)
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _key(line: str) -> str:
    return " ".join(line.split()[:2])


def _names(spec: HostSpec, directory: Path) -> list[str]:
    """Return the names a client may look a host up by: as declared, and by ssh_config."""
    link = spec.connection
    found = _config(link, directory)
    port = link.port if "port" in link.model_fields_set else int(str(found.get("port", 22)))
    hostname = str(found.get("hostname", link.address))
    names = (host_and_port(link.address, link.port), host_and_port(hostname, port))
    return list(dict.fromkeys(names))


def _config(link: Connection, directory: Path) -> dict[str, object]:
    """Return what ssh_config says of a host; what is wrong with it is said at its connection."""
    try:
        return looked_up(
            link.address, str(_path(link.ssh_config, directory)) if link.ssh_config else ""
        )
    except SshConfigUnusable:
        return {}


@lru_cache(maxsize=8)
def known_hosts_file(fleet: Fleet) -> Path:
    """Write the fleet's pinned keys to a file that only this process uses, and return its path."""
    text = known_hosts(fleet.hosts.values(), fleet.directory)
    # named by content: the connector remembers what it read from a path
    path = _private_directory() / sha256(text.encode()).hexdigest()[:16]
    write_text(path, text, mode=0o600)
    return path


@lru_cache(maxsize=1)
def _private_directory() -> Path:
    folder = tempfile.mkdtemp(prefix="b70fleet-pins-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
