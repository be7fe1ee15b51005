"""One error as a person reads it: the sentence, the next command, where to read more."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text


def problem(
    console: Console, message: str, hint: str = "", error_id: str = "", indent: int = 0
) -> None:
    """Print an error.

    Args:
        indent: columns, for errors below a host's line.
    """
    pad = " " * indent
    first, *rest = message.splitlines() or [""]
    console.print(Text(f"{pad}error: {first}", style="red"), soft_wrap=True)
    for line in rest:
        console.print(Text(f"{pad}  {line}"), soft_wrap=True)
    for line in hint.splitlines():
        console.print(Text(f"{pad}  next: {line}"), soft_wrap=True)
    if error_id:
        console.print(Text(f"{pad}  more: b70 explain {error_id}", style="dim"), soft_wrap=True)
