"""What GRUB can read, as far as a fact carries it: menus, the environment block, which files exist.

Pure. Must not know what a menu does with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from facts.boot.grub_syntax import Because
from facts.value import ABSENT, Absent, Reading, Unknown

#: GRUB's folder and files on the host.
FOLDER: Final = "/boot/grub"
MENU: Final = f"{FOLDER}/grub.cfg"
BLOCK: Final = f"{FOLDER}/grubenv"
#: How a reader calls the device of that folder; GRUB's own name for it is known at boot only.
DEVICE: Final = "b70-own"
_SIGNATURE: Final = b"# GRUB Environment Block\n"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment block: its value, and its line in the file."""

    value: str
    where: Because


@dataclass(frozen=True, slots=True)
class EnvironmentBlock:
    """GRUB's environment block.

    Args:
        variables: name -> value, as GRUB takes them; none when the block is damaged.
        damage: why GRUB refuses the block; None for a good one.
        size: bytes.
        symlink: the file is a symbolic link.
    """

    variables: Mapping[str, Variable]
    damage: str | None = None
    size: int = 0
    symlink: bool = False

    def changed(self, values: Mapping[str, str], where: Because) -> EnvironmentBlock:
        """Return the block after variables were saved into it."""
        new = {name: Variable(value, where) for name, value in values.items()}
        return replace(self, variables={**self.variables, **new})


@dataclass(frozen=True, slots=True)
class GrubFiles:
    """What GRUB finds on the host's disk.

    Args:
        texts: path on the host -> a menu file, every *.cfg of GRUB's folder at least; UNKNOWN when
            it may not be read or is too large.
        block: the environment block.
        sizes: files that exist, with their sizes in bytes.
        folders: folders of which `sizes` has every file.
        uuids: how the file system with /boot/grub is called in `search --fs-uuid`, in lower case.
        platform: `pc` or `efi`.
    """

    texts: Mapping[str, Reading[str]]
    block: Reading[EnvironmentBlock] = ABSENT
    sizes: Mapping[str, int] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    uuids: frozenset[str] = frozenset()
    platform: Reading[str] = field(default_factory=lambda: Unknown("how GRUB runs was not read"))

    def place(self, path: str, device: str | None) -> str | None:
        """Return the host's path of a file as GRUB names it; None where that cannot be said.

        Args:
            path: with or without a device in front.
            device: the value of `root`: `DEVICE`, or the UUID of a file system in lower case; None
                when it is not known.
        """
        if path.startswith("("):
            device, _, path = path[1:].partition(")")
        if device != DEVICE and (device is None or device not in self.uuids):
            return None
        return "/boot/" + path.split("/boot/", 1)[1] if "/boot/" in path else f"/boot{path}"

    def size(self, place: str | None) -> Reading[int]:
        """Return the size of a file on the host, ABSENT when there is none."""
        if place is None:
            return Unknown("another file system")
        if place in self.sizes:
            return self.sizes[place]
        text = self.texts.get(place)
        if place == BLOCK and not isinstance(self.block, Unknown):
            return ABSENT if isinstance(self.block, Absent) else self.block.size
        if isinstance(text, str):
            return len(text.encode())
        if place in self.texts:
            return Unknown("it was not read")
        folder, _, name = place.rpartition("/")
        is_menu = folder == FOLDER and name.endswith(".cfg")
        if is_menu or folder in self.folders or f"{folder.rpartition('/')[0]}/*" in self.folders:
            return ABSENT
        return Unknown("nobody looked whether it is there")


def parse_block(data: bytes, *, symlink: bool = False) -> EnvironmentBlock:
    """Return an environment block as GRUB takes it apart (grub-core/lib/envblk.c).

    Args:
        data: the whole file.
        symlink: the file is a symbolic link.
    """
    size = len(data)
    if size == 0:
        return EnvironmentBlock({}, "it is empty", 0, symlink)
    if not data.startswith(_SIGNATURE):
        return EnvironmentBlock({}, "its first line is not GRUB's", size, symlink)
    found: dict[str, Variable] = {}
    at = len(_SIGNATURE)
    while at < size:
        if data[at : at + 1] != b"#":
            equals = data.find(b"=", at)
            if equals < 0:
                break
            end = _line_end(data, equals + 1)
            if end >= size:
                break  # a value without the end of its line is not taken
            name = data[at:equals].decode("utf-8", "replace")
            value = _unescaped(data[equals + 1 : end]).decode("utf-8", "replace")
            number = data.count(b"\n", 0, at) + 1
            shown = data[at:end].decode("utf-8", "replace")
            found[name] = Variable(value, Because(BLOCK, number, shown))
            at = equals + 1
        at = _line_end(data, at) + 1
    return EnvironmentBlock(found, None, size, symlink)


def _line_end(data: bytes, at: int) -> int:
    while at < len(data) and data[at] != 0x0A:
        at += 2 if data[at] == 0x5C else 1
    return at


def _unescaped(data: bytes) -> bytes:
    found, at = bytearray(), 0
    while at < len(data):
        if data[at] == 0x5C:
            at += 1
        found += data[at : at + 1]
        at += 1
    return bytes(found)
