"""`b70 inventory list | show | explain | check`: the declaration. Contacts no host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.plain import plain
from fleet.cli import context
from fleet.cli.helptext import help_text
from fleet.cli.options import Exclude, Host, Json, Limit
from fleet.report.formats import json_report

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from fleet.config import Fleet

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=help_text(
        (
            ("b70 inventory check", "is the declaration right?"),
            ("b70 inventory list --limit @production", "hosts of a group"),
            ("b70 inventory explain rig-a base.limits.nofile", "value and the file that set it"),
        ),
        "Show, explain and check the declaration; contacts no host.",
    ),
)

_COLUMNS: Final = ("name", "kind", "address", "groups", "stack", "profile", "cards")
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Dotted key, for example base.limits.nofile.")
]
Defaults = Annotated[bool, typer.Option("--defaults", help="Also what no file says.")]


@app.command(
    "list",
    short_help="List hosts in inventory order.",
    help=help_text(
        (
            ("b70 inventory list", "all hosts"),
            ("b70 inventory list -l @production,!rig-b", "some"),
            ("b70 inventory list --json | jq '.[].address'", ""),
        ),
        "List hosts in inventory order.",
    ),
)
def list_(limit: Limit = None, exclude: Exclude = None, json: Json = False) -> None:
    fleet = context.load_fleet()
    if fleet.hosts or limit or exclude:
        hosts = fleet.select(limit or (), exclude or (), everything=True)
    else:
        hosts = []
        _say(fleet, "no hosts yet; add one: b70 bootstrap NAME --address ADDRESS")
    rows = [_row(spec) for spec in hosts]
    if json:
        json_report.write(sys.stdout, plain(rows))
    else:
        typer.echo(_table([{k: _cell(v) for k, v in row.items()} for row in rows]), nl=False)


@app.command(
    short_help="Show a host's resolved declaration, each value with its origin.",
    help=help_text(
        (
            ("b70 inventory show rig-a", "what files say, and which"),
            ("b70 inventory show rig-a --defaults", "with the built-in defaults"),
        ),
        "Show a host's resolved declaration; a comment names the origin of each value.",
    ),
)
def show(host: Host, defaults: Defaults = False, json: Json = False) -> None:
    from fleet.config import shown as render

    fleet = context.load_fleet()
    if json:
        json_report.write(sys.stdout, plain({"name": host, **render.record(fleet.host(host))}))
    else:
        typer.echo(render.show(fleet, host, defaults), nl=False)


@app.command(
    short_help="Show a value, who set it, and what it shadows.",
    help=help_text(
        (
            ("b70 inventory explain rig-a base.limits.nofile", "one value"),
            ("b70 inventory explain rig-a stack", "a whole part"),
            ("b70 inventory explain rig-a base.sysctl.vm.swappiness --json", ""),
        ),
        "Show a value, the file and layer that set it, and what it shadows.",
    ),
)
def explain(host: Host, key: Key, json: Json = False) -> None:
    from dataclasses import asdict

    from fleet.config import shown as render

    fleet = context.load_fleet()
    if json:
        json_report.write(sys.stdout, plain({"key": key, **asdict(fleet.explain(host, key))}))
    else:
        typer.echo(render.explained(fleet, host, key), nl=False)


@app.command(
    short_help="Report every mistake in the declaration.",
    help=help_text(
        (
            ("b70 inventory check", ""),
            ("b70 -i DIR inventory check --json", "for a pipeline"),
        ),
        "Read every file and report every mistake with file, line and likely spelling. Looks at "
        "private keys and repository keys, too, and says which expire within 60 days.",
    ),
)
def check(json: Json = False) -> None:
    from time import time

    from fleet.config import outside
    from fleet.config.problems import fail

    fleet = context.load_fleet()
    now = time()
    if wrong := list(outside.wrong(fleet, now)):
        fail(wrong)
    unpinned = [name for name, spec in fleet.hosts.items() if not spec.identity.host_keys]
    if json:
        body = {"fleet": fleet.name, "hosts": len(fleet.hosts), "unpinned": unpinned}
        json_report.write(sys.stdout, plain(body))
    else:
        typer.echo(f"{fleet.name}: {len(fleet.hosts)} hosts, nothing wrong")
    for word in outside.words(fleet, now):
        _say(fleet, word)
    if unpinned:
        names = ", ".join(unpinned[:5]) + (" ..." if len(unpinned) > 5 else "")
        _say(fleet, f"not pinned yet: {names}; next: b70 bootstrap NAME")


def _row(spec: HostSpec) -> dict[str, object]:
    link = spec.connection
    return {
        "name": spec.name,
        "kind": spec.kind,
        "address": link.address if link.port == 22 else f"{link.address}:{link.port}",
        "groups": list(spec.groups),
        "stack": spec.stack.name if spec.stack else None,
        "profile": spec.profile.name if spec.profile else None,
        "cards": len(spec.hardware.cards),
    }


def _cell(value: object) -> str:
    if value is None or value == []:
        return "-"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(rows: list[dict[str, str]]) -> str:
    """Return aligned columns; plain text survives a pipe, a ticket and a narrow terminal."""
    table = [{name: name.upper() for name in _COLUMNS}, *rows]
    width = {name: max(len(row[name]) for row in table) for name in _COLUMNS}
    lines = ("  ".join(f"{row[name]:<{width[name]}}" for name in _COLUMNS) for row in table)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _say(fleet: Fleet, text: str) -> None:
    typer.echo(f"{fleet.name}: {text}", err=True)
