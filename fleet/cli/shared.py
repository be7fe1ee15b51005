"""The global options as declared to Typer, once, for the root and for every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.settings import Settings, begin, refine
from fleet.report.terminal.colors import Color

Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        "-i",
        envvar="B70_INVENTORY",
        metavar="DIR",
        help="Fleet directory (made by `b70 init DIR`).",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, help="Say more; twice for debug output."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Results and errors only.")]
Colors = Annotated[Color, typer.Option("--color", help="Colour the output.")]
NoInput = Annotated[
    bool, typer.Option("--no-input", help="Never ask; refuse what would need an answer.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a declared value for this run, on every host. Never a secret.",
    ),
]
DebugLog = Annotated[
    Path | None, typer.Option("--debug-log", metavar="FILE", help="Write the debug log here.")
]


def before_verb(
    inventory: Inventory = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    color: Colors = Color.AUTO,
    no_input: NoInput = False,
    sets: Sets = None,
    debug_log: DebugLog = None,
) -> None:
    """Provision and audit hosts with Intel Arc Pro B70 GPUs over SSH."""
    begin(_settings(inventory, verbose, quiet, color, no_input, sets, debug_log))


def behind_verb(
    inventory: Inventory = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    color: Colors = Color.AUTO,
    no_input: NoInput = False,
    sets: Sets = None,
    debug_log: DebugLog = None,
) -> None:
    """Take the same options behind the verb."""
    refine(_settings(inventory, verbose, quiet, color, no_input, sets, debug_log))


def _settings(
    inventory: Path | None,
    verbose: int,
    quiet: bool,
    color: Color,
    no_input: bool,
    sets: list[str] | None,
    debug_log: Path | None,
) -> Settings:
    return Settings(inventory, verbose, quiet, color, no_input, tuple(sets or ()), debug_log)
