"""The two consoles: results on stdout, talk on stderr. The only place that decides width."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from fleet.report.terminal.colors import Color, wants_color

#: Columns when the output is no terminal and COLUMNS is not set.
DEFAULT_WIDTH: Final = 100


def stdout(color: Color = Color.AUTO) -> Console:
    """Return the console for results."""
    return make(sys.stdout, color)


def stderr(color: Color = Color.AUTO) -> Console:
    """Return the console for talk: progress, questions, errors."""
    return make(sys.stderr, color)


def make(stream: TextIO, color: Color) -> Console:
    """Return a console for a stream; plain text when colours are not wanted."""
    colored = wants_color(color, os.environ, stream.isatty())
    return Console(
        file=stream,
        # asking rich to find out would make it read the same variables in another order
        force_terminal=stream.isatty() or colored,
        color_system="standard" if colored else None,
        no_color=not colored,
        width=shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def line(text: str = "", style: str = "", indent: int = 0) -> Text:
    """Return one line; names such as File[/etc/x] are never taken for markup."""
    return Text(" " * indent + text, style=style)
