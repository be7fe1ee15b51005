"""Boot sets for the terminal: a table where it fits, else a paragraph for each set."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from facts.value import Absent, Unknown
from fleet.bootsets.listing import SHOWN_BOOTS, SetDetail, SetList, SetRow, SetState
from fleet.report import words
from fleet.report.terminal.columns import Cell, columns
from fleet.report.terminal.console import line

if TYPE_CHECKING:
    from fleet.bootsets.prune import PrunePlan

_HEADING: Final = ("", "SET", "RELEASE", "SIZE", "STATE", "ROLES", "BOOTS", "LAST BOOT (UTC)")
_NUMBERS: Final = (3, 6)
_STYLE: Final = {
    SetState.COMPLETE: "green",
    SetState.INCOMPLETE: "red",
    SetState.UNKNOWN: "magenta",
}
#: Columns of a label of `print_set`; the longest is `booted (UTC)`.
_LABEL: Final = 13
#: Columns that text gets even in a very narrow terminal.
_MIN_ROOM: Final = 40
#: Digits of a hash that tell two files apart.
_DIGITS: Final = 16


def print_sets(console: Console, found: SetList) -> None:
    """Print one row for each set, then what is wrong with which, then what boots elsewhere."""
    rows: list[Sequence[Cell]] = [_HEADING, *map(_cells, found.sets)]
    table = columns(rows, right=_NUMBERS)
    if max(row.cell_len for row in table) > console.width:
        for row in found.sets:
            _paragraph(console, row)
    elif found.sets:
        for each in table:
            console.print(each, soft_wrap=True)
    if any(row.declared for row in found.sets):
        console.print(line("* the declared set", "dim"))
    for row in found.sets:
        for fault in row.faults:
            _wrapped(console, f"{row.name}: {fault}", "red")
    for text in found.elsewhere:
        _wrapped(console, text, "yellow")
    for text in found.unknown:
        _wrapped(console, text, "magenta")
    for text in found.notes:
        _wrapped(console, text, "dim")
    bad = sum(row.state is not SetState.COMPLETE for row in found.sets)
    said = words.count(len(found.sets), "boot set") if found.sets else "no boot sets"
    more = f", {bad} not complete" if bad else ""
    console.print(line(f"{found.host}: {said}{more}", "dim"), soft_wrap=True)


def print_set(console: Console, found: SetDetail, *, verbose: bool = False) -> None:
    """Print everything about one set.

    Args:
        verbose: hashes in full, and every boot.
    """
    row, manifest = found.row, found.manifest
    console.print(Text(row.name, style="bold"), soft_wrap=True)
    _field(console, "state", Text(row.state.value, style=_STYLE[row.state]))
    for fault in row.faults:
        _field(console, "", Text(fault, style="red"))
    _field(console, "roles", ", ".join(_roles(row)) or "none")
    _field(console, "size", _size_words(row))
    if isinstance(manifest, Absent | Unknown):
        _field(console, "manifest", str(manifest))
    else:
        _field(console, "release", manifest.release)
        image = "as it was found" if manifest.kept else "built for the set"
        _field(console, "initrd", image)
        _fields(console, "packages", (f"{n} {v}" for n, v in manifest.packages.items()))
        _fields(console, "words", manifest.words)
        _fields(console, "left out", manifest.left_out)

        def told(name: str, size: int, sha256: str) -> str:
            digest = sha256 if verbose else f"{sha256[:_DIGITS]}…"
            return f"{name}  {words.size(size)}  sha256 {digest}"

        files = (*manifest.files.values(),)
        _fields(console, "files", (told(f.path, f.size, f.sha256) for f in files))
        blobs = manifest.firmware.values()
        _fields(console, "firmware", (told(f.path, f.size, f.sha256) for f in blobs))
        if not isinstance(manifest.xe, Absent | Unknown):
            xe = manifest.xe
            _field(console, "module", told(xe.path, xe.size, xe.sha256))
    _entry(console, found)
    shown = found.booted if verbose else found.booted[:SHOWN_BOOTS]
    left = len(found.booted) - len(shown)
    booted = [*map(short_time, shown), *((f"and {left} more (-v)",) if left else ())]
    _fields(console, "booted (UTC)", booted or ["never, as far as the journal knows"])
    for text in found.notes:
        _wrapped(console, text, "dim")


def print_prune(console: Console, plan: PrunePlan) -> None:
    """Print which sets go and which stay, what that frees, and what is left for a person to do."""
    for row in plan.sets:
        size = words.size(row.boot_bytes + row.firmware_bytes)
        head = Text("- ", style="red").append(row.name, style="bold")
        console.print(head.append(f"  {size}", style="not bold"), soft_wrap=True)
        for fault in row.faults:
            _wrapped(console, fault, "dim", indent=4)
    for kept in plan.kept:
        _wrapped(console, f"= {kept.name}  stays: {kept.why}", "dim")
    if plan.ends_hold:
        _wrapped(console, f"no longer on hold: {', '.join(plan.ends_hold)}")
    for text in plan.notes:
        _wrapped(console, text, "yellow")
    if plan.purge:
        console.print(line("no boot set needs these packages any more; then on the host, as root:"))
        console.print(line(plan.purge, indent=2), soft_wrap=True)
    if plan.sets:
        said = f"{words.count(len(plan.sets), 'boot set')} to remove, {words.size(plan.bytes)}"
    else:
        said = "nothing to remove"
    console.print(line(f"{plan.host}: {said}", "dim"), soft_wrap=True)


def short_time(text: str) -> str:
    """Return an ISO time as people read it: `2026-11-30 10:22`."""
    return text[:16].replace("T", " ") if text.endswith("Z") else text


def _entry(console: Console, found: SetDetail) -> None:
    entry = found.entry
    if entry is None:
        _field(console, "menu entry", Text("none: GRUB cannot boot it", style="red"))
        return
    _field(console, "menu entry", entry.title)
    _field(console, "kernel", entry.kernel)
    _fields(console, "initrds", entry.initrds)
    _field(console, "line", " ".join(entry.tokens))


def _cells(row: SetRow) -> Sequence[Cell]:
    return (
        "*" if row.declared else "",
        row.name,
        row.release or "-",
        words.size(row.boot_bytes + row.firmware_bytes),
        Text(row.state.value, style=_STYLE[row.state]),
        ", ".join(row.roles) or "-",
        "?" if row.boots is None else str(row.boots),
        short_time(row.last_boot) if row.last_boot else "-",
    )


def _paragraph(console: Console, row: SetRow) -> None:
    head = Text("* " if row.declared else "  ").append(row.name, style="bold")
    head.append("  ").append(row.state.value, style=_STYLE[row.state])
    console.print(head, soft_wrap=True)
    parts = [
        ", ".join(row.roles) or "no role",
        *([row.release] if row.release else []),
        words.size(row.boot_bytes + row.firmware_bytes),
    ]
    _wrapped(console, "; ".join(parts), indent=4)
    if row.boots:
        last = f", last {short_time(row.last_boot)} UTC" if row.last_boot else ""
        _wrapped(console, f"booted {words.count(row.boots, 'time')}{last}", indent=4)


def _roles(row: SetRow) -> list[str]:
    return [*row.roles, *(["declared"] if row.declared else [])]


def _size_words(row: SetRow) -> str:
    firmware = f", {words.size(row.firmware_bytes)} of firmware" if row.firmware_bytes else ""
    return f"{words.size(row.boot_bytes)} in /boot{firmware}"


def _fields(console: Console, label: str, values: Iterable[str]) -> None:
    for value in values:
        _field(console, label, value)
        label = ""


def _field(console: Console, label: str, value: str | Text) -> None:
    style = value.style if isinstance(value, Text) else ""
    head = Text("  ").append(label.ljust(_LABEL), style="dim")
    room = max(_MIN_ROOM, console.width - _LABEL - 2)
    first, *rest = _lines(value if isinstance(value, str) else value.plain, room)
    console.print(head.append(first, style=style), soft_wrap=True)
    for text in rest:
        console.print(Text(" " * (_LABEL + 2)).append(text, style=style), soft_wrap=True)


def _wrapped(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    first, *rest = _lines(text, max(_MIN_ROOM, console.width - indent - 2))
    console.print(line(first, style, indent=indent), soft_wrap=True)
    for more in rest:
        console.print(line(more, style, indent=indent + 2), soft_wrap=True)


def _lines(text: str, room: int) -> list[str]:
    """Return lines of whole words: names of packages and paths are pasted."""
    return textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False) or [""]
