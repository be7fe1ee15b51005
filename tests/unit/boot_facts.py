"""Facts of an imaginary host with GRUB, two kernels and boot sets, as tests need them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from declaration.boot import BootSet
from facts.boot.grub_choice import Choice
from facts.boot.grub_files import BLOCK
from facts.boot.grub_syntax import Because
from facts.boot.kernel import ModprobeXe, RunningKernel, XeModule
from facts.boot.kernel_files import KernelContents
from facts.boot.loader import Boot, BootFile, BootState, InstalledKernel, MenuEntry
from facts.boot.sets import HostSets, Manifest, Recorded, Seen, SetOnHost
from facts.parts import Line
from facts.value import ABSENT
from tests.unit.fact_frame import read

OLD = "7.0.0-31-generic"
NEW = "7.0.0-38-generic"
#: Second at which everything on the imaginary host was made.
MADE = 1_000_000
TOKENS = ("quiet", "xe.disable_display=1")

INITRD = (f"usr/lib/modules/{NEW}/kernel/drivers/gpu/drm/xe/xe.ko.zst",)
FIRMWARE = ("usr/lib/firmware/xe/bmg_guc_70.bin.zst",)


def running(release: str = OLD, tokens: tuple[str, ...] = ("quiet",), **changes: Any) -> Any:
    """Return a kernel that runs."""
    values: dict[str, Any] = {
        "release": release,
        "cmdline": " ".join(tokens),
        "tokens": tokens,
        "boot_id": "b",
        "xe": XeModule("Live", "", "S", {}),
        "modprobe": ModprobeXe({}, (), (), ()),
        "knows_b70": True,
        "secure_boot": False,
        "taint": 0,
        "lockdown": "none",
    }
    return RunningKernel(**{**values, **changes})


def kernel(release: str, *, package: Any = None, initrd: Any = None) -> InstalledKernel:
    """Return a kernel on disk with its initial RAM disk."""
    return InstalledKernel(
        release=release,
        image=BootFile(f"/boot/vmlinuz-{release}", 1, MADE),
        initrd=BootFile(f"/boot/initrd.img-{release}", 1, MADE) if initrd is None else initrd,
        modules=True,
        package=f"linux-image-{release}" if package is None else package,
    )


def entry(release: str, tokens: tuple[str, ...] = TOKENS, **changes: Any) -> MenuEntry:
    """Return the entry below "Advanced options" of a release."""
    values: dict[str, Any] = {
        "path": f"gnulinux-advanced-6f0b>gnulinux-{release}-advanced-6f0b",
        "title": f"Ubuntu, with Linux {release}",
        "kernel": f"/boot/vmlinuz-{release}",
        "tokens": ("root=UUID=6f0b", "ro", *tokens),
        "initrds": (f"/boot/initrd.img-{release}",),
    }
    return MenuEntry(**{**values, **changes})


def _entries(releases: Iterable[str]) -> tuple[MenuEntry, ...]:
    return tuple(entry(release) for release in sorted(releases, reverse=True))


def boot(
    kernels: Iterable[InstalledKernel] = (),
    entries: Any = None,
    saved: str = "",
    drop_ins: Mapping[str, str] | None = None,
    **changes: Any,
) -> BootState:
    """Return GRUB and the kernels on disk; what is saved boots, else the first entry."""
    listed = {each.release: each for each in kernels} or {OLD: kernel(OLD), NEW: kernel(NEW)}
    values: dict[str, Any] = {
        "settings": {},
        "denied": (),
        "environment": {"saved_entry": saved},
        "entries": _entries(listed) if entries is None else entries,
        "kernels": listed,
        "kernel_packages": (),
        "free": ABSENT,
        "reboot_required": ABSENT,
        "lines": tuple(
            Line(path, number, text)
            for path, content in (drop_ins or {}).items()
            for number, text in enumerate(content.splitlines(), 1)
        ),
    }
    values |= changes
    if isinstance(values["entries"], tuple) and "choice" not in values:
        values["entries"] = tuple(
            replace(each, line=number) for number, each in enumerate(values["entries"], 1)
        )
        environment = values["environment"]
        named = environment.get("saved_entry", "") if isinstance(environment, Mapping) else ""
        values["choice"] = chosen(values["entries"], named)
    return BootState(**values)


def chosen(entries: tuple[MenuEntry, ...], named: str, because: Because | None = None) -> Any:
    """Return what GRUB boots when nobody touches a key.

    Args:
        entries: the menu.
        named: path of the entry that it is told to boot; "" = none, so the first one boots.
        because: the line that names it; None = the environment block.
    """
    if not entries:
        return ABSENT
    there = next((each for each in entries if each.path == named), entries[0])
    line = because or Because(BLOCK, 2, f"saved_entry={named}")
    return Choice(
        path=there.path,
        title=there.title,
        where=Because(there.file, there.line, f"menuentry {there.title!r}"),
        loaded=None,
        wanted=named,
        because=(line,) if named else (),
        missed=named if named and there.path != named else None,
        once=False,
        instead=(),
        waits=None,
        saves={},
        armed={},
    )


#: What the script of the fact prints on a host with nothing in /boot.
_BARE: dict[str, str | tuple[str, str]] = {
    "settings": "",
    "grubenv": ("-", ""),
    "platform": "pc",
    "cmdline": ("-", ""),
    "places": "",
    "images": "",
    "scripts": "",
    "tools": "",
    "modules": "",
    "packages": "",
    "owners": "",
    "free": ("-", ""),
    "swap_files": "",
    "reboot_required": "",
}


def numbered(text: str) -> str:
    """Return what `grep -n ''` prints of a text."""
    return "".join(f"{number}:{line}\n" for number, line in enumerate(text.splitlines(), 1))


def dumped(block: str | bytes, kind: str = "file") -> str:
    """Return what the script prints of an environment block."""
    data = block.encode() if isinstance(block, str) else block
    return f"{kind}\n {data.hex(' ')}\n"


def boot_parts(
    menu: str | None = None,
    block: str | bytes | None = None,
    custom: str | None = None,
    **parts: str | tuple[str, str],
) -> dict[str, str | tuple[str, str]]:
    """Return what the script prints of a host with these files.

    Args:
        menu: grub.cfg.
        block: grubenv, all of it.
        custom: custom.cfg.
        parts: further parts, as the script prints them.
    """
    found = dict(_BARE)
    if block is not None:
        found["grubenv"] = dumped(block)
    for name, text in (("grub.cfg", menu), ("custom.cfg", custom)):
        if text is not None:
            found[f"menu:/boot/grub/{name}"] = numbered(text)
    return {**found, **parts}


def read_boot(
    menu: str | None = None,
    block: str | bytes | None = None,
    custom: str | None = None,
    **parts: str | tuple[str, str],
) -> BootState:
    """Return what the fact says of a host with these files."""
    found: BootState = read(Boot(), boot_parts(menu, block, custom, **parts))
    assert isinstance(found, BootState), found
    return found


def load_option_bytes(
    description: str, path: str | None, partition: str | None, *, active: bool = True
) -> bytes:
    """Return an EFI_LOAD_OPTION of a file on a partition, or of a network card."""
    nodes = b""
    if partition is not None:
        drive = struct.pack("<IQQ", 1, 2048, 1048576) + UUID(partition).bytes_le + b"\x02\x02"
        nodes += struct.pack("<BBH", 4, 1, 4 + len(drive)) + drive
    if path is None:
        nodes += struct.pack("<BBH", 3, 11, 4 + 33) + bytes(33)
    else:
        name = f"{path}\0".encode("utf-16-le")
        nodes += struct.pack("<BBH", 4, 4, 4 + len(name)) + name
    nodes += b"\x7f\xff\x04\0"
    head = struct.pack("<IH", int(active), len(nodes))
    return head + f"{description}\0".encode("utf-16-le") + nodes


def efi_variables(values: Mapping[str, bytes]) -> dict[str, str | tuple[str, str]]:
    """Return what the script of the EFI fact prints of these variables."""
    folder = "/sys/firmware/efi/efivars"
    listed = "".join(f"{len(data) + 4} {folder}/{name}-0\n" for name, data in values.items())
    whole = b"".join(b"\7\0\0\0" + data for data in values.values())
    return {"variables": listed, "bytes": f" {whole.hex(' ')}\n", "stubs": "", "menus": ""}


def contents(**changes: Any) -> KernelContents:
    """Return a kernel that knows the card and whose initial RAM disk is complete."""
    values: dict[str, Any] = {
        "knows_b70": True,
        "modules": ("/lib/modules/x/xe.ko",),
        "initrd": (*INITRD, *FIRMWARE),
        "initrd_count": 812,
    }
    return KernelContents(**{**values, **changes})


#: Size in bytes of every file of an imaginary boot set.
SIZE = 7
#: Of every file of an imaginary boot set.
SHA = "ab" * 32


def manifest(name: str, release: str = NEW, **changes: Any) -> Manifest:
    """Return the manifest of a set with a kernel, an initial RAM disk and a module."""
    values: dict[str, Any] = {
        "format": "1",
        "set_id": name,
        "release": release,
        "kept": False,
        "words": (),
        "left_out": (),
        "packages": {},
        "files": {each: Recorded(each, SHA, SIZE, MADE) for each in ("vmlinuz", "initrd")},
        "xe": Recorded(f"/lib/modules/{release}/xe.ko.zst", SHA, SIZE, MADE),
        "xe_initrd": SHA,
        "firmware": {},
    }
    return Manifest(**{**values, **changes})


def on_disk(recorded: Manifest, **changes: Any) -> SetOnHost:
    """Return the folder of a set that is as its manifest says."""
    xe = recorded.xe
    values: dict[str, Any] = {
        "name": recorded.set_id,
        "manifest": recorded,
        "files": {name: Seen(file.size, file.mtime) for name, file in recorded.files.items()},
        "firmware": {name: Seen(blob.size, 0) for name, blob in recorded.firmware.items()},
        "xe": (xe.path, Seen(xe.size, xe.mtime)) if isinstance(xe, Recorded) else ABSENT,
    }
    return SetOnHost(**{**values, **changes})


def staged(wanted: BootSet, **changes: Any) -> SetOnHost:
    """Return a declared set that was made complete."""
    recorded = manifest(
        wanted.set_id,
        wanted.kernel.uname,
        words=wanted.words,
        left_out=wanted.left_out,
        packages=wanted.kernel.packages,
        firmware={blob.name: Recorded(blob.name, blob.sha256, SIZE) for blob in wanted.blobs},
    )
    return on_disk(recorded, **changes)


def found(release: str = OLD, **changes: Any) -> SetOnHost:
    """Return the set that keeps a release as it was found."""
    name = f"b70-{release}-found"
    recorded = manifest(name, release, kept=True, xe_initrd=ABSENT, **changes)
    return on_disk(recorded)


def sets(*there: SetOnHost, **changes: Any) -> HostSets:
    """Return the boot sets of a host."""
    return HostSets({each.name: each for each in there}, **changes)


def set_entry(each: SetOnHost, *more: str, **changes: Any) -> MenuEntry:
    """Return the menu entry that our script writes for a set.

    Args:
        each: the set.
        more: words of the person's command line.
    """
    words = each.manifest.words if isinstance(each.manifest, Manifest) else ()
    values: dict[str, Any] = {
        "path": each.name,
        "title": f"Boot set {each.name}",
        "kernel": f"/boot/b70fleet/{each.name}/vmlinuz",
        "tokens": ("root=UUID=6f0b", "ro", *more, *words, f"b70fleet.set={each.name}"),
        "initrds": (f"/boot/b70fleet/{each.name}/initrd",),
    }
    return MenuEntry(**{**values, **changes})
