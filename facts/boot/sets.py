"""The boot sets of a host: what each was made of, and what of that is still there.

Sizes and times alone, so that it costs a normal run next to nothing; `boot-commit check` on the
host reads every hash again before anything is armed or made the default. Must not know which set is
wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from declaration.onhost import BOOT_SETS, SET_FIRMWARE
from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

#: Version of the manifest that this product writes and reads.
FORMAT: Final = "1"
#: What lies in the folder of every set, beside its manifest.
FILES: Final = ("vmlinuz", "initrd")
#: File systems that keep no time zone, so that a time there says nothing (stat -f %T).
_TIMELESS: Final = frozenset({"msdos"})

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file as a manifest records it: hash without compression, size in bytes, time in seconds."""

    path: str
    sha256: str
    size: int
    mtime: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it lies there now."""

    size: int
    mtime: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a boot set was made of.

    Args:
        format: version of the manifest.
        set_id: whose it is.
        release: what `uname -r` says.
        kept: the initial RAM disk is the one that was found, not one built for the set.
        words: what the set adds to the kernel's command line.
        left_out: what it takes out of a person's.
        packages: package -> version that kernel and modules came from.
        files: `vmlinuz` and `initrd` in the set's folder.
        xe: the module that modprobe would load from the root file system.
        xe_initrd: hash of the one in the initial RAM disk.
        firmware: blobs in the set's own firmware folder, by path below it.
    """

    format: str
    set_id: str
    release: str
    kept: bool
    words: tuple[str, ...]
    left_out: tuple[str, ...]
    packages: Mapping[str, str]
    files: Mapping[str, Recorded]
    xe: Reading[Recorded]
    xe_initrd: Reading[str]
    firmware: Mapping[str, Recorded]


@dataclass(frozen=True, slots=True)
class SetOnHost:
    """One folder of a boot set.

    Args:
        name: of the folder.
        manifest: absent while the set is not complete.
        files: what lies there now: `vmlinuz`, `initrd`.
        firmware: what lies in its firmware folder now, by path below it.
        xe: the module of its release that modprobe would load now, with its path.
        has_modules: /lib/modules of its release is there.
    """

    name: str
    manifest: Reading[Manifest]
    files: Mapping[str, Seen] = field(default_factory=dict)
    firmware: Mapping[str, Seen] = field(default_factory=dict)
    xe: Reading[tuple[str, Seen]] = ABSENT
    has_modules: bool = True

    @property
    def size(self) -> int:
        """Return the bytes that it takes in /boot."""
        return sum(file.size for file in self.files.values())


@dataclass(frozen=True, slots=True)
class HostSets:
    """The boot sets of a host and their recorded roles.

    Args:
        sets: name -> set.
        default: the one that was made the default last, "" = none was.
        fallback: the one to go back to, "" = none is recorded.
        trial: the trial that this boot is, as its initial RAM disk recorded it.
        timed: the file system keeps times that can be compared.
    """

    sets: Mapping[str, SetOnHost]
    default: str = ""
    fallback: str = ""
    trial: Reading[str] = ABSENT
    timed: bool = True


class BootSets(HostFact[HostSets]):
    """Boot sets in /boot/b70fleet."""

    domain = "boot_sets"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, sets=BOOT_SETS, blobs=SET_FIRMWARE)

    @override
    def parse(self, text: str) -> HostSets:
        parts = Parts(text)
        files = dict(_file(line) for line in parts.lines("files"))
        modules = [line.split(" ") for line in parts.lines("modules")]
        roles = convert(parts.reading("roles"), _pairs)
        named = roles if isinstance(roles, Mapping) else {}
        return HostSets(
            sets={
                name: _set(name, lines, files, modules)
                for name, lines in _folders(parts.lines("manifests")).items()
            },
            default=named.get("default", ""),
            fallback=named.get("fallback", ""),
            trial=parts.reading("trial"),
            timed=parts.reading("kind") not in _TIMELESS,
        )


def _folders(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line.startswith("set "):
            name = line.removeprefix("set ")
            found[name] = []
        elif name:
            found[name].append(line)
    return found


def _set(
    name: str, lines: list[str], files: Mapping[str, Seen], modules: list[list[str]]
) -> SetOnHost:
    manifest: Reading[Manifest] = ABSENT
    if lines:
        manifest = convert("\n".join(lines), _manifest)
    release = manifest.release if isinstance(manifest, Manifest) else ""
    own = [row for row in modules if row[0] == release]
    there = f"{BOOT_SETS}/{name}/"
    blobs = f"{SET_FIRMWARE}/{name}/"
    return SetOnHost(
        name=name,
        manifest=manifest,
        files={path.removeprefix(there): file for path, file in files.items() if there in path},
        firmware={path.removeprefix(blobs): file for path, file in files.items() if blobs in path},
        xe=next(((row[3], Seen(int(row[1]), int(row[2]))) for row in own if len(row) == 4), ABSENT),
        has_modules=any(row[1:] == ["there"] for row in own),
    )


def _manifest(text: str) -> Manifest:
    rows = [line.split(" ") for line in text.split("\n")]
    single = {row[0]: row[1] for row in rows if len(row) == 2}
    if missing := {"format", "id", "release"} - single.keys():
        raise ParseError(f"no {', '.join(sorted(missing))}")

    def all_of(key: str) -> list[list[str]]:
        return [row[1:] for row in rows if row[0] == key]

    recorded = {
        name: Recorded(name, sha, int(size), int(mtime))
        for name, sha, size, mtime in all_of("file")
    }
    xe = [Recorded(path, sha, int(size), int(mtime)) for sha, size, mtime, path in all_of("xe")]
    return Manifest(
        format=single["format"],
        set_id=single["id"],
        release=single["release"],
        kept="kept" in single,
        words=tuple(row[0] for row in all_of("word")),
        left_out=tuple(row[0] for row in all_of("drop")),
        packages={row[0]: row[1] for row in all_of("package")},
        files=recorded,
        xe=xe[0] if xe else ABSENT,
        xe_initrd=single.get("xe_initrd", ABSENT),
        firmware={name: Recorded(name, sha, int(size)) for name, sha, size in all_of("firmware")},
    )


def _pairs(text: str) -> Mapping[str, str]:
    return dict(line.split(" ", 1) for line in text.split("\n") if " " in line)


def _file(line: str) -> tuple[str, Seen]:
    size, mtime, path = line.split(" ", 2)
    return path, Seen(int(size), int(mtime))
