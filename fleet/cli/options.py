"""Options and arguments that several verbs share, with their completion."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.complete import complete_domain, complete_host, complete_limit

Host = Annotated[
    str, typer.Argument(metavar="HOST", help="Name of one host.", autocompletion=complete_host)
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        "-l",
        metavar="PATTERN",
        help="Only these hosts: names, globs, @group, !x to leave out; commas or repeated.",
        autocompletion=complete_limit,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", help="Not these hosts.", autocompletion=complete_limit
    ),
]
All = Annotated[bool, typer.Option("--all", help="The whole fleet.")]
Ask = Annotated[
    list[str] | None,
    typer.Option(
        "--ask",
        metavar="DOMAIN",
        help="Read this fact too. xpu_smi and clinfo start the GPUs: not while a model is served.",
        autocompletion=complete_domain,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
NoDiff = Annotated[bool, typer.Option("--no-diff", help="Leave the text diffs out.")]
Parallel = Annotated[
    int,
    typer.Option("--parallel", metavar="N", min=0, help="Hosts at once; 0 = decided by size."),
]
