"""Report formats: one file each, one table. A format turns findings into a text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fleet.model.finding import Finding
from fleet.report.formats import json_report, markdown

#: Turns findings, of one host or of many, into a whole document.
Render = Callable[[Sequence[Finding]], str]

#: Name on the command line -> format.
FORMATS: Final[dict[str, Render]] = {
    "json": json_report.render,
    "markdown": markdown.render,
}
