"""A Debian package as bytes, the same bytes on every controller: for the empty loader shim.

Pure: no dpkg, no clock, no umask. The archive members stay uncompressed (dpkg takes that since
1.17.6), because the output of a compressor differs between its versions.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from typing import Final

#: Time stamp of every member, in seconds since the epoch: equal input must give equal bytes.
_EPOCH: Final = 0
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9+.-]+$")
#: Debian Policy 5.6.12.
_VERSION: Final = re.compile(r"^(\d+:)?\d[A-Za-z0-9.+~-]*$")


def control(fields: Mapping[str, str]) -> str:
    """Return a control file.

    Args:
        fields: `Package`, `Version`, `Architecture`, `Maintainer`, `Description` and more,
            in order; a value is one line, only `Description` may have more.

    Raises:
        ValueError: a field is missing, or a value would break the format.
    """
    for needed in ("Package", "Version", "Architecture", "Maintainer", "Description"):
        if not fields.get(needed):
            raise ValueError(f"a control file needs {needed}")
    if not _NAME.match(fields["Package"]) or not _VERSION.match(fields["Version"]):
        raise ValueError(f"no package name and version: {fields['Package']} {fields['Version']}")
    lines = []
    for key, value in fields.items():
        first, *more = value.split("\n")
        if more and key != "Description":
            raise ValueError(f"{key} has more than one line")
        lines += [f"{key}: {first}", *(f" {line or '.'}" for line in more)]
    return "\n".join(lines) + "\n"


def build(fields: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a .deb.

    Args:
        fields: see `control`.
        files: absolute path -> content; all of mode 0644, owner root.

    Raises:
        ValueError: see `control`.
    """
    content = dict(sorted((files or {}).items()))
    sums = "".join(
        f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {path.lstrip('/')}\n"
        for path, data in content.items()
    )
    meta = {"/control": control(fields).encode()} | ({"/md5sums": sums.encode()} if sums else {})
    return b"!<arch>\n" + b"".join(
        _member(name, data)
        for name, data in (
            ("debian-binary", b"2.0\n"),
            ("control.tar", _tar(meta)),
            ("data.tar", _tar(content)),
        )
    )


def _member(name: str, data: bytes) -> bytes:
    """Return one ar member: name, time, uid, gid, mode, size."""
    header = f"{name:<16}{_EPOCH:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
    return header.encode() + data + b"\n" * (len(data) % 2)


def _tar(files: Mapping[str, bytes]) -> bytes:
    folders = {"/"}
    for path in files:
        parts = path.split("/")[1:-1]
        folders |= {"/" + "/".join(parts[: n + 1]) for n in range(len(parts))}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folders):
            archive.addfile(_entry(path.rstrip("/") + "/", 0o755, tarfile.DIRTYPE, 0))
        for path, data in files.items():
            archive.addfile(_entry(path, 0o644, tarfile.REGTYPE, len(data)), io.BytesIO(data))
    return buffer.getvalue()


def _entry(path: str, mode: int, kind: bytes, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo("." + path)
    entry.mode, entry.type, entry.size, entry.mtime = mode, kind, size, _EPOCH
    entry.uname = entry.gname = "root"
    return entry
