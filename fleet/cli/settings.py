"""The global options as one immutable value that every verb can read.

Accepted before and behind the verb; what stands behind wins.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleet.base.run import Run
from fleet.report.terminal.colors import Color


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person said about every command."""

    inventory: Path | None = None
    verbose: int = 0
    quiet: bool = False
    color: Color = Color.AUTO
    no_input: bool = False
    #: `key=value` texts of --set, in order
    sets: tuple[str, ...] = ()
    #: where the debug log goes instead of the state directory
    debug_log: Path | None = None
    #: the run that this command is; no option, so two commands may have equal settings
    run: Run = field(default_factory=Run.begin, compare=False)

    def retry_prefix(self, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return the words that start a command to paste: `b70`, with -i when it is needed."""
        words = ["b70"]
        if self.inventory and str(self.inventory) != environ.get("B70_INVENTORY"):
            words += ["-i", str(self.inventory)]
        for item in self.sets:
            words += ["--set", item]
        return words


_current: ContextVar[Settings] = ContextVar("b70_settings", default=Settings())  # noqa: B039


def current() -> Settings:
    """Return the settings of the command that is running."""
    return _current.get()


def begin(settings: Settings) -> None:
    """Set the settings that stood before the verb."""
    _current.set(settings)


def refine(later: Settings) -> None:
    """Lay the options that stood behind the verb over those before it."""
    before = _current.get()
    _current.set(
        replace(
            before,
            inventory=later.inventory or before.inventory,
            verbose=before.verbose + later.verbose,
            quiet=before.quiet or later.quiet,
            color=before.color if later.color is Color.AUTO else later.color,
            no_input=before.no_input or later.no_input,
            sets=before.sets + later.sets,
            debug_log=later.debug_log or before.debug_log,
        )
    )
