"""The shell function that reads a file without its compression, for every program that needs it."""

from __future__ import annotations

from typing import Final

from facts.shelltext import shell_text

#: Text to put in front of a program.
PLAIN: Final = shell_text(__file__)
