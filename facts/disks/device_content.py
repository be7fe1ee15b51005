"""What lies on one block device, read from the device itself: signatures, users, data.

`lsblk` repeats what udev saw last; before a device is formatted only the device's own bytes count.
The same text runs once more in the command that formats (operations.storage.filesystem). Must not
know what the device is meant for.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError, wrap
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent, Reading

CONTENT: Final = shell_text(__file__)

_DEVICE: Final = re.compile(r"^device (\S+) (\d+:\d+) (\d+)$")


@dataclass(frozen=True, slots=True)
class Content:
    """One block device.

    Attributes:
        path: the device node that the name led to.
        number: `major:minor`.
        size: bytes.
        fstype: of the one signature that blkid sees; absent on a bare or a partitioned device.
        signatures: everything that wipefs(8) would wipe, as `type at offset`.
        holders: devices on top (LVM, RAID, dm-crypt).
        mounted: mount points.
        data: offsets in bytes where something else than zeros was found (no signature there).
    """

    path: str
    number: str
    size: int
    read_only: bool
    fstype: Reading[str]
    uuid: Reading[str]
    label: Reading[str]
    pttype: Reading[str]
    signatures: tuple[str, ...]
    holders: tuple[str, ...]
    partitions: tuple[str, ...]
    mounted: tuple[str, ...]
    swap: bool
    data: tuple[int, ...]

    def occupied(self) -> list[str]:
        """Return everything that speaks against formatting; empty = truly blank."""
        reasons = [f"signature {mark}" for mark in self.signatures]
        if isinstance(self.fstype, str) and not reasons:
            reasons.append(f"signature {self.fstype}")
        if isinstance(self.pttype, str):
            reasons.append(f"partition table {self.pttype}")
        reasons += [f"partition {name}" for name in self.partitions]
        reasons += [f"in use by {name}" for name in self.holders]
        reasons += [f"mounted on {place}" for place in self.mounted]
        reasons += ["in use as swap"] * self.swap
        reasons += ["read-only"] * self.read_only
        reasons += [f"data without a signature at byte {at}" for at in self.data]
        return reasons


class DeviceContent(HostFact["Content | Absent"]):
    """What lies on one block device; ABSENT when there is no such device. Needs root."""

    timeout_s: ClassVar[int] = 30

    @override
    def command(self, device: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(f"{CONTENT}content {shlex.quote(device)}", self.timeout_s)

    @override
    def parse(self, text: str) -> Content | Absent:
        lines = [line for line in text.split("\n") if line]
        if not lines:
            raise ParseError("nothing was printed")
        if lines[0].startswith("gone "):
            return ABSENT
        head = _DEVICE.match(lines[0])
        if head is None:
            raise ParseError(f"not a device line: {lines[0]!r}")
        named: dict[str, str] = {}
        listed: dict[str, list[str]] = {}
        for line in lines[1:]:
            key, separator, value = line.partition("=")
            if separator and key.isupper():
                named.setdefault(key, value)
                continue
            word, _, rest = line.partition(" ")
            if word not in _WORDS:
                raise ParseError(f"not understood: {line!r}")
            listed.setdefault(word, []).append(rest)
        return Content(
            path=head[1],
            number=head[2],
            size=int(head[3]),
            read_only="readonly" in listed,
            fstype=named.get("TYPE", ABSENT),
            uuid=named.get("UUID", ABSENT),
            label=named.get("LABEL", ABSENT),
            pttype=named.get("PTTYPE", ABSENT),
            signatures=tuple(listed.get("signature", ())),
            holders=tuple(listed.get("holder", ())),
            partitions=tuple(listed.get("part", ())),
            mounted=tuple(listed.get("mounted", ())),
            swap="swap" in listed,
            data=tuple(map(int, listed.get("data", ()))),
        )


_WORDS: Final = ("readonly", "signature", "holder", "part", "mounted", "swap", "data")
