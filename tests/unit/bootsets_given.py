"""Boot sets of an imaginary host: a default, its fallback and a stale one, and what GRUB says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from declaration.host import HostSpec
from facts.boot.boots import BootLog, PastBoot
from facts.boot.loader import BootState
from facts.boot.sets import HostSets, Manifest, Recorded, Seen, SetOnHost
from facts.system.os_release import OperatingSystem
from facts.value import ABSENT, Unknown
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, kernel, read_boot, running

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
RELEASES = {DEFAULT: NEW, FOUND: OLD, STALE: STALE_RELEASE}
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


#: What grub-mkconfig's 00_header writes for GRUB_DEFAULT=saved.
HEADER = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi
if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi
set timeout=5
"""
ENTRY = """\
menuentry 'TITLE' --class gnu-linux $menuentry_id_option 'ID' {
\tlinux\tKERNEL root=UUID=6f0b ro WORDS
\tinitrd\tINITRD
}
"""
KNOWN = """\
if [ "${default}" = "ID" ]; then set b70fleet_known=1; fi
if [ "${b70fleet_fallback}" = "ID" ]; then set fallback="NUMBER"; fi
"""
TAIL = """\
if [ -z "${default}" -a -z "${b70fleet_default}" ]; then set default="RECORDED"; fi
if [ -z "${b70fleet_known}" -a -n "${b70fleet_default}" \
-a "${default}" = "${b70fleet_default}" ]; then
\tset default="${b70fleet_fallback}"
fi
""".replace(" \\\n-a", " -a")


def menu(names: Sequence[str], default: str = "${saved_entry}") -> str:
    """Return a grub.cfg with the distribution's entries first, then these sets in order."""
    text = HEADER.replace("DEFAULT", default)
    text += _entry("Ubuntu", "gnulinux-simple-6f0b", NEW)
    text += "submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-6f0b' {\n"
    for release in (NEW, OLD):
        name = f"gnulinux-{release}-advanced-6f0b"
        text += _entry(f"Ubuntu, with Linux {release}", name, release)
    text += "}\n"
    for number, name in enumerate(names, 2):
        release = RELEASES[name]
        words = " ".join((*(WANTED.words if name == DEFAULT else ()), f"b70fleet.set={name}"))
        text += _entry(
            f"Boot set {name} (Linux {release})", name, release, f"/boot/b70fleet/{name}", words
        )
        text += KNOWN.replace('"ID"', f'"{name}"').replace("NUMBER", str(number))
    return text + TAIL.replace("RECORDED", DEFAULT if DEFAULT in names else "")


def _entry(title: str, name: str, release: str, folder: str = "", words: str = "quiet") -> str:
    kernel = f"{folder}/vmlinuz" if folder else f"/boot/vmlinuz-{release}"
    initrd = f"{folder}/initrd" if folder else f"/boot/initrd.img-{release}"
    text = ENTRY.replace("TITLE", title).replace("'ID'", f"'{name}'").replace("KERNEL", kernel)
    return text.replace("INITRD", initrd).replace("WORDS", words)


def grub(
    more: Mapping[str, str] | Unknown | None = None,
    *,
    lost: bool = False,
    without: Sequence[str] = (),
    default: str = "${saved_entry}",
) -> BootState:
    """Return GRUB as it is with its default and fallback on record.

    Args:
        more: further variables of its environment; "" takes one out, UNKNOWN hides all of them.
        lost: the environment is empty.
        without: sets that have no entry.
        default: what the menu makes the default.
    """
    own = {"saved_entry": DEFAULT, "b70fleet_default": DEFAULT, "b70fleet_fallback": FOUND}
    variables = {} if lost or isinstance(more, Unknown) else {**own, **(more or {})}
    lines = "".join(f"{name}={value}\n" for name, value in variables.items() if value)
    names = [name for name in (FOUND, DEFAULT, STALE) if name not in without]
    block = f"# GRUB Environment Block\n{lines}".ljust(1024, "#")
    found = read_boot(menu(names, default), block)
    kernels = {each: kernel(each) for each in (OLD, NEW, STALE_RELEASE)}
    found = replace(found, kernels=kernels)
    return replace(found, environment=more, choice=more) if isinstance(more, Unknown) else found


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
