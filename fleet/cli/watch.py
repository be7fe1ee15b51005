"""Progress of a verb's work, in the style that the options and the terminal ask for."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager

from fleet.cli import context
from fleet.cli.settings import current
from fleet.model.events import Emit


def watched() -> AbstractContextManager[Emit]:
    """Return the monitor; what it yields takes the engine's events."""
    from fleet.report.terminal.progress import monitor, style_for

    settings = current()
    style = style_for(
        settings.quiet,
        sys.stdout.isatty(),
        sys.stderr.isatty(),
        os.environ.get("TERM") == "dumb",
    )
    return monitor(style, settings.color, settings.verbose, context.redactor())
