"""A unified diff in colour."""

from __future__ import annotations

from rich.text import Text

_STYLES = (("---", "dim"), ("+++", "dim"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def diff_lines(diff: str, indent: int) -> list[Text]:
    """Return a diff line by line; a text that is no diff (binary, sensitive) comes out dim."""
    is_diff = diff.startswith("---")
    return [
        Text(" " * indent + line, style=_style(line) if is_diff else "dim")
        for line in diff.splitlines()
    ]


def _style(line: str) -> str:
    return next((style for start, style in _STYLES if line.startswith(start)), "")
