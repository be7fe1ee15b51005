"""Where apt gets packages from: sources, keyrings, pins, snapshots, and how fresh its lists are.

Must not know which sources are wanted.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from declaration.openpgp import dearmor, keys
from facts.base import HostFact, ParseError
from facts.odd import OddLine, odd_line, visible
from facts.parts import Files, Line, Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading, Unknown

#: Keyrings above this size are not fetched, in bytes: third-party ones and Ubuntu's have 1 to 4 kB;
#: Debian's own has 56 kB, mostly signatures, which would be most of what an audit sends, and dpkg
#: vouches for that file.
_KEYRING_LIMIT: Final = 16_384

_SCRIPT: Final = shell_text(__file__)

_ONE_LINE: Final = re.compile(
    r"^\s*(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s+)?(cdrom:\[[^\]]*\]\S*|\S+)"
    r"\s+(\S+)\s*(.*)$"
)
_FIELD: Final = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)\s*:\s*(.*)$")
_SNAPSHOT: Final = re.compile(r'^\s*(?:APT::)?Snapshot\s+"([^"]*)"', re.IGNORECASE)
#: What a file of sources may be called: apt ignores every other (sources.list(5)).
_FILE: Final = re.compile(r"^[A-Za-z0-9_.-]+$")
#: Fields that apt must find in a stanza.
_VITAL: Final = ("types", "uris", "suites")
_FALSE: Final = frozenset({"no", "false", "without", "off", "disable"})
#: One-line options and the deb822 field that means the same (sources.list(5)).
_OPTION_FIELDS: Final = {"arch": "architectures", "lang": "languages", "target": "targets"}


@dataclass(frozen=True, slots=True)
class Source:
    """One deb822 stanza or one-line entry.

    Args:
        line: number of its first line.
        signed_by: keyring paths or fingerprints; empty means that every trusted key is accepted.
        inline_keys: fingerprints of a key written into the source itself.
        options: every other field or option, names in lower case.
    """

    file: str
    line: int
    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    architectures: tuple[str, ...]
    signed_by: tuple[str, ...]
    inline_keys: Reading[tuple[str, ...]]
    enabled: bool
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AptSourceState:
    """apt's configuration of origins.

    Args:
        denied: source files that only root may read.
        keyrings: path named by a source -> fingerprints of the keys inside.
        trusted: keyring files that sources without Signed-By accept.
        lists: Release or InRelease file -> its time, seconds since the epoch: the server's
            Last-Modified, which apt keeps.
        refreshed: when lists were last fetched, seconds since the epoch.
        preferences: files that pin.
        snapshots: values of APT::Snapshot, in file order.
        odd: lines that are no source for apt, and files that it ignores for their name.
    """

    sources: tuple[Source, ...]
    denied: tuple[str, ...]
    keyrings: Mapping[str, Reading[tuple[str, ...]]]
    trusted: tuple[str, ...]
    lists: Mapping[str, int]
    refreshed: Reading[int]
    preferences: tuple[str, ...]
    snapshots: tuple[str, ...]
    odd: tuple[OddLine, ...] = ()


class AptSources(HostFact[AptSourceState]):
    """apt's sources and their keys."""

    domain = "apt_sources"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, limit=str(_KEYRING_LIMIT))

    @override
    def parse(self, text: str) -> AptSourceState:
        parts = Parts(text)
        files = parts.files("sources")
        sources, odd = read_sources(files)
        lists = parts.rows("lists", _time, "stat -c '%Y %n' /var/lib/apt/lists/*")
        rings = parts.rows("keyrings", _keyring, "grep -rhi signed-by /etc/apt")
        times = dict(lists.found)
        marks = [time for path, time in times.items() if not path.endswith("Release")]
        return AptSourceState(
            sources=sources,
            denied=files.denied,
            keyrings=dict(rings.found),
            trusted=tuple(map(visible, parts.raw_lines("trusted"))),
            lists={
                path.rpartition("/")[2]: t for path, t in times.items() if path.endswith("Release")
            },
            refreshed=max(marks) if marks else ABSENT,
            preferences=tuple(map(visible, parts.raw_lines("preferences"))),
            snapshots=tuple(
                match[1]
                for line in parts.files("snapshot").lines
                if (match := _SNAPSHOT.match(line.text)) is not None
            ),
            odd=(*odd, *lists.odd, *rings.odd),
        )


def read_sources(files: Files) -> tuple[tuple[Source, ...], tuple[OddLine, ...]]:
    """Return every source of sources.list and sources.list.d in file order, and the odd lines."""
    found: list[Source] = []
    odd = list(files.odd)
    for path in dict.fromkeys(line.path for line in files.lines):
        folder, _, name = path.rpartition("/")
        if not _FILE.match(name):
            odd.append(odd_line(folder, 0, name, "apt ignores a file of this name"))
            continue
        lines = files.of(path)
        read = _stanzas if path.endswith(".sources") else _one_lines
        for each in read(lines):
            if isinstance(each, Source):
                found.append(each)
            else:
                odd.append(each)
    return tuple(found), tuple(odd)


def _odd(line: Line, why: str) -> OddLine:
    return odd_line(line.path, line.number, line.text, f"{why}, and apt refuses to work with it")


def _one_lines(lines: Iterable[Line]) -> Iterator[Source | OddLine]:
    for line in lines:
        text = line.text.partition("#")[0]
        match = _ONE_LINE.match(text)
        if match is None:
            if text.strip():
                yield _odd(line, "it is no source (deb URI SUITE COMPONENT…)")
            continue
        fields: dict[str, str] = {}
        for word in (match[2] or "").split():
            name, _, value = word.partition("=")
            name = name.rstrip("+-").lower()
            fields[_OPTION_FIELDS.get(name, name)] = value.replace(",", " ")
        names = ("types", "uris", "suites", "components")
        yield _source(line, fields | dict(zip(names, match.group(1, 3, 4, 5), strict=True)))


def _stanzas(lines: Iterable[Line]) -> Iterator[Source | OddLine]:
    fields: dict[str, str] = {}
    first: Line | None = None
    last = ""
    for line in lines:
        if line.text.startswith("#"):
            continue
        match = _FIELD.match(line.text)
        if not line.text.strip():
            yield from _stanza(first, fields)
            fields, first, last = {}, None, ""
        elif line.text[0] in " \t" and last:
            fields[last] += "\n" + line.text.strip()
        elif match is not None:
            first = first or line
            last = match[1].lower()
            fields[last] = match[2].strip()
        else:
            yield _odd(line, "it is no field (Name: value)")
    yield from _stanza(first, fields)


def _stanza(first: Line | None, fields: Mapping[str, str]) -> Iterator[Source | OddLine]:
    if first is None:
        return
    missing = [name for name in _VITAL if not fields.get(name)]
    if missing:
        yield _odd(first, f"the stanza that begins here has no {' and no '.join(missing)}")
    yield _source(first, fields)


def _source(line: Line, fields: Mapping[str, str]) -> Source:
    signed_by = fields.get("signed-by", "")
    inline: Reading[tuple[str, ...]] = ABSENT
    if "BEGIN PGP" in signed_by:
        # deb822 writes an empty line of the armour as a single dot
        armor = "\n".join("" if row == "." else row for row in signed_by.split("\n"))
        inline = convert(armor, lambda block: _fingerprints(dearmor(block)))
        signed_by = ""
    named = ("types", "uris", "suites", "components", "architectures", "signed-by", "enabled")
    return Source(
        file=line.path,
        line=line.number,
        types=tuple(fields.get("types", "").split()),
        uris=tuple(fields.get("uris", "").split()),
        suites=tuple(fields.get("suites", "").split()),
        components=tuple(fields.get("components", "").split()),
        architectures=tuple(fields.get("architectures", "").split()),
        signed_by=tuple(signed_by.replace(",", " ").split()),
        inline_keys=inline,
        enabled=fields.get("enabled", "yes").strip().lower() not in _FALSE,
        options={name: value for name, value in fields.items() if name not in named},
    )


def _keyring(line: str) -> tuple[str, Reading[tuple[str, ...]]]:
    path, _, content = line.partition(" ")
    if content == "-":
        return path, ABSENT
    if content == "!":
        return path, Unknown("needs root")
    if content == ">":
        return path, Unknown(f"the keyring has more than {_KEYRING_LIMIT} bytes")
    return path, convert(content, lambda text: _fingerprints(base64.b64decode(text, validate=True)))


def _fingerprints(keyring: bytes) -> tuple[str, ...]:
    return tuple(key.fingerprint for key in keys(keyring))


def _time(line: str) -> tuple[str, int]:
    seconds, _, path = line.partition(" ")
    if not path:
        raise ParseError(f"not a time and a path: {line!r}")
    return path, int(seconds)
