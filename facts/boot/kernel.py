"""The kernel that runs now: release, command line, boot, the xe module and its options.

Must not know which kernel is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.boot.cmdline import last_value, tokens
from facts.parts import Files, Line, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

#: PCI device ids that a kernel's xe must know: the B70.
CARD_IDS: Final = ("E223",)
#: EFI variable SecureBoot with the GUID of the global variables (UEFI specification, 3.3).
_SECURE_BOOT: Final = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#: Directories of modprobe.d(5), the strongest first.
_MODPROBE_DIRS: Final = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_OPTION: Final = re.compile(r"([^\s=]+)(?:=(\"[^\"]*\"|\S*))?")
_LOCKDOWN: Final = re.compile(r"\[(\w+)\]")

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class XeModule:
    """The loaded xe module.

    Args:
        srcversion: hash of the module's sources, absent for a built-in module.
        flags: taint letters such as `OE` (out of tree, unsigned), empty for a stock module.
        parameters: live values from /sys/module/xe/parameters.
    """

    state: str
    flags: str
    srcversion: Reading[str]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModprobeXe:
    """What modprobe.d says about xe, and about vfio-pci, which takes cards away from it.

    Args:
        options: option of xe -> value, later files win as modprobe reads them.
        blacklisted: files with `blacklist xe` or an `install xe` that replaces loading.
        files: files that say something about xe.
        denied: files that only root may read.
        origins: option of xe -> file and line (`path:3`) whose word on it counts.
        lines: every line that counts, in the order in which modprobe reads them.
    """

    options: Mapping[str, str]
    blacklisted: tuple[str, ...]
    files: tuple[str, ...]
    denied: tuple[str, ...]
    origins: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningKernel:
    """One boot of one kernel.

    Args:
        tokens: the command line, split as the kernel splits it.
        xe: absent when the module is not loaded.
        knows_b70: the module index of this release has an alias for 8086:e223.
        secure_boot: absent on a host that booted without EFI.
        taint: the bit mask of /proc/sys/kernel/tainted.
        lockdown: `none`, `integrity` or `confidentiality`.
    """

    release: str
    cmdline: Reading[str]
    tokens: Reading[tuple[str, ...]]
    boot_id: Reading[str]
    xe: Reading[XeModule]
    modprobe: ModprobeXe
    knows_b70: Reading[bool]
    secure_boot: Reading[bool]
    taint: Reading[int]
    lockdown: Reading[str]

    def parameter(self, name: str) -> Reading[str]:
        """Return the value of the last such token of the command line, "" for a bare one."""
        if not isinstance(self.tokens, tuple):
            return self.tokens
        value = last_value(self.tokens, name)
        return ABSENT if value is None else value


class Kernel(HostFact[RunningKernel]):
    """The running kernel."""

    domain = "kernel"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(
            _SCRIPT,
            root=probe_root,
            dirs=" ".join(_MODPROBE_DIRS),
            variable=_SECURE_BOOT,
            aliases=f"pci:v00008086d0000({'|'.join(CARD_IDS)})",
        )

    @override
    def parse(self, text: str) -> RunningKernel:
        parts = Parts(text)
        cmdline = parts.reading("cmdline")
        return RunningKernel(
            release=parts.need("release"),
            cmdline=cmdline,
            tokens=convert(cmdline, tokens),
            boot_id=parts.reading("boot_id"),
            xe=convert(parts.reading("xe"), lambda line: _module(line, parts)),
            modprobe=_modprobe(parts.files("modprobe"), _present(parts)),
            knows_b70=convert(parts.reading("aliases"), bool),
            secure_boot=convert(parts.reading("secure_boot"), _efi_flag),
            taint=convert(parts.reading("taint"), int),
            lockdown=convert(parts.reading("lockdown"), _lockdown),
        )


def _module(line: str, parts: Parts) -> XeModule:
    # name size uses users state address [flags]
    fields = line.split()
    parameters = dict(entry.split("=", 1) for entry in parts.lines("xe_parameters"))
    return XeModule(
        state=fields[4],
        flags=fields[6].strip("()") if len(fields) > 6 else "",
        srcversion=parts.reading("xe_srcversion"),
        parameters=parameters,
    )


def _present(parts: Parts) -> tuple[str, ...]:
    """Return every file of modprobe.d: one that says nothing still hides its namesake."""
    name = "modprobe_files"
    return tuple(parts.lines(name)) if parts.names(name) else ()


def _modprobe(files: Files, present: Sequence[str]) -> ModprobeXe:
    # modprobe sorts by file name across all directories; a stronger directory hides a namesake
    rank = {directory: index for index, directory in enumerate(_MODPROBE_DIRS)}
    strongest: dict[str, str] = {}
    for path in (*present, *(line.path for line in files.lines)):
        directory, _, name = path.rpartition("/")
        seen = strongest.get(name)
        if seen is None or rank.get(directory, 9) < rank.get(seen.rpartition("/")[0], 9):
            strongest[name] = path
    options: dict[str, str] = {}
    origins: dict[str, str] = {}
    blacklisted: list[str] = []
    counted = [line for _, path in sorted(strongest.items()) for line in files.of(path)]
    for line in counted:
        verb, module, *settings = line.text.split(None, 2)
        if module != "xe":
            continue
        if verb == "options":
            found = _OPTION.finditer(settings[0] if settings else "")
            named = {m[1]: (m[2] or "").strip('"') for m in found}
            options.update(named)
            origins.update(dict.fromkeys(named, f"{line.path}:{line.number}"))
        elif line.path not in blacklisted:
            blacklisted.append(line.path)
    about_xe = dict.fromkeys(line.path for line in counted if line.text.split()[1] == "xe")
    return ModprobeXe(
        options, tuple(blacklisted), tuple(about_xe), files.denied, origins, tuple(counted)
    )


def _efi_flag(text: str) -> bool:
    # four bytes of attributes, then the value
    numbers = [int(word) for word in text.split()]
    if len(numbers) != 5 or numbers[4] not in (0, 1):
        raise ParseError("SecureBoot is not a five-byte EFI flag")
    return numbers[4] == 1


def _lockdown(text: str) -> str:
    match = _LOCKDOWN.search(text)
    if match is None:
        raise ParseError("no lockdown mode is marked")
    return match[1]
