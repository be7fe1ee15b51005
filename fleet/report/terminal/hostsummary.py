"""What a host is, in a few lines: printed at first contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TextIO

from facts.boot.kernel import RunningKernel
from facts.disks.block import Storage
from facts.pci.gpu_card import Card
from facts.pci.gpu_link_state import judge, slot_link
from facts.system.identity import Who
from facts.system.memory import MemoryState
from facts.system.os_release import OperatingSystem
from facts.value import Unknown

_GIB = 1024**3


def print_host_summary(out: TextIO, host: str, readings: Mapping[str, object]) -> None:
    """Write a line per subject: system, kernel, machine, memory, disks, cards with links."""
    out.write(f"{host}\n")
    for subject, text in _lines(readings):
        out.write(f"  {subject:<8}  {text}\n")


def _lines(readings: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for domain, subject in (
        ("os", "system"),
        ("kernel", "kernel"),
        ("identity", "machine"),
        ("memory", "memory"),
        ("block", "disks"),
        ("gpu_link", "cards"),
    ):
        value = readings.get(domain, Unknown("not read"))
        if isinstance(value, Unknown):
            yield subject, str(value)
        elif isinstance(value, OperatingSystem):
            yield subject, f"{value.pretty_name} ({value.arch}, {value.virtualization})"
        elif isinstance(value, RunningKernel):
            yield subject, f"{value.release}, B70 known: {value.knows_b70}"
        elif isinstance(value, Who):
            yield subject, f"{value.board.vendor} {value.board.name}, serial {value.dmi_serial}"
            yield subject, f"machine-id {value.machine_id}"
        elif isinstance(value, MemoryState):
            yield subject, f"{value.total / _GIB:.1f} GiB, ECC: {value.ecc}"
        elif isinstance(value, Storage):
            yield from ((subject, text) for text in _disks(value))
        elif isinstance(value, tuple):
            yield from ((subject, text) for text in _cards(value))


def _disks(storage: Storage) -> Iterator[str]:
    if isinstance(storage.devices, tuple):
        for device in storage.devices:
            if device.type == "disk":
                yield f"{device.name}  {device.size / _GIB:.0f} GiB  {device.model}"
    for target, room in storage.room.items():
        yield f"{target}  {room.free / _GIB:.1f} of {room.size / _GIB:.1f} GiB free"


def _cards(cards: tuple[object, ...]) -> Iterator[str]:
    found = [card for card in cards if isinstance(card, Card)]
    if not found:
        yield "none"
    for card in found:
        judged = judge(card)
        link = slot_link(card)
        shown = link.reason if isinstance(link, Unknown) else f"{link.current} ({judged.state})"
        yield f"{card.bdf}  {card.name}  {shown}"
