"""A drop-in of ours for a program that reads others too: written only where it has the last word.

The file alone proves nothing: a drop-in that is read later may take back what it says, and the plan
would call the host in sync.
"""

from __future__ import annotations

from pyinfra.api.exceptions import OperationError

from facts.reader import read
from facts.settings.drop_ins import DropIns
from facts.settings.effective import Program, SettingFiles, unread
from facts.settings.overrides import overrides, remedy
from facts.settings.programs import PROGRAMS
from operations.files.file import file
from operations.operation import Commands, operation
from operations.require import require


@operation()
def settings_file(path: str, content: str, program: str, validate: str = "") -> Commands:
    """Keep a drop-in whose settings hold after every file that the program reads.

    + path: the drop-in
    + content: all of it
    + program: who reads it, a name of `facts/settings/programs.py`
    + validate: shell command that must accept `$B70_FILE` before it is renamed into place
    """
    found = require(read(DropIns), f"which other files set what {path} sets")[program]
    _refuse(PROGRAMS[program], found, path, content)
    yield from file._inner(path=path, content=content, validate=validate)


def _refuse(program: Program, found: SettingFiles, path: str, content: str) -> None:
    """Refuse where another file has the last word, where nothing reads ours, or on UNKNOWN."""
    denied = [each for each in found.denied if each != path]
    if denied:
        raise OperationError(f"{denied[0]} cannot be read, and it may override {path}")
    if found.away:
        raise OperationError(
            f"{found.away[0]} leads to other files, and whether one of them overrides {path} is "
            f"UNKNOWN: put what they set into {program.folders[0]}, and take that line out"
        )
    if (main := unread(program, found)) is not None:
        folder = program.folders[0]
        raise OperationError(
            f"{main} does not read {folder}, so nothing reads {path}; put back the lines of the "
            f"package's {main} that read {folder}"
        )
    taken = overrides(program, found, path, content)
    if not taken:
        return
    said = "; ".join(
        f"{each.path}:{each.line} sets {each.key} to {each.seen} after {path}, declared is "
        f"{each.wanted}"
        for each in taken
    )
    steps = "; ".join(dict.fromkeys(remedy(program, each, path) for each in taken))
    raise OperationError(f"{said}: {steps}")
