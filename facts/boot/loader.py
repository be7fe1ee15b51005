"""What the next boot will be: GRUB's settings, menu, environment, kernels on disk, room in /boot.

Must not know which kernel or token is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from facts.assignments import assignments
from facts.base import HostFact
from facts.boot.cmdline import tokens
from facts.parts import SPEAKING, Files, Line, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

#: Names that distributions give to the package of one kernel image.
KERNEL_PACKAGES: Final = (
    "linux-image-{release}",
    "linux-image-unsigned-{release}",
    "linux-image-{release}-unsigned",
)
#: Names of kernel images and initial RAM disks in /boot.
_IMAGES: Final = ("vmlinuz-", "vmlinux-")
_INITRDS: Final = (("initrd.img-", ""), ("initramfs-", ".img"))
#: What package managers and kernel hooks leave beside the real files.
_LEFTOVERS: Final = (
    ".old",
    ".bak",
    ".new",
    ".tmp",
    ".dpkg-bak",
    ".dpkg-new",
    ".dpkg-tmp",
    ".old-dkms",
)
#: The file that update-grub sources first.
GRUB_DEFAULT: Final = "/etc/default/grub"

#: Lines of GRUB's environment and menu that say something: entries, what they load, closing braces.
_MENU: Final = (
    r"^[a-z_]+=|^[[:space:]]*((menuentry|submenu|linux|linux16|linuxefi|initrd|initrdefi)"
    r"[[:space:]]|})"
)

_SCRIPT: Final = shell_text(__file__)

_ENTRY: Final = re.compile(r"^(menuentry|submenu)\s+('(?:[^']|'\\'')*'|\"[^\"]*\"|\S+)(.*)$")
_ENTRY_ID: Final = re.compile(r"(?:\$menuentry_id_option|--id)\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))")


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One bootable entry of grub.cfg.

    Args:
        path: what `grub-reboot` and `grub-set-default` take: ids joined by `>`.
        title: title as shown.
        kernel: image that it loads, "" when it loads none (firmware setup, another system).
        tokens: kernel command line of the entry.
        initrds: initial RAM disks that it loads.
    """

    path: str
    title: str
    kernel: str
    tokens: tuple[str, ...]
    initrds: tuple[str, ...] = ()

    @property
    def is_recovery(self) -> bool:
        """Return True if this is a rescue entry, which never gets the default command line."""
        return "-recovery-" in self.path


@dataclass(frozen=True, slots=True)
class BootFile:
    """A file in /boot: size in bytes, modification time in seconds since the epoch."""

    path: str
    size: int
    mtime: int


@dataclass(frozen=True, slots=True)
class InstalledKernel:
    """A kernel that is on disk.

    Args:
        package: package that owns the image, absent for one that was copied there.
        modules: its module directory exists.
    """

    release: str
    image: BootFile
    initrd: Reading[BootFile]
    modules: bool
    package: Reading[str]


@dataclass(frozen=True, slots=True)
class Space:
    """Room on a file system, in bytes; `free` is what an ordinary user may still write."""

    size: int
    free: int


@dataclass(frozen=True, slots=True)
class BootState:
    """Everything that decides the next boot.

    Args:
        settings: variables of /etc/default/grub and its drop-ins, as update-grub sees them.
        denied: files of settings that only root may read.
        environment: GRUB's environment block (saved_entry, next_entry, recordfail …).
        entries: the menu of grub.cfg, in order.
        kernels: kernel release -> what is on disk.
        kernel_packages: installed packages named linux-image-*, meta packages included.
        free: room in /boot.
        reboot_required: packages that asked for a reboot; empty tuple when none did.
        lines: the speaking lines behind `settings`, in the order in which they are sourced.
    """

    settings: Mapping[str, Reading[str]]
    denied: tuple[str, ...]
    environment: Reading[Mapping[str, str]]
    entries: Reading[tuple[MenuEntry, ...]]
    kernels: Mapping[str, InstalledKernel]
    kernel_packages: tuple[str, ...]
    free: Reading[Space]
    reboot_required: Reading[tuple[str, ...]]
    lines: tuple[Line, ...] = ()

    @property
    def saved_entry(self) -> Reading[str]:
        """Return the entry that GRUB boots by default when GRUB_DEFAULT=saved."""
        return _variable(self.environment, "saved_entry")

    @property
    def next_entry(self) -> Reading[str]:
        """Return the entry armed for one boot."""
        return _variable(self.environment, "next_entry")

    def setting_tokens(self, name: str) -> Reading[tuple[str, ...]]:
        """Return a GRUB_CMDLINE_* setting as single tokens."""
        return convert(self.settings.get(name, ABSENT), tokens)

    def entries_of(self, release: str) -> tuple[MenuEntry, ...]:
        """Return the ordinary entries that load a kernel; none when the menu is not known."""
        entries = self.entries if isinstance(self.entries, tuple) else ()
        images = {f"{prefix}{release}" for prefix in _IMAGES}
        return tuple(
            entry
            for entry in entries
            if entry.kernel.rpartition("/")[2] in images and not entry.is_recovery
        )


class Boot(HostFact[BootState]):
    """GRUB and the kernels on disk."""

    domain = "boot"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, speaking=SPEAKING, menu=_MENU)

    @override
    def parse(self, text: str) -> BootState:
        parts = Parts(text)
        files = parts.files("settings")
        images = [_boot_file(line) for line in parts.lines("images")]
        packages = tuple(line for line in parts.lines("packages") if "*" not in line)
        required = tuple(parts.lines("reboot_required"))
        return BootState(
            settings=_settings(files),
            lines=_sourced(files),
            denied=files.denied,
            environment=convert(parts.reading("grubenv"), _environment),
            entries=convert(parts.reading("grub.cfg"), menu_entries),
            kernels=_kernels(images, frozenset(parts.lines("modules")), frozenset(packages)),
            kernel_packages=packages,
            free=convert(parts.reading("free"), space),
            reboot_required=required[1:] if required else ABSENT,
        )


def menu_entries(text: str) -> tuple[MenuEntry, ...]:
    """Return the bootable entries of a grub.cfg; its entry, linux, initrd and `}` lines suffice."""
    found: list[MenuEntry] = []
    open_blocks: list[tuple[str, str]] = []  # (menuentry or submenu, id)
    for line in text.split("\n"):
        stripped = line.strip()
        match = _ENTRY.match(stripped)
        if match is not None:
            title = match[2].strip("'\"").replace("'\\''", "'")
            option = _ENTRY_ID.search(match[3])
            name = next((value for value in option.groups() if value), title) if option else title
            open_blocks.append((match[1], name))
            if match[1] == "menuentry":
                path = ">".join(part for _, part in open_blocks)
                found.append(MenuEntry(path, title, "", ()))
        elif stripped.startswith("}"):
            if open_blocks:
                open_blocks.pop()
        elif stripped.startswith("linux") and found and open_blocks:
            words = tokens(stripped)
            if open_blocks[-1][0] == "menuentry" and len(words) > 1:
                found[-1] = replace(found[-1], kernel=words[1], tokens=words[2:])
        elif stripped.startswith("initrd") and found and open_blocks:
            found[-1] = replace(found[-1], initrds=(*found[-1].initrds, *stripped.split()[1:]))
    return tuple(found)


def space(text: str) -> Space:
    """Return the room that `stat -f -c '%S %a %b'` printed."""
    block, available, blocks = (int(word) for word in text.split())
    return Space(size=block * blocks, free=block * available)


def _settings(files: Files) -> Mapping[str, Reading[str]]:
    values = dict(assignments(line.text for line in _sourced(files)))
    if files.denied:  # an unread drop-in may change any of them
        return {name: Unknown(f"{files.denied[0]} needs root") for name in values}
    return values


def _sourced(files: Files) -> tuple[Line, ...]:
    # update-grub sources the main file first, then the drop-ins in the C locale's order
    main = files.of(GRUB_DEFAULT)
    drop_ins = [line for line in files.lines if line.path != GRUB_DEFAULT]
    return (*main, *sorted(drop_ins, key=lambda line: (line.path, line.number)))


def _environment(text: str) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in text.split("\n") if "=" in line)
    return {name: value for name, _, value in pairs}


def _variable(environment: Reading[Mapping[str, str]], name: str) -> Reading[str]:
    if not isinstance(environment, Mapping):
        return environment
    return environment.get(name) or ABSENT


def _boot_file(line: str) -> BootFile:
    size, mtime, path = line.split(" ", 2)
    return BootFile(path, int(size), int(mtime))


def _kernels(
    files: list[BootFile], modules: frozenset[str], packages: frozenset[str]
) -> Mapping[str, InstalledKernel]:
    initrds: dict[str, BootFile] = {}
    images: dict[str, BootFile] = {}
    for file in files:
        name = file.path.rpartition("/")[2]
        if name.endswith(_LEFTOVERS):
            continue
        for prefix, suffix in _INITRDS:
            if name.startswith(prefix) and name.endswith(suffix):
                initrds[name[len(prefix) : len(name) - len(suffix)]] = file
        for prefix in _IMAGES:
            if name.startswith(prefix):
                images[name.removeprefix(prefix)] = file
    return {
        release: InstalledKernel(
            release=release,
            image=image,
            initrd=initrds.get(release, ABSENT),
            modules=release in modules,
            package=next(
                (
                    package
                    for pattern in KERNEL_PACKAGES
                    if (package := pattern.format(release=release)) in packages
                ),
                ABSENT,
            ),
        )
        for release, image in sorted(images.items())
    }
