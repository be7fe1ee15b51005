"""Boot sets of an imaginary host: a default, its fallback and a stale one, and what GRUB says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from declaration.host import HostSpec
from facts.boot.boots import BootLog, PastBoot
from facts.boot.loader import InstalledKernel, MenuEntry
from facts.boot.sets import HostSets, Manifest, Recorded, Seen, SetOnHost
from facts.system.os_release import OperatingSystem
from facts.value import ABSENT, Unknown
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, boot, entry, kernel, running

STALE_RELEASE = "7.0.0-28-generic"
MIB = 1024**2
SPEC = HostSpec.model_validate(
    {
        "name": "rig-a",
        "connection": {"address": "192.0.2.1"},
        "stack": {
            "name": "s",
            "boot": {
                "kernel": {"package": f"linux-image-{NEW}", "version": "7.0.0-38.38"},
                "cmdline": {"present": ["xe.disable_display=1"], "absent": ["nomodeset"]},
                "xe_options": {"probe_display": "0"},
            },
        },
    }
)
assert SPEC.stack is not None
assert SPEC.stack.boot is not None
WANTED = SPEC.stack.boot
#: the declared set, the default, and what runs
DEFAULT = WANTED.set_id
#: what is gone back to
FOUND = f"b70-{OLD}-found"
#: what nothing needs any more
STALE = f"b70-{STALE_RELEASE}-0a1b2c3d4e"
#: Seconds since the epoch: 2026-11-29 09:00 UTC.
BEGAN = 1_795_942_800.0


def packages_of(release: str) -> dict[str, str]:
    version = release.removesuffix("-generic")
    return {
        f"linux-image-{release}": f"{version}.{version.rpartition('-')[2]}",
        f"linux-modules-{release}": f"{version}.{version.rpartition('-')[2]}",
    }


def boot_set(name: str, release: str, **changes: Any) -> SetOnHost:
    """Return a complete set."""
    files = {
        "vmlinuz": Recorded("vmlinuz", "a" * 64, 15 * MIB, 100),
        "initrd": Recorded("initrd", "b" * 64, 80 * MIB, 100),
    }
    own = name == DEFAULT
    manifest = Manifest(
        format="1",
        set_id=name,
        release=release,
        kept=name == FOUND,
        words=WANTED.words if own else (),
        left_out=WANTED.left_out if own else (),
        packages=packages_of(release),
        files=files,
        xe=ABSENT,
        xe_initrd=ABSENT,
        firmware={},
    )
    values: dict[str, Any] = {
        "name": name,
        "manifest": manifest,
        "files": {each: Seen(file.size, file.mtime) for each, file in files.items()},
    }
    return SetOnHost(**{**values, **changes})


def own_entry(name: str, release: str, *words: str) -> MenuEntry:
    """Return the menu entry of a set."""
    return entry(
        release,
        (*words, f"b70fleet.set={name}"),
        path=name,
        title=f"Boot set {name} (Linux {release})",
        kernel=f"/boot/b70fleet/{name}/vmlinuz",
        initrds=(f"/boot/b70fleet/{name}/initrd",),
    )


def sets(
    *more: SetOnHost, default: str = DEFAULT, fallback: str = FOUND, **changes: Any
) -> HostSets:
    """Return the three sets, or others in their place."""
    listed = {
        DEFAULT: boot_set(DEFAULT, NEW),
        FOUND: boot_set(FOUND, OLD),
        STALE: boot_set(STALE, STALE_RELEASE),
        **{each.name: each for each in more},
    }
    return HostSets(sets=listed, default=default, fallback=fallback, **changes)


def grub(more: Mapping[str, str] | Unknown | None = None, **changes: Any) -> Any:
    """Return GRUB with the distribution's entries first, then ours, and these variables more."""
    variables: Any = more
    if not isinstance(more, Unknown):
        own = {
            "saved_entry": DEFAULT,
            "b70fleet_default": DEFAULT,
            "b70fleet_fallback": FOUND,
        }
        variables = {k: v for k, v in {**own, **(more or {})}.items() if v}
    kernels: list[InstalledKernel] = [kernel(each) for each in (OLD, NEW, STALE_RELEASE)]
    entries = (
        entry(NEW, path="gnulinux-simple-6f0b", title="Ubuntu"),
        entry(NEW),
        entry(OLD),
        own_entry(FOUND, OLD),
        own_entry(DEFAULT, NEW, *WANTED.words),
        own_entry(STALE, STALE_RELEASE),
    )
    values: dict[str, Any] = {"environment": variables, "entries": entries, **changes}
    return boot(kernels, **values)


def runs(name: str = DEFAULT, release: str = NEW, **changes: Any) -> Any:
    """Return the kernel that was booted from a set."""
    tokens = ("quiet", *((f"b70fleet.set={name}",) if name else ()))
    return replace(running(release, tokens), **changes)


def past(number: int, name: str, release: str) -> PastBoot:
    """Return the boot of a set some hours before the newest."""
    tokens = ("quiet", *([f"b70fleet.set={name}"] if name else []))
    return PastBoot(f"{number:032x}", BEGAN - 3600 * 7 * number, release, tokens)


SYSTEM = OperatingSystem("ubuntu", "24.04", "noble", "Ubuntu 24.04", "amd64", "none", False)
LOG = BootLog(
    boots=(
        past(0, DEFAULT, NEW),
        past(1, DEFAULT, NEW),
        past(2, FOUND, OLD),
        past(3, STALE, STALE_RELEASE),
        past(4, "", OLD),
    ),
    kept=True,
    whole=True,
)
PACKAGES = package_facts(
    {
        "dpkg": "1",
        **packages_of(NEW),
        **packages_of(OLD),
        **packages_of(STALE_RELEASE),
    },
    holds=[*packages_of(NEW), *packages_of(OLD), *packages_of(STALE_RELEASE)],
)


def values(**changes: object) -> dict[str, object]:
    """Return what the host's facts say, by their domains."""
    return {
        "boot": grub(),
        "boot_sets": sets(),
        "kernel": runs(),
        "packages": PACKAGES,
        "boots": LOG,
        "os": SYSTEM,
        **changes,
    }


def without(found: SetOnHost, *names: str) -> SetOnHost:
    """Return a set with files missing."""
    left = {name: file for name, file in found.files.items() if name not in names}
    return replace(found, files=left)
