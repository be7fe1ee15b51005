"""The next step for one card whose link or window is not right, by the state that was found. Pure.

A step must work in exactly that state: a boot of a virtual machine changes no link of its host's
slot, and a switch in the BIOS makes no room that a bridge holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from facts.pci.gpu_card import Card, Link
from facts.pci.gpu_fault import Fault
from facts.pci.gpu_link_state import LinkState
from facts.value import ABSENT, Absent

#: What the kernel says when a bridge has no room for a larger window.
_NO_ROOM: Final = re.compile(r"-ENOSPC|no space", re.IGNORECASE)
#: Slowest link on which several cards shared a model in a measured run
#: (docs/evidence.md#link-effect).
_MEASURED: Final = Link(3, 16)


def link_step(card: Card, state: LinkState, power_step: str) -> str | Absent:
    """Return what to do about a link that cannot be judged; ABSENT where nothing is to be done.

    Args:
        card: as it was read.
        state: what its link was judged to be.
        power_step: the way back for a card that was switched off.
    """
    if state is LinkState.VF:
        return "judge the card itself on the machine that owns it; a virtual function has no link"
    if state is LinkState.DEAD:
        return power_step
    if state is LinkState.SURVIVABILITY:
        return (
            "save `journalctl -k -b`, then boot cold; if it stays, flash the card's firmware by "
            "the maker's instructions"
        )
    if not card.shows_its_board and state in (LinkState.UNKNOWN, LinkState.SUSPENDED):
        return (
            "this looks like a virtual machine: the card's own port (8086:e2ff) is not visible. "
            "Read the link on the guest's host, as root: `b70 facts THAT_HOST gpu_link`, or "
            "`lspci -vv -d 8086:e2ff`. A boot of the guest changes nothing"
        )
    if state is LinkState.SUSPENDED:
        return "switch runtime power management off (gate power-control) and read again"
    if state is LinkState.UNKNOWN:
        return (
            "read again as root while the card is busy; an unreadable link is never taken for a "
            "slow or a fast one. If it stays so, boot cold"
        )
    return ABSENT


def bar_step(card: Card, faults: Iterable[Fault]) -> str | Absent:
    """Return what to do about a window that is too small; ABSENT for one that is whole."""
    if card.whole_vram_in_bar is not False:
        return ABSENT
    if not card.shows_its_board:
        return (
            "in a virtual machine the window is made by its host: enlarge BAR 2 there before the "
            "guest starts (resource2_resize in sysfs), and give the guest's firmware room for it"
        )
    bios = "in the BIOS switch on Above 4G Decoding and Resizable BAR, then boot cold"
    if any(fault.kind == "small-bar" and _NO_ROOM.search(fault.line) for fault in faults):
        return (
            f"a bridge above the card has no room for the whole window (-ENOSPC). {bios[0].upper()}"
            f"{bios[1:]}. If both are on already, it is a limit of the kernel: the card's own "
            "bridge (8086:e2ff) holds a BAR of its own in that window, and kernels up to 7.1 do "
            "not let go of it; try pci=realloc, another kernel or another slot"
        )
    return f"{bios}; switch off SR-IOV reservations if they starve the bridge"


def describe_rate(link: Link) -> str:
    """Return what a slot link carries and whether sharing a model was ever measured on it."""
    rate = f"{link.gbps:.1f} GB/s each way"
    if link.gbps < _MEASURED.gbps:
        return f"{rate}, less than the slowest link that was measured (8 GT/s x16)"
    if link.width < _MEASURED.width:
        return f"{rate}, enough, but nobody measured {link.width} lanes"
    return f"{rate}, as measured"
