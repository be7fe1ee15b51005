"""What the drop-ins of sysctl.d say: what the next boot will set, and which file has the last word.

Must not know which values are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.odd import OddLine, odd_line
from facts.parts import SPEAKING, Line, Parts, script
from facts.settings.effective import THERE, in_order
from facts.system.sysctl import sysctl_path

#: Directories of sysctl.d(5), the strongest first; /etc/sysctl.conf counts through its link there.
_DIRECTORIES: Final = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
)

_NO_ASSIGNMENT: Final = "it is no assignment (KEY = VALUE), so it sets nothing"

_SCRIPT: Final = """
set --
for d in $dirs; do for f in "$d"/*.conf; do if [ -e "$f" ]; then set -- "$@" "$f"; fi; done; done
lines settings "$speaking" "$@" /dev/null
for f do printf '%s:0:\n' "$f"; done
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a drop-in; the path is the one below /proc/sys."""

    path: str
    value: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class BootSettings:
    """All assignments in the order of a boot, and the files that only root may read.

    Args:
        odd: lines that no program takes for an assignment.
    """

    settings: tuple[Setting, ...]
    denied: tuple[str, ...]
    odd: tuple[OddLine, ...] = ()

    def last_word(self, key: str) -> Setting | None:
        """Return the assignment that holds after a boot, None when no file names the key."""
        path = sysctl_path(key)
        return next((found for found in reversed(self.settings) if found.path == path), None)


class SysctlFiles(HostFact[BootSettings]):
    """The settings of the next boot."""

    domain = "sysctl_files"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, dirs=" ".join(_DIRECTORIES), speaking=SPEAKING)

    @override
    def parse(self, text: str) -> BootSettings:
        files = Parts(text).files("settings")
        # an empty file, or a link to /dev/null, hides its namesakes too
        read = in_order(_DIRECTORIES, {line.path for line in files.lines})
        settings = [
            setting
            for path in read
            for line in files.of(path)
            if line.number != THERE and (setting := _setting(line)) is not None
        ]
        odd = [
            odd_line(x.path, x.number, x.text, _NO_ASSIGNMENT) for x in files.lines if _is_odd(x)
        ]
        return BootSettings(tuple(settings), files.denied, (*files.odd, *odd))


def _is_odd(line: Line) -> bool:
    """Return True if a line is no comment and sets nothing; `-KEY` excludes a key on purpose."""
    text = line.text.strip()
    if line.number == THERE:
        return False
    return "=" not in text and not text.startswith((";", "-"))


def _setting(line: Line) -> Setting | None:
    key, separator, value = line.text.partition("=")
    key = key.strip().removeprefix("-").strip()
    if not separator or key.startswith(";"):
        return None
    try:
        path = sysctl_path(key)
    except ValueError:  # a pattern: explicit assignments win over it
        return None
    return Setting(path, " ".join(value.split()), line.path, line.number)
