"""What the firmware starts: EFI's boot variables, and the menus of boot loaders other than GRUB.

Must not know which boot loader is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import SPEAKING, Line, Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent, Reading, Unknown

#: GUID of the variables that UEFI itself defines (UEFI specification, 3.3).
GLOBALS: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#: GUID of the variables in which a boot loader says who it is (systemd's boot loader interface).
LOADER: Final = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#: Bytes of attributes in front of a variable's value in efivarfs.
_ATTRIBUTES: Final = 4
#: LOAD_OPTION_ACTIVE (UEFI specification, 3.1.3).
_ACTIVE: Final = 1
#: Types and subtypes of device path nodes (UEFI specification, 10.3).
_MEDIA, _HARD_DRIVE, _FILE, _END = 4, 1, 4, 0x7F
_OPTION: Final = re.compile(r"Boot([0-9A-F]{4})\Z")
#: How a menu looks for a file system by its UUID.
_BY_UUID: Final = re.compile(
    r"\bsearch\.fs_uuid\s+(?:--\S+\s+)*([0-9A-Fa-f-]+)"
    r"|\bsearch\s(?=.*(?:--fs-uuid|-u)\b).*\s([0-9A-Fa-f]+-[0-9A-Fa-f-]+)\s*$"
)

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class LoadOption:
    """One boot entry of the firmware.

    Args:
        number: of `Boot####`.
        description: as the firmware's menu shows it.
        active: the firmware tries it.
        path: file of the boot loader on its partition, absent for a network card or the like.
        partition: GUID of that partition, in lower case.
    """

    number: int
    description: str
    active: bool
    path: Reading[str]
    partition: Reading[str]

    @property
    def name(self) -> str:
        """Return the entry as `efibootmgr` names it."""
        return f"Boot{self.number:04X} {self.description!r}"

    def starts_the_same(self, other: LoadOption) -> bool:
        """Return True if both start one and the same file."""
        mine, theirs = self.path, other.path
        if not isinstance(mine, str) or not isinstance(theirs, str):
            return self.number == other.number
        return mine.lower() == theirs.lower() and self.partition == other.partition


@dataclass(frozen=True, slots=True)
class EfiBoot:
    """What the firmware starts.

    Args:
        current: number of the entry that this boot came from.
        next: number of the entry for the next boot alone.
        order: numbers of the entries in the order in which they are tried.
        options: number -> entry.
        odd: variables that cannot be read, each with the reason.
        loader: who started this system, as it says itself: systemd-boot does, and GRUB with bli.
        menus: entries of boot loaders that read files of their own, such as systemd-boot.
        stubs: the lines of the menus on the EFI partition that lead GRUB to /boot.
    """

    current: Reading[int]
    next: Reading[int]
    order: Reading[tuple[int, ...]]
    options: Mapping[int, LoadOption]
    odd: tuple[str, ...]
    loader: Reading[str]
    menus: tuple[str, ...]
    stubs: tuple[Line, ...] = ()

    def leads_to(self, option: LoadOption) -> tuple[str, Line] | None:
        """Return the file system to which the menu beside a boot loader leads, and the line.

        Returns:
            its UUID in lower case; None when there is no such menu, or it says nothing about that.
        """
        if not isinstance(option.path, str):
            return None
        folder = option.path.lower().rpartition("\\")[0].replace("\\", "/")
        for line in self.stubs:
            match = _BY_UUID.search(line.text)
            if match and line.path.lower() == f"/boot/efi{folder}/grub.cfg":
                return (match[1] or match[2]).lower(), line
        return None


class Efi(HostFact[Reading[EfiBoot]]):
    """The firmware's boot variables; absent on a host that booted without EFI."""

    domain = "efi"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root, globals=GLOBALS, loader=LOADER, speaking=SPEAKING)

    @override
    def parse(self, text: str) -> Reading[EfiBoot]:
        parts = Parts(text)
        menus = tuple(parts.lines("menus"))
        listed = parts.reading("variables")
        if isinstance(listed, Absent):
            return ABSENT
        stubs = parts.files("stubs").lines
        if isinstance(listed, Unknown):
            return EfiBoot(listed, listed, listed, {}, (), listed, menus, stubs)
        variables = dict(_cut(listed, bytes.fromhex(parts.need("bytes"))))
        options: dict[int, LoadOption] = {}
        odd: list[str] = []
        for name, data in variables.items():
            if match := _OPTION.match(name):
                try:
                    options[int(match[1], 16)] = load_option(int(match[1], 16), data)
                except ParseError as error:
                    odd.append(f"{name}: {error}")
        return EfiBoot(
            current=_number(variables.get("BootCurrent")),
            next=_number(variables.get("BootNext")),
            order=_numbers(variables.get("BootOrder")),
            options=dict(sorted(options.items())),
            odd=tuple(odd),
            loader=_text(variables.get("LoaderInfo")),
            menus=menus,
            stubs=stubs,
        )


def load_option(number: int, data: bytes) -> LoadOption:
    """Return an EFI_LOAD_OPTION; raise ParseError when it is cut short.

    Args:
        number: of the variable.
        data: its value, without the attributes that efivarfs puts in front.
    """
    if len(data) < 6:
        raise ParseError("it is shorter than its own head")
    attributes = int.from_bytes(data[:4], "little")
    length = int.from_bytes(data[4:6], "little")
    end = next((at for at in range(6, len(data) - 1, 2) if data[at : at + 2] == b"\0\0"), None)
    if end is None:
        raise ParseError("its description does not end")
    description = data[6:end].decode("utf-16-le", "replace")
    nodes = data[end + 2 : end + 2 + length]
    if len(nodes) < length:
        raise ParseError("its device path is cut short")
    path: Reading[str] = ABSENT
    partition: Reading[str] = ABSENT
    for kind, subkind, body in _nodes(nodes):
        if (kind, subkind) == (_MEDIA, _FILE):
            part = body.decode("utf-16-le", "replace").rstrip("\0")
            path = part if isinstance(path, Absent) else f"{path}{part}"
        elif (kind, subkind) == (_MEDIA, _HARD_DRIVE) and len(body) >= 36:
            partition = _guid(body[20:36])
    return LoadOption(number, description, bool(attributes & _ACTIVE), path, partition)


def _nodes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, subkind = data[at], data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "little")
        if length < 4 or at + length > len(data):
            raise ParseError("a node of its device path has no length")
        if kind == _END:
            return
        yield kind, subkind, data[at + 4 : at + length]
        at += length


def _guid(data: bytes) -> str:
    # the first three fields are little-endian numbers
    head = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:])
    return "-".join(part.hex() for part in head)


def _cut(listed: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and value of each variable; raise ParseError when the sizes do not fit."""
    at = 0
    for line in listed.split("\n"):
        size, _, path = line.partition(" ")
        name = path.rpartition("/")[2].partition("-")[0]
        yield name, data[at + _ATTRIBUTES : at + int(size)]
        at += int(size)
    if at != len(data):
        raise ParseError(f"{len(data)} bytes were read of {at}")


def _number(data: bytes | None) -> Reading[int]:
    if data is None:
        return ABSENT
    if len(data) != 2:
        return Unknown("it is not a number of two bytes")
    return int.from_bytes(data, "little")


def _numbers(data: bytes | None) -> Reading[tuple[int, ...]]:
    if data is None:
        return ABSENT
    if len(data) % 2:
        return Unknown("it is not a list of numbers")
    return tuple(int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))


def _text(data: bytes | None) -> Reading[str]:
    return ABSENT if data is None else data.decode("utf-16-le", "replace").rstrip("\0")
