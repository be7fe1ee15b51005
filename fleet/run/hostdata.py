"""What a host carries into pyinfra as `host.data`: the same for the engine and stock pyinfra."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from declaration.host import HostSpec
from fleet.base.atomic import write_text
from fleet.config.fleet import Fleet


def host_data(spec: HostSpec, fleet: Fleet) -> dict[str, object]:
    """Return a host's pyinfra data: spec, way to it, pinned identity; no secret values.

    Args:
        spec: one of the fleet's hosts.
    """
    link = spec.connection
    data: dict[str, object] = {
        "spec": spec,
        "probe_root": spec.probe_root,
        "secrets": fleet.resolve,
        # what the declaration names by a relative path lies there
        "fleet_directory": str(fleet.directory),
        "ssh_hostname": link.address,
        "ssh_user": link.user,
        "ssh_known_hosts_file": str(known_hosts_file(fleet)),
        "ssh_strict_host_key_checking": "yes",
        "ssh_paramiko_connect_kwargs": {"timeout": link.connect_timeout_s},
    }
    if not _port_from_ssh_config(spec):
        data["ssh_port"] = link.port
    if link.key:
        data["ssh_key"] = str(_path(link.key, fleet))
    if link.ssh_config:
        data["ssh_config_file"] = str(_path(link.ssh_config, fleet))
    if link.user != "root":
        data["_sudo"] = True
    return data


def _path(written: str, fleet: Fleet) -> Path:
    return fleet.directory / Path(written).expanduser()


def _port_from_ssh_config(spec: HostSpec) -> bool:
    """Return True if ssh_config decides the port: it is used, and no port is declared."""
    return bool(spec.connection.ssh_config) and "port" not in spec.connection.model_fields_set


def known_hosts(specs: Iterable[HostSpec], directory: Path = Path()) -> str:
    """Return the pinned keys in OpenSSH's known_hosts format.

    Args:
        specs: hosts; those without a pinned key get no line, so strict checking refuses them.
        directory: what relative ssh_config paths are relative to.
    """
    lines: list[str] = []
    for spec in specs:
        if not spec.identity.host_keys:
            continue
        names = ",".join(_names(spec, directory))
        lines += (f"{names} {' '.join(key.split()[:2])}" for key in spec.identity.host_keys)
    return "".join(f"{line}\n" for line in lines)


def _names(spec: HostSpec, directory: Path) -> list[str]:
    """Return the names a client may look a host up by: as declared, and by ssh_config."""
    link = spec.connection
    names = [_name(link.address, link.port)]
    address, port = _translated(link.address, link.ssh_config, directory)
    resolved = _name(address, port if port and _port_from_ssh_config(spec) else link.port)
    return names if resolved in names else [*names, resolved]


def _name(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"


def _translated(address: str, ssh_config: str, directory: Path) -> tuple[str, int]:
    # the connector's own reader, so that both always agree; imported late: it brings paramiko along
    from pyinfra.connectors.sshuserclient.client import get_ssh_config

    file = str(directory / Path(ssh_config).expanduser()) if ssh_config else None
    config = get_ssh_config(file)
    found = config.lookup(address) if config is not None else {}
    return str(found.get("hostname", address)), int(found.get("port", 0))


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
