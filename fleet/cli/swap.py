"""`b70 swap build-up | build-down HOST`: swap for a source build."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fleet.cli import context
from fleet.cli.helptext import help_text
from fleet.cli.options import Host, Json
from fleet.cli.outcome import finish
from fleet.cli.watch import watched

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=help_text(
        (
            ("b70 swap build-up rig-a", "before a build"),
            ("b70 swap build-down rig-a", "after it passed"),
        ),
        "Make swap for a source build, and remove it after.",
    ),
)

UP_EXAMPLES: Final = (
    ("b70 swap build-up rig-a", "as declared (swap.build), 160 GiB by default"),
    ("b70 swap build-up rig-a --size 64", "another size for this time"),
)
DOWN_EXAMPLES: Final = (
    ("b70 swap build-down rig-a", "the build passed: off and gone"),
    ("b70 swap build-down rig-a --keep", "the build failed: off, the file waits"),
)

Size = Annotated[
    float | None,
    typer.Option("--size", metavar="GIB", min=0.0625, max=1024, help="Instead of swap.build."),
]
Keep = Annotated[bool, typer.Option("--keep", help="Turn it off, keep the file for the next try.")]


@app.command(
    "build-up",
    short_help="Make swap for a build, or turn on what a reboot left off.",
    help=help_text(
        UP_EXAMPLES,
        "Make swap for a build, or turn on what a reboot or a failed build left.\n\n"
        "Refused (exit 3) before anything is written when there is no room, or when something "
        "serves and the profile forbids swap beside it. docs/swap.md shows all states.",
    ),
)
def build_up(host: Host, size: Size = None, json: Json = False) -> None:
    _run(host, "swap build-up", json, present=True, failed=False, size_gib=size)


@app.command(
    "build-down",
    short_help="Turn build swap off and remove it.",
    help=help_text(DOWN_EXAMPLES, "Turn build swap off and remove it, or keep the file."),
)
def build_down(host: Host, keep: Keep = False, json: Json = False) -> None:
    _run(host, "swap build-down", json, present=False, failed=keep)


def _run(
    host: str,
    command: str,
    json: bool,
    *,
    present: bool,
    failed: bool,
    size_gib: float | None = None,
) -> None:
    from fleet.disks.buildswap import layer
    from fleet.run import order

    fleet = context.load_fleet()
    spec = fleet.host(host)
    if size_gib is not None:
        build = spec.swap.build.model_copy(update={"size_gib": size_gib})
        spec = spec.model_copy(update={"swap": spec.swap.model_copy(update={"build": build})})
    with watched() as emit:
        wanted = layer(spec, present=present, failed=failed)
        asked = order.apply([wanted], command)
        result = context.make_engine(fleet).run([spec], asked, emit).result
    finish(result, json)
