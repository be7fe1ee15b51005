"""Settings of ours that another file takes back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.settings.drop_ins import DropIns
from facts.settings.effective import unread
from facts.settings.overrides import overrides, remedy
from facts.settings.programs import PROGRAMS
from facts.value import known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check

#: Part of the name of every drop-in of ours.
_OURS: Final = "b70fleet"


@check("setting-overridden", "machine")
def _overridden(context: Context) -> Iterator[Finding]:
    """A drop-in of this tool is there, and another file that is read later says otherwise.

    What counts is what the program ends up with: each reads its files in an order of its own, and
    mostly the last one wins. A converge refuses such a host with the same line, since it edits no
    file that is not its own.
    """
    for name, found in (known(context.given[DropIns]) or {}).items():
        program = PROGRAMS[name]
        for path in (each for each in found.paths if _OURS in each):
            if (main := unread(program, found)) is not None:
                yield context.warning(
                    f"{main} does not read {program.folders[0]}, so nothing reads {path}",
                    f"on the host: put back the lines of the package's {main} that read "
                    f"{program.folders[0]}",
                )
            for each in overrides(program, found, path):
                yield context.warning(
                    f"{each.path}:{each.line} sets {each.key} to {each.seen} after {path}, which "
                    f"sets {each.wanted}",
                    f"on the host: {remedy(program, each, path)}",
                )
