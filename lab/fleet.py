"""Writes a fleet directory for running machines: hosts, pinned identities, package sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from lab import rigshape
from lab.machines import PROBE_INSIDE, Machine
from lab.mirror import Source
from lab.rigshape import RigShape
from lab.vm.kernels import Kernel
from lab.vm.machine import VirtualMachine

#: Stack of virtual machines that `b70 lab up --vm` starts.
_VM_STACK: Final = "lab-vm"


def host_entry(machine: Machine | VirtualMachine, shape: RigShape) -> dict[str, Any]:
    """Return a machine's entry in hosts.yaml; a virtual machine has a /sys of its own."""
    virtual = isinstance(machine, VirtualMachine)
    return {
        "kind": "lab",
        "address": machine.address,
        # under emulation one sudo takes seconds; the nspawn machines have it in their way
        "user": "root" if virtual else machine.user,
        "key": str(machine.key),
        "groups": ["vm" if virtual else "lab"],
        "identity": {
            "host_keys": [machine.host_key],
            "machine_id": machine.machine_id,
            "dmi_serial": shape.serial,
        },
        # an emulated CPU takes its time over the handshake
        **({"connect_timeout_s": 60} if virtual else {"probe_root": str(PROBE_INSIDE)}),
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


def write_fleet(
    folder: Path,
    machines: Iterable[tuple[Machine | VirtualMachine, RigShape]],
    sources: Mapping[str, Mapping[str, Source]],
    snapshot: str,
    stack: str,
    newer: Kernel | None = None,
) -> None:
    """Write hosts.yaml, a file per group in group_data/groups/ and the keys below `folder`.

    Args:
        folder: fleet directory; made when missing, other files in it stay.
        machines: what runs, with the rig that each shows.
        sources: group -> the mirror's sources for it.
        snapshot: snapshot id for the sources that have snapshots.
        stack: name of the stack of group lab; empty = no GPU userspace.
        newer: kernel that group vm's stack moves to; None = that group has no stack.
    """
    groups = folder / "group_data" / "groups"
    groups.mkdir(parents=True, exist_ok=True)
    (folder / "keys").mkdir(exist_ok=True)
    hosts = {machine.name: host_entry(machine, shape) for machine, shape in machines}
    _write_yaml(folder / "hosts.yaml", {"hosts": hosts})
    for group, offered in sources.items():
        entries = {source.name: source_entry(source, snapshot) for source in offered.values()}
        values: dict[str, Any] = {"apt": {"sources": entries}}
        if stack and group == "lab":
            values["stack"] = stack
        if newer and group == "vm":
            values["stack"] = _VM_STACK
        _write_yaml(groups / f"{group}.yaml", values)
        for source in offered.values():
            (folder / "keys" / f"{source.name}.asc").write_text(source.armored)
    if newer:
        stacks = folder / "group_data" / "stacks"
        stacks.mkdir(exist_ok=True)
        about = {"name": _VM_STACK, "title": "The newer kernel", "boot": boot_set(newer)}
        _write_yaml(stacks / f"{_VM_STACK}.yaml", {"stack": about})


def _write_yaml(path: Path, data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(f"# Written by `b70 lab up`; the next one overwrites it.\n{text}")
