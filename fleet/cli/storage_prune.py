"""`b70 storage prune HOST [PATH]...`: list what can be removed, remove what is named."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.errors import ConfigError, Refused
from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.approve import require_yes
from fleet.cli.options import Host, Json
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from deploys.layer import Layer
    from fleet.config import Fleet
    from fleet.disks.prune import Candidate

EXAMPLES: Final = (
    ("b70 storage prune rig-a", "only list, with sizes and ages"),
    ("b70 storage prune rig-a /mnt/fast-ai/src/vllm-old", "remove one, after a question"),
    ("b70 storage prune rig-a --older-than 60", "what changed in the last 60 days stays"),
)

#: Days since the last change before something counts as old.
DEFAULT_DAYS: Final = 14.0
#: A full disk is what prune is there for.
_EXCUSED: Final = frozenset({"disk-full"})

Names = Annotated[
    list[str] | None, typer.Argument(metavar="PATH", help="What to remove, as listed.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Older = Annotated[
    float, typer.Option("--older-than", metavar="DAYS", min=0, help="Younger things stay.")
]


class NotPrunable(Refused):
    """A named path may not be removed by prune.

    Prune removes only what lies directly in a declared directory for sources, compile caches, hub
    caches or artifacts, is old enough, is not named by the profile or stack of the host, and is not
    in use. `b70 storage prune HOST` lists everything with the reason why it stays.
    """

    id = "not-prunable"


def prune(
    host: Host,
    paths: Names = None,
    older_than: Older = DEFAULT_DAYS,
    yes: Yes = False,
    json: Json = False,
) -> None:
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.storage import print_candidates

    fleet = context.load_fleet()
    spec = fleet.host(host)
    found, unread = _look(fleet, spec, older_than)
    if not paths:
        if json:
            body = {"host": host, "candidates": [asdict(x) for x in found], "unread": unread}
            json_report.write(sys.stdout, body)
        else:
            print_candidates(console.stdout(current().color), host, found, unread)
        raise typer.Exit(ExitCode.UNREACHABLE if unread else ExitCode.CLEAN)
    names = dict.fromkeys(path.rstrip("/") for path in paths)
    chosen = [_named(host, found, path) for path in names]
    if not yes:
        if not json:
            print_candidates(console.stdout(current().color), host, chosen, ())
        require_yes(f"Remove {len(chosen)} of {host} for good?")
    _remove(fleet, spec, chosen, json)


def _look(fleet: Fleet, spec: HostSpec, older_days: float) -> tuple[list[Candidate], list[str]]:
    """Return what is in the host's prunable directories, and what could not be read."""
    from facts.value import Unknown
    from fleet.disks.prune import candidates, directories, named_paths
    from fleet.disks.use import read_use

    if not (folders := directories(spec)):
        raise ConfigError(
            f"{spec.name} declares no directory that can be pruned",
            f"b70 inventory explain {spec.name} storage.directories",
        )
    with watched() as emit:
        engine = context.make_engine(fleet)
        seen = read_use(engine, spec, folders, named_paths(spec), emit)
    if isinstance(seen.now_s, Unknown):
        raise Refused(f"{spec.name}: its clock is UNKNOWN, so is the age of everything")
    found = candidates(spec, seen.trees, seen.resolved, int(seen.now_s), older_days)
    unread = [f"{p}: {tree}" for p, tree in seen.trees.items() if isinstance(tree, Unknown)]
    return found, unread


def _named(host: str, found: Sequence[Candidate], path: str) -> Candidate:
    item = next((item for item in found if item.path == path), None)
    if item is None:
        raise NotPrunable(
            f"{path} does not lie directly in a directory that can be pruned",
            f"b70 storage prune {host}",
        )
    if item.keep:
        raise NotPrunable(f"{path} stays: {item.keep}", f"b70 storage prune {host}")
    return item


def _remove(fleet: Fleet, spec: HostSpec, chosen: Sequence[Candidate], json: bool) -> None:
    from fleet.cli.outcome import finish
    from fleet.run import order

    with watched() as emit:
        wanted = order.apply([layer(chosen)], "storage prune", _EXCUSED)
        result = context.make_engine(fleet).run([spec], wanted, emit).result
    finish(result, json)


def layer(chosen: Sequence[Candidate]) -> Layer:
    """Return the removals as a layer of their own."""
    from deploys.layer import Layer
    from operations.storage.tree_absent import tree_absent

    def deploy() -> None:
        for item in chosen:
            tree_absent(path=item.path, within=item.within, name=f"Tree[{item.path}]")

    return Layer("storage-prune", deploy)
