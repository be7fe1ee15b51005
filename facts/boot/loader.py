"""What the next boot will be: GRUB's settings, menu, environment, kernels on disk, room in /boot.

Must not know which kernel or token is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from typing_extensions import override

from facts.assignments import assignments
from facts.base import HostFact
from facts.boot.cmdline import last_value, tokens
from facts.boot.grub_choice import Choice, Listed, choose, listed
from facts.boot.grub_files import FOLDER, MENU, EnvironmentBlock, GrubFiles, parse_block
from facts.boot.grub_syntax import Because
from facts.odd import OddLine, where
from facts.parts import SPEAKING, Files, Line, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent, Reading, Unknown

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
#: Bytes of a menu that are read; a generated one has 10 KiB.
LONGEST_MENU: Final = 512 << 10
#: Bytes of the environment block that are read; grub-editenv makes it 1 KiB.
_LONGEST_BLOCK: Final = 64 << 10
#: Folders of which every file is listed.
_LISTED: Final = frozenset(("/boot", FOLDER, "/boot/b70fleet/*"))
#: Words that start a system for repair.
_RESCUE: Final = frozenset(
    (
        "single",
        "recovery",
        "rescue",
        "emergency",
        "systemd.unit=rescue.target",
        "systemd.unit=emergency.target",
    )
)
#: Commands that load Linux, with and without a hypervisor below it.
_LINUX: Final = ("linux", "multiboot", "multiboot2", "xen_hypervisor")
#: What stands in a swap area in place of SWAPSPACE2 while a system sleeps in it (libblkid, swap.c).
_SLEEP_SIGNATURES: Final = (b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001", b"TuxOnIce")
_SIGNATURE_BYTES: Final = 10
_PART: Final = "menu:"
_NUMBERED: Final = re.compile(r"(\d+):(.*)\Z", re.DOTALL)
#: What a line that could not be read may set.
_SET: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\+?=")
_SECTION: Final = re.compile(r"### (BEGIN|END) /etc/grub\.d/(\S+) ###")
_OS_PROBER: Final = "30_os-prober"
_OWNER: Final = re.compile(r"/var/lib/dpkg/info/([^:/]+?)(?::[a-z0-9]+)?\.list:(/.*)\Z")

#: An image beside its modules, which a hook copies to /boot.
_BESIDE_MODULES: Final = re.compile(r"(?:/usr)?/lib/modules/([^/]+)/vmlinuz\Z")

#: A field that no report shows: what others work with.
_MATERIAL: Final = {"plain": False}

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One bootable entry of GRUB's menu, as it is when the power comes on.

    Args:
        path: what `grub-reboot` and `grub-set-default` take: ids joined by `>`.
        title: title as shown.
        kernel: image that it loads, "" when it loads none (firmware setup).
        tokens: kernel command line of the entry; a word that GRUB alone knows stands as `$name`.
        initrds: initial RAM disks that it loads.
        file: the menu that it stands in.
        line: number of its first line there.
        section: the script of /etc/grub.d that wrote it, None when none did.
        how: command that loads it: `linux`, `chainloader` …; None when nothing does.
        restricted: it is not started without a password.
        foreign: it starts another system than this host's.
        saves_default: it makes itself the default when it is started.
        doubt: why it may be missing or load something else; None when it is surely so.
    """

    path: str
    title: str
    kernel: str
    tokens: tuple[str, ...]
    initrds: tuple[str, ...] = ()
    file: str = MENU
    line: int = 0
    section: str | None = None
    how: str | None = "linux"
    restricted: bool = False
    foreign: bool = False
    saves_default: bool = False
    doubt: str | None = None

    @property
    def is_recovery(self) -> bool:
        """Return True if this is a rescue entry, which never gets the default command line."""
        return "-recovery-" in self.path or not _RESCUE.isdisjoint(self.tokens)


@dataclass(frozen=True, slots=True)
class Now:
    """What boots if the power goes now and nobody touches a key, as far as GRUB decides it.

    Args:
        entry: path of the entry.
        because: the lines that decide, as `file:line: text`.
        once: it holds for one boot.
        waits: why GRUB waits for a person first.
    """

    entry: str
    because: tuple[str, ...]
    once: bool
    waits: str | None


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
        package: package that owns the image, absent for one that was copied there, UNKNOWN when
            several do.
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
        now: what boots now.
        block: the environment block itself.
        scripts: executables of /etc/grub.d, in the order in which they write the menu.
        version: of the package that writes the menu.
        knows_flavours: it knows GRUB_FLAVOUR_ORDER; only Ubuntu's does.
        own_roots: how the host's root file system may be called behind `root=`.
        sleeping: swap files that hold the memory of a system that sleeps.
        files: what GRUB reads, for whoever asks what it would boot.
        choice: what GRUB would choose, in all detail.
        odd: lines of settings that could not be read.
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
    now: Reading[Now] = ABSENT
    block: Reading[EnvironmentBlock] = field(default=ABSENT, metadata=_MATERIAL)
    scripts: tuple[str, ...] = ()
    version: Reading[str] = ABSENT
    knows_flavours: Reading[bool] = ABSENT
    own_roots: frozenset[str] = frozenset()
    sleeping: tuple[str, ...] = ()
    files: GrubFiles = field(default_factory=lambda: GrubFiles({}), metadata=_MATERIAL)
    choice: Reading[Choice] = field(default=ABSENT, metadata=_MATERIAL)
    odd: tuple[OddLine, ...] = ()

    def with_menu(self, menu: str) -> BootState:
        """Return what would be if grub.cfg had another text."""
        files = replace(self.files, texts={**self.files.texts, MENU: menu})
        choice = choose(files)
        entries = menu_entries(files, self.own_roots)
        return replace(self, files=files, entries=entries, choice=choice, now=_now(choice))

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
        """Return this host's ordinary entries of a kernel; none when the menu is not known."""
        entries = self.entries if isinstance(self.entries, tuple) else ()
        images = {f"{prefix}{release}" for prefix in _IMAGES}
        return tuple(
            entry
            for entry in entries
            if entry.kernel.rpartition("/")[2] in images
            and not entry.is_recovery
            and not entry.foreign
        )


class Boot(HostFact[BootState]):
    """GRUB and the kernels on disk."""

    domain = "boot"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(
            _SCRIPT,
            speaking=SPEAKING,
            longest=str(LONGEST_MENU + 1),
            block=str(_LONGEST_BLOCK),
        )

    @override
    def parse(self, text: str) -> BootState:
        parts = Parts(text)
        settings = parts.files("settings")
        images = [_boot_file(line) for line in parts.lines("images")]
        packages = tuple(line for line in parts.lines("packages") if "*" not in line)
        required = tuple(parts.lines("reboot_required"))
        tools = parts.files("tools")
        places = _Places(parts.lines("places"))
        files = _grub_files(parts, images, places)
        own_roots = _own_roots(parts.reading("cmdline"), places)
        has_menu = MENU in files.texts
        return BootState(
            settings=_settings(settings),
            lines=_sourced(settings),
            denied=settings.denied,
            environment=convert_block(files.block),
            entries=menu_entries(files, own_roots) if has_menu else ABSENT,
            kernels=_kernels(images, frozenset(parts.lines("modules")), _owners(parts)),
            kernel_packages=packages,
            free=convert(parts.reading("free"), space),
            reboot_required=required[1:] if required else ABSENT,
            now=_now(choice := choose(files)) if has_menu else ABSENT,
            block=files.block,
            scripts=tuple(parts.lines("scripts")),
            version=_version(tools),
            knows_flavours=_knows_flavours(tools),
            own_roots=own_roots,
            sleeping=tuple(_sleeping(parts.lines("swap_files"))),
            files=files,
            choice=choice if has_menu else ABSENT,
            odd=settings.odd,
        )


def menu_entries(
    files: GrubFiles, own_roots: frozenset[str] = frozenset()
) -> Reading[tuple[MenuEntry, ...]]:
    """Return the bootable entries of a menu, or why it is not known.

    Args:
        files: what GRUB reads.
        own_roots: how the host's root file system may be called.
    """
    menu = files.texts.get(MENU, ABSENT)
    if not isinstance(menu, str):
        return menu
    found = listed(files)
    if isinstance(found, Unknown):
        return found
    sections = _sections(menu)
    return tuple(menu_entry(each, sections, own_roots) for each in found)


def menu_entry(found: Listed, sections: Mapping[int, str], own_roots: frozenset[str]) -> MenuEntry:
    """Return an entry as reports and gates know it."""
    loaded = found.loaded
    is_in_menu = found.where.path == MENU
    entry = MenuEntry(
        path=found.path,
        title=found.title,
        kernel=loaded.image if loaded else "",
        tokens=loaded.words if loaded else (),
        initrds=loaded.initrds if loaded else (),
        file=found.where.path,
        line=found.where.line,
        section=sections.get(found.where.line) if is_in_menu else None,
        how=loaded.how if loaded else None,
        restricted=found.asks,
        saves_default=found.saves,
        doubt=str(found.maybe) if found.maybe else None,
    )
    return replace(entry, foreign=_is_foreign(entry, own_roots))


def entry_of(choice: Choice, boot: BootState) -> MenuEntry:
    """Return the entry that GRUB chooses, with what it really loads."""
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    known = next(
        (entry for entry in entries if (entry.file, entry.line) == _place(choice.where)), None
    )
    entry = known or MenuEntry(choice.path, choice.title, "", (), how=None, line=choice.where.line)
    if choice.loaded is None:
        return entry
    loaded = choice.loaded
    return replace(
        entry, kernel=loaded.image, tokens=loaded.words, initrds=loaded.initrds, how=loaded.how
    )


def _place(where: Because) -> tuple[str, int]:
    return where.path, where.line


def _is_foreign(entry: MenuEntry, own_roots: frozenset[str]) -> bool:
    """Return True if an entry starts another system than this host's."""
    if entry.section == _OS_PROBER or entry.path.rpartition(">")[2].startswith("osprober-"):
        return True
    if entry.how and entry.how not in _LINUX:
        return True
    root = last_value(entry.tokens, "root")
    if not root:
        return False
    kind = root.partition("=")[0] if "=" in root else "/"
    comparable = {own.lower() for own in own_roots if own.startswith(kind)}
    return bool(comparable) and root.lower() not in comparable


def _sections(menu: str) -> Mapping[int, str]:
    """Return line number -> the script that wrote that line of grub.cfg."""
    found: dict[int, str] = {}
    current = ""
    for number, line in enumerate(menu.split("\n"), 1):
        match = _SECTION.match(line)
        if match is not None:
            current = match[2] if match[1] == "BEGIN" else ""
        elif current:
            found[number] = current
    return found


def _now(choice: Choice | Unknown) -> Reading[Now]:
    if isinstance(choice, Unknown):
        return choice
    because = tuple(str(line) for line in choice.because)
    return Now(choice.path, because, choice.once, choice.waits)


class _Places:
    """What devices and file systems are called: lines of `stat -c '%d %t:%T %n'`."""

    def __init__(self, lines: list[str]) -> None:
        self._numbers: dict[str, str] = {}
        self._names: list[tuple[str, str]] = []
        for line in lines:
            number, special, name = line.split(" ", 2)
            if name.startswith("/dev/"):
                self._names.append((special, name))
            else:
                self._numbers[name] = _special(int(number))

    def of(self, path: str) -> list[str]:
        """Return the device nodes and links of the file system that a path lies on."""
        number = self._numbers.get(path)
        return [name for special, name in self._names if special == number]


def _special(number: int) -> str:
    """Return a device number as stat prints that of a device node: `major:minor` in hex."""
    major = number >> 8 & 0xFFF | number >> 32 & ~0xFFF
    minor = number & 0xFF | number >> 12 & ~0xFF
    return f"{major:x}:{minor:x}"


def _grub_files(parts: Parts, images: list[BootFile], places: _Places) -> GrubFiles:
    texts = {name.removeprefix(_PART): _menu_text(parts, name) for name in parts.names(_PART)}
    return GrubFiles(
        texts=texts,
        block=convert(parts.reading("grubenv"), _block),
        sizes={file.path: file.size for file in images},
        folders=_LISTED if images else frozenset(),
        uuids=frozenset(
            name.rpartition("/")[2].lower()
            for name in places.of(FOLDER)
            if name.startswith("/dev/disk/by-uuid/")
        ),
        platform=parts.reading("platform"),
    )


def _menu_text(parts: Parts, name: str) -> Reading[str]:
    return convert(parts.reading(name), numbered_text)


def numbered_text(text: str) -> str:
    """Return a file whose lines `grep -n ''` printed; raise ValueError when one is missing."""
    lines: list[str] = []
    for line in text.split("\n") if text else []:
        match = _NUMBERED.match(line)
        if match is None or int(match[1]) != len(lines) + 1:
            raise ValueError(f"line {len(lines) + 1} is missing")
        lines.append(match[2])
    whole = "".join(f"{line}\n" for line in lines)
    if len(whole.encode()) > LONGEST_MENU:
        raise ValueError(f"the file has more than {LONGEST_MENU >> 10} KiB")
    return whole


def _block(text: str) -> EnvironmentBlock:
    kind, _, data = text.partition("\n")
    return parse_block(bytes.fromhex(data), symlink=kind == "link")


def convert_block(block: Reading[EnvironmentBlock]) -> Reading[Mapping[str, str]]:
    """Return name -> value of an environment block, as GRUB takes it."""
    if isinstance(block, Absent | Unknown):
        return block
    return {name: variable.value for name, variable in block.variables.items()}


def _own_roots(cmdline: Reading[str], places: _Places) -> frozenset[str]:
    found = set()
    for name in places.of("/"):
        folder, _, last = name.rpartition("/")
        kind = {"/dev/disk/by-uuid": "UUID=", "/dev/disk/by-partuuid": "PARTUUID="}.get(folder)
        found.add(f"{kind}{last}" if kind else name)
    booted = last_value(tokens(cmdline), "root") if isinstance(cmdline, str) else None
    return frozenset((*found, booted) if booted else found)


def _owners(parts: Parts) -> Mapping[str, Reading[str]]:
    """Return kernel image -> the package that it came with."""
    diverted = {}
    for line in parts.lines("diversions") if parts.has("diversions") else ():
        package, _, path = line.partition(" ")
        diverted[path] = package
    listed: dict[str, set[str]] = {}
    for line in parts.lines("owners"):
        if match := _OWNER.match(line):
            image = _BESIDE_MODULES.sub(r"/boot/vmlinuz-\1", match[2])
            listed.setdefault(image, set()).add(match[1])
    return {image: _owner(names, diverted.get(image)) for image, names in listed.items()}


def _owner(listed: set[str], diverts: str | None) -> Reading[str]:
    """Return whose file lies at a path.

    Args:
        listed: packages that list the path.
        diverts: package that moved the files of all others away; `:` when a person did.
    """
    if diverts is not None:
        return diverts if diverts in listed else ABSENT
    if len(listed) > 1:
        return Unknown(f"several packages list it: {', '.join(sorted(listed))}")
    return next(iter(listed))


def _version(tools: Files) -> Reading[str]:
    assigned = assignments(line.text for line in tools.lines)
    return assigned.get("PACKAGE_VERSION", ABSENT)


def _sleeping(lines: list[str]) -> Iterator[str]:
    """Yield the swap files that hold a hibernated system."""
    for line in lines:
        path, *signature = line.rsplit(" ", _SIGNATURE_BYTES)
        if bytes.fromhex("".join(signature)).startswith(_SLEEP_SIGNATURES):
            yield path


def _knows_flavours(tools: Files) -> Reading[bool]:
    if not tools.lines:
        return Unknown(f"{tools.denied[0]} needs root") if tools.denied else ABSENT
    return any("GRUB_FLAVOUR_ORDER" in line.text for line in tools.lines)


def space(text: str) -> Space:
    """Return the room that `stat -f -c '%S %a %b'` printed."""
    block, available, blocks = (int(word) for word in text.split())
    return Space(size=block * blocks, free=block * available)


def _settings(files: Files) -> Mapping[str, Reading[str]]:
    values = dict(assignments(line.text for line in _sourced(files)))
    if files.denied:  # an unread drop-in may change any of them
        return {name: Unknown(f"{files.denied[0]} needs root") for name in values}
    for line in files.odd:
        unread = Unknown(f"{where(line)}: {line.why}", line.text)
        values |= dict.fromkeys(_SET.findall(line.raw), unread)
    return values


def _sourced(files: Files) -> tuple[Line, ...]:
    # update-grub sources the main file first, then the drop-ins in the C locale's order
    main = files.of(GRUB_DEFAULT)
    drop_ins = [line for line in files.lines if line.path != GRUB_DEFAULT]
    return (*main, *sorted(drop_ins, key=lambda line: (line.path, line.number)))


def _variable(environment: Reading[Mapping[str, str]], name: str) -> Reading[str]:
    if not isinstance(environment, Mapping):
        return environment
    return environment.get(name) or ABSENT


def _boot_file(line: str) -> BootFile:
    size, mtime, path = line.split(" ", 2)
    return BootFile(path, int(size), int(mtime))


def _kernels(
    files: list[BootFile], modules: frozenset[str], owners: Mapping[str, Reading[str]]
) -> Mapping[str, InstalledKernel]:
    initrds: dict[str, BootFile] = {}
    images: dict[str, BootFile] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if folder != "/boot" or name.endswith(_LEFTOVERS):
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
            package=owners.get(image.path, ABSENT),
        )
        for release, image in sorted(images.items())
    }
