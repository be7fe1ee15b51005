"""Jinja2 for all layers: one environment; a misspelt variable is an error, never an empty string.

Pure: reads templates of the checkout, knows nothing of hosts.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

#: The checkout's templates.
FOLDER: Final = Path(__file__).resolve().parent.parent / "templates"


@cache
def _environment() -> Environment:
    # nothing rendered here is HTML: these are configuration files
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """Return a template filled in.

    Args:
        template: path below `templates/`, such as `base/limits.conf.j2`.
        values: everything that the template names; all of it is needed.

    Raises:
        jinja2.UndefinedError: the template names a value that was not given.
        jinja2.TemplateNotFound: there is no such template.
    """
    return _environment().get_template(template).render(values)
