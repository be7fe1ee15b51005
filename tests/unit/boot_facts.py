"""Facts of an imaginary host with GRUB, two kernels and boot sets, as tests need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from declaration.boot import BootSet
from facts.boot.kernel import ModprobeXe, RunningKernel, XeModule
from facts.boot.kernel_files import KernelContents
from facts.boot.loader import BootFile, BootState, InstalledKernel, MenuEntry
from facts.boot.sets import HostSets, Manifest, Recorded, Seen, SetOnHost
from facts.parts import Line
from facts.value import ABSENT

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
    """Return GRUB and the kernels on disk."""
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
    return BootState(**{**values, **changes})


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


def kept_name(release: str = OLD) -> str:
    """Return the name of the set that keeps a release as it was found."""
    return f"b70-{release}-found"


def roles(default: str, fallback: str) -> dict[str, str]:
    """Return GRUB's environment once a set is the default."""
    return {
        "saved_entry": default,
        "b70fleet_default": default,
        "b70fleet_fallback": fallback,
    }


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
    name = kept_name(release)
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
