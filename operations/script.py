"""A shell script as one command, with the line that a plan shows for it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pyinfra.api import QuoteString, StringCommand


class Script(StringCommand):
    """POSIX sh with arguments.

    Args:
        text: the script.
        name: what it is called in messages and process lists.
        arguments: its arguments.
        shown: the command line at its heart, which plans show in place of the script around it.
    """

    def __init__(self, text: str, name: str, *arguments: str, shown: Sequence[str]) -> None:
        super().__init__(*map(QuoteString, ("sh", "-c", text, name, *arguments)))
        self.shown = shlex.join(shown)
