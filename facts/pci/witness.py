"""sysfs against xpu-smi: two witnesses of the same card. Pure.

sysfs is the oracle. Where both speak and agree, the value stands; where they differ, it is UNKNOWN
and carries both. A silent xpu-smi (not root, not installed, hung) takes nothing from sysfs; xpu-smi
alone proves nothing that sysfs should know. Survivability mode is for sysfs alone to say. ECC is
known to xpu-smi only, but it takes an eighth of the VRAM, which sysfs sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from facts.pci.gpu_card import BATTLEMAGE, Card, Link
from facts.pci.gpu_link_state import slot_hop
from facts.pci.xpu_smi_parse import XpuDevice, XpuSmiReport
from facts.value import Absent, Reading, Unknown

T = TypeVar("T")

_NOT_LISTED: Final = "xpu-smi does not list this card"
#: VRAM of a B70 in bytes between that with ECC (28 GiB) and that without (32 GiB less 0.1).
_ECC_BELOW: Final = 30 << 30


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What both tools together say about one card.

    Attributes:
        max_gen, max_width: what the card's upstream port can do.
        downgraded: the card fell back from Gen5 to Gen4 while training.
        ecc: VRAM ECC; UNKNOWN while the pending state differs, since a reboot will change it, and
            where the VRAM says otherwise: xpu-smi 2.x prints `disabled` also where it could not
            read it (intel/xpumanager ial/cmn/cmd_config.cpp getMemoryEccStates, issue 169).
        dispute: xpu-smi's word against what sysfs decides, with both values; None without one.
    """

    bdf: str
    max_gen: Reading[int]
    max_width: Reading[int]
    downgraded: Reading[bool]
    ecc: Reading[bool]
    dispute: str | None = None


@dataclass(frozen=True, slots=True)
class Testimony:
    """All cards of sysfs, and the Battlemage devices that only xpu-smi sees."""

    cards: tuple[Witnessed, ...]
    strangers: tuple[str, ...]


def compare(cards: Sequence[Card], xpu: XpuSmiReport | Absent | Unknown) -> Testimony:
    """Return the common testimony about every card."""
    if isinstance(xpu, Unknown | Absent):
        silent = Unknown(f"no word from xpu-smi: {_plain(xpu)}")
        return Testimony(tuple(_unwitnessed(card, silent) for card in cards), ())
    devices = {device.bdf: device for device in xpu.devices}
    known = {card.bdf for card in cards}
    return Testimony(
        cards=tuple(_witnessed(card, devices.get(card.bdf)) for card in cards),
        strangers=tuple(
            device.bdf
            for device in xpu.devices
            if device.bdf not in known
            and device.pci_device_id in BATTLEMAGE
            and device.function != "virtual"
        ),
    )


def _witnessed(card: Card, device: XpuDevice | None) -> Witnessed:
    if device is None:
        missing = Unknown(f"{_NOT_LISTED}; sysfs does")
        return Witnessed(card.bdf, missing, missing, missing, missing)
    gen, width = _card_maximum(card)
    return Witnessed(
        bdf=card.bdf,
        max_gen=_agree("maximum generation", gen, device.max_gen),
        max_width=_agree("maximum width", width, device.max_width),
        downgraded=_agree("downgrade state", card.downgrade_status, device.downgraded),
        ecc=_ecc(card, device),
        dispute=_dispute(card, device),
    )


def _unwitnessed(card: Card, silent: Unknown) -> Witnessed:
    gen, width = _card_maximum(card)
    return Witnessed(
        bdf=card.bdf,
        max_gen=_agree("maximum generation", gen, silent),
        max_width=_agree("maximum width", width, silent),
        downgraded=_agree("downgrade state", card.downgrade_status, silent),
        ecc=silent,
    )


def _card_maximum(card: Card) -> tuple[Reading[int], Reading[int]]:
    slot = slot_hop(card)
    if isinstance(slot, Unknown):
        return slot, slot
    if isinstance(slot.maximum, Link):
        return slot.maximum.gen, slot.maximum.width
    return slot.maximum, slot.maximum


def _agree(what: str, oracle: Reading[T], witness: Reading[T]) -> Reading[T]:
    if isinstance(oracle, Unknown | Absent):
        if isinstance(witness, Unknown | Absent):
            return oracle
        return Unknown(f"{what}: sysfs says {_plain(oracle)}, xpu-smi alone says {witness}")
    if isinstance(witness, Unknown | Absent) or oracle == witness:
        return oracle
    return Unknown(f"{what}: sysfs says {oracle}, xpu-smi says {witness}")


def _ecc(card: Card, device: XpuDevice) -> Reading[bool]:
    now, pending = device.ecc, device.ecc_pending
    if isinstance(now, Unknown | Absent):
        return now
    if now != pending:
        return Unknown(f"ECC is {_on(now)} now, {_on(pending)} after the next reboot")
    size = card.vram_bytes
    if card.is_b70 and isinstance(size, int) and now != (size < _ECC_BELOW):
        vram = f"{size / (1 << 30):.1f} GiB of VRAM"
        return Unknown(f"xpu-smi says that ECC is {_on(now)}, sysfs shows {vram}")
    return now


def _dispute(card: Card, device: XpuDevice) -> str | None:
    """Return what xpu-smi says against sysfs about survivability mode."""
    if not isinstance(device.state, str):
        return None
    if isinstance(card.survivability, Absent) == (device.state == "normal"):
        return None
    return f"xpu-smi says {device.state!r}, survivability_mode in sysfs: {card.survivability}"


def _on(state: Reading[bool]) -> str:
    return ("enabled" if state else "disabled") if isinstance(state, bool) else _plain(state)


def _plain(reading: Unknown | Absent) -> str:
    return reading.reason if isinstance(reading, Unknown) else "it is absent"
