"""`b70 explain ID`: the long text behind a short id, or what a word means here."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fleet.base.errors import ConfigError
from fleet.cli.complete import complete_id

EXAMPLES: Final = (
    ("b70 explain no-hosts", "an error"),
    ("b70 explain 4", "an exit code"),
    ("b70 explain boot-set", "a word"),
    ("b70 explain", "all ids"),
)

Id = Annotated[
    str, typer.Argument(metavar="[ID]", help="Id of anything.", autocompletion=complete_id)
]


class NothingToExplain(ConfigError):
    """No error, gate, finding, exit code or word is called so. `b70 explain` lists all."""

    id = "no-such-id"


def explain(id: Id = "") -> None:
    """Explain an error, a gate, a doctor finding, an exit code or a word."""
    from fleet.reference import explain as catalog

    entries = catalog.entries()
    if not id:
        sys.stdout.write(catalog.listing(entries))
        return
    id = {name.lower(): name for name in entries}.get(id.lower(), id)
    if id not in entries:
        from difflib import get_close_matches

        from fleet.cli.helptext import did_you_mean

        close = did_you_mean(get_close_matches(id, entries))
        raise NothingToExplain(f"nothing has the id {id!r}.{close}", hint="b70 explain")
    sys.stdout.write(catalog.text(entries[id]))
