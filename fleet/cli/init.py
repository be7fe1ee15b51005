"""`b70 init DIR`: a fleet directory of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

EXAMPLES: Final = (
    ("b70 init ~/fleet", "hosts.yaml, group_data, README.md, .gitignore, git repository"),
    ("b70 init .", "in the current directory, when it is empty"),
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="New or empty directory.")]


def init(directory: Directory) -> None:
    """Start a fleet directory; refuses one that holds anything already.

    The result passes `b70 inventory check` as it is; hosts are added by `b70 bootstrap` or by hand.
    """
    from fleet.config.places import shown
    from fleet.first.scaffold import create

    made = create(directory)
    for path in made.files:
        typer.echo(shown(path))
    if not made.git:
        typer.echo("git is not there: put the directory under version control later", err=True)
    typer.echo(
        f"next: b70 -i {directory} bootstrap NAME --address ADDRESS, "
        f"or edit {shown(made.directory / 'hosts.yaml')}",
        err=True,
    )
