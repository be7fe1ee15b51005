"""Past boots from the journal: when each began, with which kernel and command line.

A host whose journal is kept in memory knows the current boot alone. Must not know what a boot set
is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.boot.cmdline import tokens
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

#: Boots that are looked at: each costs one start of journalctl, some 30 ms with a large journal.
MOST: Final = 40
#: Seconds after which no further boot is looked at.
_PATIENCE_S: Final = 15
#: Lines of a boot's kernel log that are read; the command line is among the first ten.
_FIRST: Final = 60
#: Characters from which on the kernel's log cuts a line (LOG_LINE_MAX, 1024 less the prefix).
_CUT: Final = 960
_LINES: Final = ("Command line: ", "Kernel command line: ")

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class PastBoot:
    """One boot.

    Args:
        boot_id: as systemd names it, 32 hex digits.
        began_s: time of its first log line, seconds since the epoch.
        release: kernel release.
        tokens: the kernel's command line; UNKNOWN when the log has lost it or has cut it.
    """

    boot_id: str
    began_s: Reading[float]
    release: Reading[str]
    tokens: Reading[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class BootLog:
    """The boots that a journal knows.

    Args:
        boots: the newest first; the current one is among them.
        kept: the journal outlives a reboot.
        whole: every boot that it knows was looked at.
    """

    boots: tuple[PastBoot, ...]
    kept: bool
    whole: bool


class Boots(HostFact[BootLog]):
    """Past boots in the journal."""

    domain = "boots"
    on_demand = True
    timeout_s = 30

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, most=str(MOST), patience=str(_PATIENCE_S), first=str(_FIRST))

    @override
    def parse(self, text: str) -> BootLog:
        parts = Parts(text)
        found: list[list[str]] = []
        whole = True
        parts.need("boots")
        for line in parts.lines("boots"):
            if line == "more":
                whole = False
            elif line.startswith("boot "):
                found.append([line])
            elif found:
                found[-1].append(line)
        return BootLog(
            boots=tuple(map(_boot, found)),
            kept=isinstance(parts.reading("kept"), str),
            whole=whole,
        )


def _boot(lines: list[str]) -> PastBoot:
    lost = Unknown("the journal has lost the beginning of this boot")
    began: Reading[float] = ABSENT
    release: Reading[str] = lost
    line: Reading[str] = lost
    for text in lines[1:]:
        if text.startswith("at "):
            began = convert(text.removeprefix("at "), float)
        elif text.startswith("Linux version "):
            release = text.split(" ")[2]
        for label in _LINES:
            if text.startswith(label):
                line = text.removeprefix(label)
    if isinstance(line, str) and len(line) >= _CUT:
        line = Unknown("the kernel's log cuts a command line as long as this one", line)
    return PastBoot(lines[0].removeprefix("boot "), began, release, convert(line, tokens))
