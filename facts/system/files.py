"""State of single paths: kind, mode, owner, hash. Many paths are read by one script.

The only fact that the batch merges: an operation asks for one path at a time, and the whole site's
paths become one stat(1), one find(1) and one sha256sum(1) on the host.
"""

from __future__ import annotations

import base64
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import END, HostFact, ParseError, wrap
from facts.shelltext import shell_text, shell_variables
from facts.value import ABSENT, Absent, Unknown

#: Files longer than this are never fetched for a diff, in bytes.
TEXT_LIMIT: Final = 262_144
#: Files longer than this are not hashed, in bytes: a path may be a swap file of 160 GiB, and that
#: takes minutes to read. Whatever this product compares by its content is shorter.
HASH_LIMIT: Final = 67_108_864
#: sha256 of a longer one.
TOO_LONG: Final = Unknown(f"longer than {HASH_LIMIT >> 20} MiB, not read")
#: sha256 of nothing readable: the reader was not allowed to open the file.
_NO_HASH: Final = Unknown("not readable by this user")

_SCRIPT: Final = shell_text(__file__)

_KINDS: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
}


@dataclass(frozen=True, slots=True)
class Stat:
    """What lies at a path (a link is not followed).

    Attributes:
        kind: file, directory, link or other.
        mode: four octal digits.
        mtime: seconds since the epoch, on the host's clock.
        sha256: of a file; ABSENT for other kinds, Unknown when it may not be read or is too long.
        target: of a link, else empty.
    """

    kind: str
    mode: str
    user: str
    group: str
    size: int
    mtime: int
    sha256: str | Absent | Unknown
    target: str = ""


def script(paths: Sequence[str]) -> str:
    """Return the script that describes the paths.

    Raises:
        ValueError: a path is relative or contains a line break, a tab or a backslash.
    """
    for path in paths:
        if not path.startswith("/") or any(char in path for char in "\n\t\\"):
            raise ValueError(f"not a plain absolute path: {path!r}")
    return f"set -- {shlex.join(paths)}\n{shell_variables(limit=HASH_LIMIT + 1)}{_SCRIPT}"


def describe(text: str, path: str) -> Stat | Absent | Unknown:
    """Pick one path's state out of the script's output."""
    fields: list[str] | None = None
    target, digest = "", ""
    for line in text.splitlines():
        kind, *rest = line.split("\t")
        if rest and rest[0] == path:
            if kind == "N":
                return ABSENT
            if kind == "U":
                return Unknown(f"{rest[1]} may not be searched by this user")
            if kind == "S" and len(rest) == 6:
                fields = [kind, *rest]
            elif kind == "L" and len(rest) == 2:
                target = rest[1]
        elif line[64:66] == "  " and line[66:] == path:
            digest = line[:64]
    if fields is None:
        return Unknown("stat said nothing about it")
    bits = int(fields[2], 16)
    kind = _KINDS.get(stat.S_IFMT(bits), "other")
    sha: str | Absent | Unknown = ABSENT
    if kind == "file":
        sha = digest or (TOO_LONG if int(fields[5]) > HASH_LIMIT else _NO_HASH)
    return Stat(
        kind=kind,
        mode=f"{stat.S_IMODE(bits):04o}",
        user=fields[3],
        group=fields[4],
        size=int(fields[5]),
        mtime=int(fields[6]),
        sha256=sha,
        target=target,
    )


class FileState(HostFact["Stat | Absent"]):
    """What lies at one path."""

    timeout_s: ClassVar[int] = 30

    @override
    def command(self, path: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(script([path]), self.timeout_s)

    @override
    def parse(self, text: str) -> Stat | Absent:
        found = describe(text, _only_path(text))
        if isinstance(found, Unknown):
            raise ParseError(found.reason)
        return found

    @classmethod
    def bulk(cls, calls: Sequence[Mapping[str, object]]) -> str:
        """Return one command for many paths."""
        return wrap(script([str(call["path"]) for call in calls]), cls.timeout_s)

    @classmethod
    def split(cls, calls: Sequence[Mapping[str, object]], output: Sequence[str]) -> list[list[str]]:
        """Cut the bulk output into what the single commands would have printed."""
        by_path: dict[str, list[str]] = {str(call["path"]): [] for call in calls}
        end = output[-1] if output and output[-1].startswith(END) else ""
        for line in output:
            owner = _owner(line)
            if owner in by_path:
                by_path[owner].append(line)
        return [[*by_path[str(call["path"])], end] for call in calls]


def _owner(line: str) -> str:
    """Return the path that a line of the script's output is about."""
    parts = line.split("\t")
    if parts[0] in ("S", "L", "N", "U") and len(parts) > 1:
        return parts[1]
    return line[66:] if line[64:66] == "  " else ""


def _only_path(text: str) -> str:
    owners = {owner for owner in map(_owner, text.splitlines()) if owner}
    if len(owners) != 1:
        raise ParseError("output is not about exactly one path")
    return owners.pop()


class FileText(HostFact["bytes | Absent"]):
    """Content of one file, for a diff: only of files that differ, never of sensitive ones."""

    @override
    def command(self, path: str, probe_root: str = "") -> str:  # type: ignore[override]
        quoted = shlex.quote(path)
        body = (
            f"p={quoted}\n"
            'if [ ! -f "$p" ]; then echo absent\n'
            f'elif [ "$(stat -Lc %s -- "$p")" -gt {TEXT_LIMIT} ]; then echo large\n'
            'else echo base64; base64 -- "$p"; fi\n'
        )
        return wrap(body, self.timeout_s)

    @override
    def parse(self, text: str) -> bytes | Absent:
        kind, _, body = text.partition("\n")
        if kind == "absent":
            return ABSENT
        if kind != "base64":
            raise ParseError("too large for a diff")
        return base64.b64decode("".join(body.split()), validate=True)
