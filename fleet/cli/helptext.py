"""Help texts: examples first, then the description, the exit codes at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fleet.base.exitcodes import ExitCode

#: Tells the help formatter to keep the line breaks of a paragraph.
KEEP_LINES: Final = "\b"

#: Columns of an example with its purpose beside it.
_WIDTH: Final = 92

#: A command line and what it is for.
Example = tuple[str, str]


def help_text(examples: Sequence[Example], description: str) -> str:
    """Return a command's help, examples first."""
    if not examples:
        return description
    width = max(len(command) for command, _ in examples)
    if any(width + len(purpose) > _WIDTH for _, purpose in examples):
        lines = [f"  {command}\n      {purpose}".rstrip() for command, purpose in examples]
    else:
        lines = [f"  {command:<{width}}  {purpose}".rstrip() for command, purpose in examples]
    return "\n".join([KEEP_LINES, "Examples:", *lines, "", description])


def exit_codes() -> str:
    """Return the table that every `--help` ends with, from the enum."""
    rows = [f"  {code.value:>3}  {code.meaning}" for code in ExitCode]
    return "\n".join([KEEP_LINES, "Exit codes:", *rows])


def verb_epilog() -> str:
    """Return what every verb's help ends with."""
    return f"The options of `b70 --help` work here too.\n\n{exit_codes()}"


def did_you_mean(close: Sequence[str]) -> str:
    """Return ` Did you mean ...?`, or nothing."""
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
