"""Rows in aligned columns: never cut, never padded at the end, so pipes and diffs stay clean."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.text import Text

Cell = Text | str


def columns(rows: Sequence[Sequence[Cell]], right: Collection[int] = ()) -> list[Text]:
    """Return the rows as lines.

    Args:
        rows: the first one is the heading.
        right: numbers of the columns that are aligned to the right.
    """
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for number, row in enumerate(cells):
        line = Text(style="dim" if number == 0 else "")
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            pad = " " * (width - cell.cell_len)
            line.append(pad if index in right else "").append_text(cell)
            line.append("" if index in right else pad).append("  ")
        line.rstrip()
        lines.append(line)
    return lines
