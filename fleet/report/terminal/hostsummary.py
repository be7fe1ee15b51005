"""What a host is, in a few lines: printed at first contact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO, TypeVar

from facts.boot.kernel import Kernel, RunningKernel
from facts.disks.block import Block, Disks
from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import judge, slot_link
from facts.readings import Readings
from facts.system.identity import Identity, Who
from facts.system.memory import Memory, MemoryState
from facts.system.os_release import OperatingSystem, OsRelease
from facts.value import Unknown

T = TypeVar("T")

_GIB = 1024**3


def print_host_summary(out: TextIO, host: str, given: Readings) -> None:
    """Write a line per subject: system, kernel, machine, memory, disks, cards with links."""
    out.write(f"{host}\n")
    for subject, text in _lines(given):
        out.write(f"  {subject:<8}  {text}\n")


def _lines(given: Readings) -> Iterator[tuple[str, str]]:
    yield from _about("system", given[OsRelease], _system)
    yield from _about("kernel", given[Kernel], _kernel)
    yield from _about("machine", given[Identity], _machine)
    yield from _about("memory", given[Memory], _memory)
    yield from _about("disks", given[Block], _disks)
    yield from _about("cards", given[GpuLinks], _cards)


def _about(
    subject: str, reading: T | Unknown, lines: Callable[[T], Iterator[str]]
) -> Iterator[tuple[str, str]]:
    found = iter([str(reading)]) if isinstance(reading, Unknown) else lines(reading)
    return ((subject, line) for line in found)


def _system(system: OperatingSystem) -> Iterator[str]:
    yield f"{system.pretty_name} ({system.arch}, {system.virtualization})"


def _kernel(kernel: RunningKernel) -> Iterator[str]:
    yield f"{kernel.release}, B70 known: {kernel.knows_b70}"


def _machine(who: Who) -> Iterator[str]:
    yield f"{who.board.vendor} {who.board.name}, serial {who.dmi_serial}"
    yield f"machine-id {who.machine_id}"


def _memory(memory: MemoryState) -> Iterator[str]:
    yield f"{memory.total / _GIB:.1f} GiB, ECC: {memory.ecc}"


def _disks(storage: Disks) -> Iterator[str]:
    if isinstance(storage.devices, tuple):
        for device in storage.devices:
            if device.type == "disk":
                yield f"{device.name}  {device.size / _GIB:.0f} GiB  {device.model}"
    for target, room in storage.room.items():
        yield f"{target}  {room.free / _GIB:.1f} of {room.size / _GIB:.1f} GiB free"


def _cards(cards: tuple[Card, ...]) -> Iterator[str]:
    if not cards:
        yield "none"
    for card in cards:
        judged = judge(card)
        link = slot_link(card)
        shown = link.reason if isinstance(link, Unknown) else f"{link.current} ({judged.state})"
        yield f"{card.bdf}  {card.name}  {shown}"
