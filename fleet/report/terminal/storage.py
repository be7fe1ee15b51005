"""Disk budget and prune list for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from fleet.disks.budget import Budget, Verdict
from fleet.disks.prune import Candidate
from fleet.report import words
from fleet.report.terminal.columns import Cell, columns
from fleet.report.terminal.console import line

_STYLE: Final = {
    Verdict.OK: "green",
    Verdict.OVER: "red",
    Verdict.ABSENT: "yellow",
    Verdict.UNKNOWN: "magenta",
}
_DAY_S: Final = 86_400


def size(count: int | None) -> str:
    """Return bytes as people read them; `-` for none."""
    return "-" if count is None else words.size(count)


def print_budget(console: Console, host: str, found: Budget) -> None:
    """Print directories, then file systems, then a line that counts."""
    rows: list[Sequence[Cell]] = [("DIRECTORY", "USE", "USED", "BUDGET", "", "")]
    rows += [
        (item.path, item.use, size(item.used), size(item.budget), _verdict(item.verdict), item.note)
        for item in found.lines
    ]
    filesystems: list[Sequence[Cell]] = [("MOUNT", "SIZE", "FREE", "PLANNED", "STAYS FREE", "", "")]
    filesystems += [
        (
            item.mount,
            size(item.size),
            size(item.free),
            size(item.planned),
            size(item.floor),
            _verdict(item.verdict),
            item.note,
        )
        for item in found.filesystems
    ]
    for row in columns(rows, right=(2, 3)):
        console.print(row, soft_wrap=True)
    console.print()
    for row in columns(filesystems, right=(1, 2, 3, 4)):
        console.print(row, soft_wrap=True)
    verdicts = [item.verdict for item in found.lines]
    verdicts += [item.verdict for item in found.filesystems]
    wrong = sum(verdict is not Verdict.OK for verdict in verdicts)
    summary = "everything holds" if not wrong else f"{wrong} to look at"
    console.print(line(f"{host}: {summary}", "dim"), soft_wrap=True)


def print_candidates(
    console: Console, host: str, found: Iterable[Candidate], unread: Sequence[str]
) -> None:
    """Print what may be removed, then what stays and why, then the directories not read."""
    listed = list(found)
    rows: list[Sequence[Cell]] = [("SIZE", "DAYS", "USE", "PATH", "")]
    rows += [
        (
            size(item.size),
            str(item.age_s // _DAY_S),
            item.use,
            item.path,
            Text(f"stays: {item.keep}", style="dim") if item.keep else Text(""),
        )
        for item in listed
    ]
    for row in columns(rows, right=(0, 1)):
        console.print(row, soft_wrap=True)
    for reason in unread:
        console.print(line(reason, "magenta"), soft_wrap=True)
    free = [item for item in listed if not item.keep]
    total = size(sum(item.size for item in free))
    console.print(line(f"{host}: {len(free)} may be removed, {total}", "dim"), soft_wrap=True)


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict.value, style=_STYLE[verdict])
