"""Nobody chooses a oneAPI compiler for the whole host: the compiler belongs to the artifact."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import OperationError

from facts.packages.oneapi import OneApiState
from facts.reader import read
from facts.value import Unknown
from operations.operation import operation


@operation()
def setvars_unsourced() -> Generator[StringCommand, None, None]:
    """Refuse a host whose shell start files source setvars.sh; they are not ours to edit."""
    state = read(OneApiState)
    if isinstance(state, Unknown):
        raise OperationError(f"who sources setvars.sh is UNKNOWN: {state.reason}")
    if state.setvars:
        line = state.setvars[0]
        raise OperationError(
            f"{line.path} line {line.number} sources setvars.sh, which picks the newest compiler "
            "for everything; remove it (source compiler/VERSION/env/vars.sh where it is needed)"
        )
    host.noop("no shell start file sources setvars.sh")
    yield from ()
