"""Probe records (gpu_link.sh, schema 2) -> cards. Pure; refuses what it does not recognise.

Output that was cut off must never become a host with fewer cards: its last line counts cards and
hops.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from facts.base import ParseError
from facts.pci.gpu_card import BATTLEMAGE, INTEL, LINK_WIDTHS, Card, Hop, Link
from facts.value import ABSENT, Reading, Unknown

T = TypeVar("T")

SCHEMA: Final = "2"
_CARD_FIELDS: Final = 28
_HOP_FIELDS: Final = 16
_BDF: Final = re.compile(r"[0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
#: Text before " GT/s" -> generation; kernels before 5.7 print "8 GT/s" without the decimal.
_GENERATION: Final = {
    "2.5": 1, "5.0": 2, "5": 2, "8.0": 3, "8": 3, "16.0": 4, "16": 4, "32.0": 5, "32": 5,
    "64.0": 6, "64": 6, "128.0": 7, "128": 7,
}  # fmt: skip
#: Link width of a config space that reads as ones: 6 bits of LnkSta, or a whole byte.
_ALL_ONES: Final = frozenset({"63", "255"})


def parse_cards(text: str) -> tuple[Card, ...]:
    """Return the Battlemage cards ordered by PCI address; other Intel GPUs are left out.

    Raises:
        ParseError: another schema, a malformed or missing record.
    """
    rows = [line.split("\t") for line in text.split("\n")]
    if rows[-1] == [""]:
        rows.pop()
    if len(rows) < 2 or rows[0][0] != "S" or rows[-1][0] != "E":
        raise ParseError("probe output is cut off")
    schema, uid = _exactly(rows[0], 3)[1:]
    if schema != SCHEMA:
        raise ParseError(f"probe schema {schema!r}, expected {SCHEMA}")
    field = _Field(is_root=uid == "0")
    cards: list[tuple[list[str], list[Hop]]] = []
    for row in rows[1:-1]:
        if row[0] == "G":
            cards.append((_exactly(row, _CARD_FIELDS), []))
        elif row[0] == "L" and cards:
            _add_hop(field, _exactly(row, _HOP_FIELDS), *cards[-1])
        else:
            raise ParseError(f"unexpected record {row[0]!r}")
    counted = (str(len(cards)), str(sum(len(hops) for _, hops in cards)))
    if tuple(rows[-1][1:]) != counted:
        raise ParseError(f"probe output is cut off: {counted} records, {rows[-1][1:]} announced")
    if any(not hops for _, hops in cards):
        raise ParseError("a card without hops")
    if len({row[1] for row, _ in cards}) != len(cards):
        raise ParseError("the same card twice")
    found = [_card(field, row, tuple(hops)) for row, hops in cards if _hex(row[2]) in BATTLEMAGE]
    return tuple(sorted(found, key=lambda card: address_key(card.bdf)))


def address_key(bdf: str) -> tuple[int, ...]:
    """Return a sort key that orders PCI addresses by number (domains have 4 or 5 digits)."""
    return tuple(int(part, 16) for part in re.split(r"[:.]", bdf))


class _Field:
    """Turns one field into a reading; knows whether the probe ran as root."""

    def __init__(self, *, is_root: bool) -> None:
        self._unreadable = Unknown("the file cannot be read" if is_root else "needs root")

    def read(self, raw: str, convert: Callable[[str], T]) -> Reading[T]:
        if raw == "-":
            return ABSENT
        if raw == "!":
            return self._unreadable
        if raw == "z":
            return Unknown("not read, because it would wake the card")
        try:
            return convert(raw)
        except ValueError:
            return Unknown("unexpected content", raw)

    def text(self, raw: str) -> Reading[str]:
        return self.read(raw, str)

    def number(self, raw: str) -> Reading[int]:
        return self.read(raw, lambda value: int(value, 0))

    def flag(self, raw: str) -> Reading[bool]:
        return self.read(raw, _flag)

    def link(self, speed: str, width: str) -> Reading[Link]:
        """Judge the width first: a dead card shows a believable 64.0 GT/s beside width 63."""
        lanes = self.read(width, int)
        if not isinstance(lanes, int):
            return lanes
        if lanes not in LINK_WIDTHS:
            return Unknown(f"width {lanes} is not a link width", f"{speed} x{width}")
        return self.read(speed, lambda value: Link(_generation(value), lanes))


def _flag(raw: str) -> bool:
    if raw not in ("0", "1"):
        raise ValueError(raw)
    return raw == "1"


def _generation(speed: str) -> int:
    if speed.split(" ", 1)[0] not in _GENERATION:
        raise ValueError(speed)
    return _GENERATION[speed.split(" ", 1)[0]]


def _sizes(mask: str) -> tuple[int, ...]:
    """Bit n of resource2_resize stands for 2^n MiB."""
    if len(mask) > 18:
        raise ValueError(mask)
    bits = int(mask, 16)
    return tuple(1 << n for n in range(bits.bit_length()) if bits >> n & 1)


def _exactly(row: Sequence[str], count: int) -> list[str]:
    if len(row) != count:
        raise ParseError(f"record {row[0]!r} has {len(row)} fields, expected {count}")
    return list(row)


def _hex(raw: str) -> int:
    if not re.fullmatch(r"0x[0-9a-f]{4,6}", raw):
        raise ParseError(f"{raw!r} is not a PCI id")
    return int(raw, 16)


def _bdf(raw: str) -> str:
    if not _BDF.fullmatch(raw):
        raise ParseError(f"{raw!r} is not a PCI address")
    return raw


def _add_hop(field: _Field, row: list[str], card: list[str], hops: list[Hop]) -> None:
    (_, owner, depth, bdf, vendor, device, _class, cur_speed, cur_width, max_speed, max_width,
     correctable, nonfatal, fatal, l1, runtime) = row  # fmt: skip
    if owner != card[1] or depth != str(len(hops)) or (not hops and bdf != owner):
        raise ParseError(f"hop {bdf} of {owner} is out of order")
    hops.append(
        Hop(
            depth=len(hops),
            bdf=_bdf(bdf),
            vendor=_hex(vendor),
            device=_hex(device),
            current=field.link(cur_speed, cur_width),
            maximum=field.link(max_speed, max_width),
            all_ones=cur_width in _ALL_ONES,
            aer_correctable=field.number(correctable),
            aer_nonfatal=field.number(nonfatal),
            aer_fatal=field.number(fatal),
            l1_aspm=field.flag(l1),
            runtime_status=field.text(runtime),
        )
    )


def _card(field: _Field, row: list[str], hops: tuple[Hop, ...]) -> Card:
    (_, bdf, device, _class, _revision, subvendor, subdevice, numa, driver, iommu, physfn,
     _totalvfs, numvfs, drm_card, render, bar2, sizes, control, runtime, power_state, d3cold,
     capable, status, survivability, boot_vga, _hwmon, cap, vram) = row  # fmt: skip
    if hops[0].vendor != INTEL:
        raise ParseError(f"{bdf} is not an Intel function")
    return Card(
        bdf=_bdf(bdf),
        device_id=_hex(device),
        subsystem=(field.number(subvendor), field.number(subdevice)),
        numa_node=field.number(numa),
        driver=field.text(driver),
        iommu_group=field.text(iommu),
        physfn=field.text(physfn),
        sriov_numvfs=field.number(numvfs),
        drm_card=field.text(drm_card),
        drm_render=field.text(render),
        bar2_mib=field.number(bar2),
        bar2_sizes=field.read(sizes, _sizes),
        power_control=field.text(control),
        runtime_status=field.text(runtime),
        power_state=field.text(power_state),
        d3cold_allowed=field.flag(d3cold),
        downgrade_capable=field.flag(capable),
        downgrade_status=field.flag(status),
        survivability=field.text(survivability),
        boot_vga=field.flag(boot_vga),
        power1_cap_uw=field.number(cap),
        vram_bytes=field.number(vram),
        hops=hops,
    )
