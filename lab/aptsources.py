"""Finds the mirror that this computer itself uses, so that the lab works behind any mirror.

Pure text work on `sources.list` lines and deb822 stanzas; no network, no apt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$"
)


@dataclass(frozen=True, slots=True)
class ArchiveLine:
    """One place where packages of one suite come from."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def one_line_style(text: str) -> Iterator[ArchiveLine]:
    """Yield the `deb` lines of a sources.list file."""
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match is None:
            continue
        options = dict(
            option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
        )
        yield ArchiveLine(
            match["uri"],
            match["suite"],
            tuple(match["components"].split()),
            options.get("signed-by", ""),
        )


def deb822_style(text: str) -> Iterator[ArchiveLine]:
    """Yield one line per URI and suite of the enabled stanzas of a .sources file."""
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if (
            "deb" not in fields.get("types", "").split()
            or fields.get("enabled", "yes").lower() == "no"
        ):
            continue
        signed_by = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield ArchiveLine(
                    uri,
                    suite,
                    tuple(fields.get("components", "").split()),
                    signed_by if signed_by.startswith("/") else "",
                )


def choose(
    lines: Iterable[ArchiveLine], suite: str, read_list: Callable[[str], str]
) -> ArchiveLine | None:
    """Return the line that serves the `main` component of a suite over HTTP, or None.

    Args:
        lines: everything that is configured.
        suite: codename of the running release.
        read_list: reads the file behind a `mirror+file:` address (its first address is taken).
    """
    for line in lines:
        if line.suite != suite or "main" not in line.components:
            continue
        uri = line.uri
        if uri.startswith("mirror+file:"):
            listed = read_list("/" + uri.removeprefix("mirror+file:").lstrip("/")).split()
            uri = listed[0] if listed else ""
        if uri.startswith(("http://", "https://")):
            return ArchiveLine(uri.rstrip("/"), suite, line.components, line.signed_by)
    return None


def configured(etc_apt: Path = Path("/etc/apt")) -> list[ArchiveLine]:
    """Read every source that apt is configured with on this computer."""
    lines: list[ArchiveLine] = []
    for file in (etc_apt / "sources.list", *sorted(etc_apt.glob("sources.list.d/*"))):
        if not file.is_file():
            continue
        text = file.read_text(errors="replace")
        if file.suffix == ".sources":
            lines.extend(deb822_style(text))
        elif file.suffix == ".list":
            lines.extend(one_line_style(text))
    return lines


def os_release(text: str) -> Mapping[str, str]:
    """Parse /etc/os-release."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    return {name: value.strip().strip('"') for name, value in pairs}
