"""Loads the shell text of a module from the .sh file beside it: there is no other way to do it.

Must not know what a text does.
"""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path


@cache
def shell_text(module: str, suffix: str = "") -> str:
    """Return a .sh file without its comment lines and blank lines, which no host needs.

    Quotes and here-documents are not looked for: no line inside one may be blank or begin with
    `#`. The tests check that for every file.

    Args:
        module: `__file__` of the module that the text belongs to.
        suffix: what stands behind the module's name, for a second file (`_users`).
    """
    path = Path(module)
    lines = path.with_name(f"{path.stem}{suffix}.sh").read_text("utf-8").split("\n")
    return "".join(f"{line}\n" for line in lines if line.strip() and line.lstrip()[0] != "#")


def shell_variables(**values: str | int) -> str:
    """Return the lines that set shell variables in front of a text, quoted."""
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
