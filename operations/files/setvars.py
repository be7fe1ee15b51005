"""Nobody chooses a oneAPI compiler for the whole host: the compiler belongs to the artifact."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.packages.oneapi import OneApiState
from facts.reader import read
from operations.operation import Commands, operation
from operations.require import require


@operation()
def setvars_unsourced() -> Commands:
    """Refuse a host whose shell start files source setvars.sh; they are not ours to edit."""
    state = require(read(OneApiState), "who sources setvars.sh")
    if state.setvars:
        line = state.setvars[0]
        raise OperationError(
            f"{line.path} line {line.number} sources setvars.sh, which picks the newest compiler "
            "for everything; remove it (source compiler/VERSION/env/vars.sh where it is needed)"
        )
    host.noop("no shell start file sources setvars.sh")
    yield from ()
