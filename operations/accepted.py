"""A resource that is left as it was found, with the reason for a person."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import StringCommand

from operations.operation import operation


@operation()
def accepted(reason: str) -> Generator[StringCommand, None, None]:
    """Change nothing and say why.

    + reason: what was found and why it may stay
    """
    host.noop(reason)
    yield from ()
