"""The table of verbs: where each one lives. Importing this imports no verb.

Packages beside the product add verbs through the entry-point group `b70.commands` (the lab does).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

#: Entry-point group of commands that other packages add.
GROUP: Final = "b70.commands"


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that is imported when it is asked for.

    Attributes:
        module: import path.
        attribute: a command function or a Typer app in it.
        summary: its line in `b70 --help`; empty = taken from the command itself.
    """

    name: str
    module: str
    attribute: str
    summary: str = ""


_OWN: Final = (
    Verb("init", "fleet.cli.init", "init", "Start a fleet directory of your own."),
    Verb(
        "bootstrap",
        "fleet.cli.bootstrap",
        "bootstrap",
        "First contact with a new host: pin its identity, create the service user.",
    ),
    Verb(
        "inventory",
        "fleet.cli.inventory",
        "app",
        "List, show, explain and check the declaration; contacts no host.",
    ),
    Verb("facts", "fleet.cli.facts", "facts", "Show what a host is, read in one go."),
    Verb(
        "gates", "fleet.cli.gates", "gates", "Show each tuning decision, its reason and evidence."
    ),
    Verb("doctor", "fleet.cli.doctor", "doctor", "Find what would get in the way of a converge."),
    Verb("plan", "fleet.cli.plan", "plan", "Show what converge would change; changes nothing."),
    Verb("converge", "fleet.cli.converge", "converge", "Make hosts match their declaration."),
    Verb("boot", "fleet.cli.boot", "app", "Show the boot sets of a host; remove old ones."),
    Verb(
        "storage",
        "fleet.cli.storage",
        "app",
        "Compare disks with their budget; remove old caches and build trees.",
    ),
    Verb("swap", "fleet.cli.swap", "app", "Make swap for a source build, and remove it after."),
    Verb("history", "fleet.cli.history", "app", "Show past runs from the ledger."),
    Verb("unlock", "fleet.cli.unlock", "unlock", "Remove the lock that a dead run left on a host."),
    Verb(
        "explain", "fleet.cli.explain", "explain", "Explain an error, gate, finding or exit code."
    ),
)


def own() -> tuple[Verb, ...]:
    """Return the product's verbs, without what other packages add."""
    return _OWN


@cache
def verbs() -> dict[str, Verb]:
    """Return all verbs by name: the product's own in the order of their use, then added ones."""
    # costs 10 ms, and completion needs only some of it
    from importlib.metadata import entry_points

    found = {verb.name: verb for verb in _OWN}
    for entry in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        # a package must not replace a verb of the product
        found.setdefault(entry.name, Verb(entry.name, entry.module, entry.attr))
    return found
