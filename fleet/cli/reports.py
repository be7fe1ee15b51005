"""`--report FORMAT:FILE`: findings as documents, beside what the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.base.errors import ConfigError

if TYPE_CHECKING:
    from fleet.model.finding import Finding

Reports = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT:FILE",
        help="Write the findings as a document (json, markdown); may be repeated.",
    ),
]


def write_reports(asked: Sequence[str], findings: Sequence[Finding]) -> None:
    """Write every report that was asked for; nothing is written when one of them cannot be named.

    Args:
        asked: `FORMAT:FILE` texts.

    Raises:
        ConfigError: a format is not known, or a file cannot be written.
    """
    from fleet.base.atomic import write_text
    from fleet.report.formats import FORMATS

    wanted = []
    for text in asked:
        name, colon, path = text.partition(":")
        if name not in FORMATS or not colon or not path:
            raise ConfigError(
                f"--report {text!r} is not FORMAT:FILE; formats are {', '.join(FORMATS)}",
                "--report markdown:findings.md",
            )
        wanted.append((FORMATS[name], Path(path)))
    for render, file in wanted:
        try:
            write_text(file, render(findings))
        except OSError as error:
            raise ConfigError(f"cannot write the report {file}: {error.strerror}") from error
