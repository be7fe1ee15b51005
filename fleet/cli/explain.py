"""`b70 explain ID`: the long text behind a short id."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fleet.base.errors import ConfigError
from fleet.cli.complete import complete_id

EXAMPLES: Final = (
    ("b70 explain no-hosts", "an error"),
    ("b70 explain 4", "an exit code"),
    ("b70 explain", "all ids"),
)

Id = Annotated[
    str, typer.Argument(metavar="[ID]", help="Id of anything.", autocompletion=complete_id)
]


class NothingToExplain(ConfigError):
    """No error, gate, finding or exit code has that id. `b70 explain` lists all."""

    id = "no-such-id"


def explain(id: Id = "") -> None:
    """Explain an error, a gate, a doctor finding or an exit code."""
    from fleet.reference import explain as catalog

    entries = catalog.entries()
    if not id:
        sys.stdout.write(catalog.listing(entries))
        return
    if id not in entries:
        from difflib import get_close_matches

        from fleet.cli.helptext import did_you_mean

        close = did_you_mean(get_close_matches(id, entries))
        raise NothingToExplain(f"nothing has the id {id!r}.{close}", hint="b70 explain")
    sys.stdout.write(catalog.text(entries[id]))
