"""Shell completion of host, group, run and id names: quick, offline, and never failing.

Reads the names straight from `hosts.yaml` without validating anything: a fleet that is wrong
somewhere else still completes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from fleet.cli.settings import current


def complete_host(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete one host name."""
    return [
        name for name in _quietly(lambda: names(_inventory(ctx))) if name.startswith(incomplete)
    ]


def complete_limit(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last pattern of a comma-separated limit: hosts and @groups, also after `!`."""
    done, comma, last = incomplete.rpartition(",")
    bang = "!" if last.startswith("!") else ""

    def candidates() -> list[str]:
        directory = _inventory(ctx)
        return names(directory) + [f"@{group}" for group in groups(directory)]

    return [
        f"{done}{comma}{bang}{word}"
        for word in _quietly(candidates)
        if word.startswith(last.removeprefix("!"))
    ]


def complete_domain(incomplete: str) -> list[str]:
    """Complete a fact domain."""

    def candidates() -> list[str]:
        from facts.registry import all_facts

        return list(all_facts())

    return [name for name in _quietly(candidates) if name.startswith(incomplete)]


def complete_id(incomplete: str) -> list[str]:
    """Complete what `b70 explain` knows."""

    def candidates() -> list[str]:
        from fleet.reference.explain import entries

        return list(entries())

    return [name for name in _quietly(candidates) if name.startswith(incomplete)]


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a run id, newest first."""

    def candidates() -> list[str]:
        from fleet.base.statedir import ledger_path
        from fleet.config.places import locate
        from fleet.ledger import Ledger

        # a fleet is called after its directory; one that says otherwise gets no suggestion
        path = ledger_path(locate(_inventory(ctx)).name)
        return [run.run for run in Ledger.open(path).runs()] if path.exists() else []

    return [name for name in _quietly(candidates) if name.startswith(incomplete)]


def names(directory: Path) -> list[str]:
    """Return the host names of a fleet, in inventory order."""
    return [name for name, _ in _hosts(directory)]


def groups(directory: Path) -> list[str]:
    """Return the group names that hosts of a fleet are in."""
    found: set[str] = set()
    for _, record in _hosts(directory):
        listed = record.get("groups") if isinstance(record, dict) else None
        found.update(str(group) for group in listed or ())
    return sorted(found)


def _hosts(directory: Path) -> Iterator[tuple[str, object]]:
    import yaml

    from declaration.yamlloader import SafeLoader
    from fleet.config.places import locate

    # with libyaml a fleet of 1,000 hosts is read in the time that a person does not notice
    with locate(directory).hosts_file.open(encoding="utf-8") as file:
        data = yaml.load(file, Loader=SafeLoader)
    yield from data["hosts"].items()


def _inventory(ctx: typer.Context) -> Path:
    """Return the fleet as far as the half-typed line tells, else as `choose_fleet` does."""
    from fleet.config import choose_fleet

    level: object = ctx
    while level is not None:
        if chosen := getattr(level, "params", {}).get("inventory"):
            return Path(chosen)
        level = getattr(level, "parent", None)
    return choose_fleet(current().inventory)


def _quietly(read: Callable[[], list[str]]) -> list[str]:
    """Return nothing rather than an error: a traceback in the middle of a prompt helps nobody."""
    try:
        return read()
    except Exception:  # any damage of any file means: no suggestion
        return []
