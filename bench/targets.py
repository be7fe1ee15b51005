"""The measured hosts as each tool's inventory wants them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml


@dataclass(frozen=True, slots=True)
class Target:
    """One host and the way to it.

    Attributes:
        host_key: pinned public key line, "ssh-ed25519 AAAA…".
    """

    name: str
    address: str
    port: int
    user: str
    key: str
    host_key: str


def through(targets: Iterable[Target], ports: Sequence[int]) -> list[Target]:
    """Return the same hosts, reached through local ports (a delay proxy's)."""
    return [
        replace(target, address="127.0.0.1", port=port)
        for target, port in zip(targets, ports, strict=True)
    ]


def known_hosts(targets: Iterable[Target]) -> str:
    """Return the pinned keys in OpenSSH's format."""
    return "".join(f"{_known_name(target)} {target.host_key}\n" for target in targets)


def _known_name(target: Target) -> str:
    return target.address if target.port == 22 else f"[{target.address}]:{target.port}"


def ssh_command(target: Target, known: Path, *remote: str) -> list[str]:
    """Return OpenSSH's words for one cold connection."""
    return [
        "ssh",
        "-F/dev/null",
        f"-i{target.key}",
        f"-p{target.port}",
        "-oIdentitiesOnly=yes",
        "-oStrictHostKeyChecking=yes",
        f"-oUserKnownHostsFile={known}",
        "-oBatchMode=yes",
        "-oControlPath=none",
        "-oLogLevel=ERROR",
        f"{target.user}@{target.address}",
        *remote,
    ]


def stock_hosts(targets: Iterable[Target], known: Path) -> list[tuple[str, dict[str, object]]]:
    """Return the hosts as a stock pyinfra inventory lists them."""
    return [
        (
            target.name,
            {
                "ssh_hostname": target.address,
                "ssh_port": target.port,
                "ssh_user": target.user,
                "ssh_key": target.key,
                "ssh_known_hosts_file": str(known),
                "ssh_strict_host_key_checking": "yes",
                "ssh_look_for_keys": False,
                "ssh_allow_agent": False,
                "_sudo": True,
            },
        )
        for target in targets
    ]


def fleet_hosts(hosts_yaml: str, targets: Iterable[Target]) -> str:
    """Return a fleet's hosts.yaml with only these hosts, reached as the targets say."""
    written = cast("Mapping[str, dict[str, Any]]", yaml.safe_load(hosts_yaml)["hosts"])
    hosts = {
        target.name: {**written[target.name], "address": target.address, "port": target.port}
        for target in targets
    }
    return yaml.safe_dump({"hosts": hosts}, sort_keys=False)
