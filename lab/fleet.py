"""Writes a fleet directory for running machines: hosts, pinned identities, package sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import releases, rigshape
from lab.catalog import BOOTABLE
from lab.host import LabHost
from lab.kinds import Kind
from lab.machines import PROBE_INSIDE
from lab.mirror import Mirror, Source
from lab.releases import Release
from lab.settings import Settings
from lab.vm.kernels import Kernel


@dataclass(frozen=True, slots=True)
class GroupFile:
    """What one group of the fleet directory is written from.

    Args:
        sources: the mirror's sources for its machines.
        stack: name of the stack that it follows; empty = none, or the one made for `newer`.
        newer: kernel that its machines are to move to; a stack of the group's own says so.
    """

    sources: Mapping[str, Source]
    stack: str = ""
    newer: Kernel | None = None


def group_name(kind: Kind, release: Release) -> str:
    """Return the group of the machines of a kind and release: "lab", "vm-trixie"."""
    return releases.qualified(kind.group, release)


def host_entry(machine: LabHost) -> dict[str, Any]:
    """Return a machine's entry in hosts.yaml."""
    kind, shape = machine.kind, machine.shape
    timeout = kind.connect_timeout_s
    return {
        "kind": "lab",
        "address": machine.address,
        "user": "root" if kind.logs_in_as_root else machine.user,
        "key": str(machine.key),
        "groups": [group_name(kind, releases.named(machine.release))],
        "identity": {
            "host_keys": [machine.host_key],
            "machine_id": machine.machine_id,
            "dmi_serial": shape.serial,
        },
        **({"connect_timeout_s": timeout} if timeout else {}),
        **({"probe_root": str(PROBE_INSIDE)} if kind.simulated else {}),
        "hardware": {
            "cards": [
                {
                    "slot": card.slot,
                    "bdf": rigshape.gpu_address(shape, index),
                    "label": card.label,
                }
                for index, card in enumerate(shape.cards)
            ],
            "board": shape.board,
        },
    }


def source_entry(source: Source, snapshot: str) -> dict[str, Any]:
    """Return a source's entry below `apt: sources:`.

    Args:
        source: the mirror's source.
        snapshot: snapshot id; ignored for a source without snapshots.
    """
    entry: dict[str, Any] = {
        "uris": [source.url],
        "suites": [source.suite],
        "components": [source.component],
        "key": {"fingerprint": source.fingerprint, "file": f"keys/{source.name}.asc"},
        "origin": source.origin,
        "owns": list(source.packages),
    }
    if source.snapshots:
        entry["snapshot"] = snapshot
    return entry


def boot_set(newer: Kernel) -> dict[str, Any]:
    """Return the boot set that moves a virtual machine to the newer kernel of the mirror."""
    return {
        "kernel": {
            "package": newer.package,
            "version": newer.version,
            "extra": {newer.modules: newer.version},
        },
        "cmdline": {"present": ["xe.disable_display=1", "panic=10"], "absent": ["nomodeset"]},
        "xe_options": {"probe_display": "0"},
    }


def group_files(
    settings: Settings, machines: Iterable[LabHost], stack: str, *, boot_set: bool
) -> dict[str, GroupFile]:
    """Return what is written for each group that some machines are in, by its name.

    Args:
        settings: the lab.
        machines: the machines.
        stack: stack of machines without a kernel of their own; empty = none.
        boot_set: the others get a stack with the newer kernel; else they have none.
    """
    found = {}
    for kind, release in {(machine.kind, releases.named(machine.release)) for machine in machines}:
        sources = Mirror(settings).sources(release, kind)
        name = group_name(kind, release)
        if kind not in BOOTABLE:
            found[name] = GroupFile(sources, stack)
            continue
        image = BOOTABLE[kind].images(settings, release).load()
        found[name] = GroupFile(sources, newer=image.newer if image and boot_set else None)
    return found


def write_fleet(
    folder: Path,
    machines: Iterable[LabHost],
    groups: Mapping[str, GroupFile],
    snapshot: str,
) -> None:
    """Write hosts.yaml, a file per group in group_data/groups/ and the keys below `folder`.

    Args:
        folder: fleet directory; made when missing, other files in it stay.
        machines: what runs.
        groups: name -> what is written for it.
        snapshot: snapshot id for the sources that have snapshots.
    """
    group_data = folder / "group_data"
    for part in (folder / "keys", group_data / "groups", group_data / "stacks"):
        part.mkdir(parents=True, exist_ok=True)
    hosts = {machine.name: host_entry(machine) for machine in machines}
    _write_yaml(folder / "hosts.yaml", {"hosts": hosts})
    for name, group in groups.items():
        sources = group.sources.values()
        entries = {source.name: source_entry(source, snapshot) for source in sources}
        values: dict[str, Any] = {"apt": {"sources": entries}}
        stack = group.stack
        if group.newer:
            stack = f"lab-{name}"
            about = {"name": stack, "title": "The newer kernel", "boot": boot_set(group.newer)}
            _write_yaml(group_data / "stacks" / f"{stack}.yaml", {"stack": about})
        if stack:
            values["stack"] = stack
        _write_yaml(group_data / "groups" / f"{name}.yaml", values)
        for source in sources:
            (folder / "keys" / f"{source.name}.asc").write_text(source.armored)


def _write_yaml(path: Path, data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(f"# Written by `b70 lab up`; the next one overwrites it.\n{text}")
