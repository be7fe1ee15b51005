"""Exit codes: the one table that --help and docs/exit-codes.md are generated from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What a command's status says."""

    CLEAN = 0
    FAILED = 1
    PENDING = 2
    REFUSED = 3
    UNREACHABLE = 4
    BUDGET = 5
    USAGE = 64
    #: what a shell makes of SIGINT, so that scripts know it (128 + 2)
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Return the sentence that docs and --help show."""
        return MEANING[self]


MEANING: Final[dict[ExitCode, str]] = {
    ExitCode.CLEAN: "nothing to do, converged or clean",
    ExitCode.FAILED: "failed on some host",
    ExitCode.PENDING: "changes pending or drift found",
    ExitCode.REFUSED: "refused: nothing was changed where the reason applies",
    ExitCode.UNREACHABLE: "a host is unreachable or in an unknown state",
    ExitCode.BUDGET: "stopped by the budget or a tripped breaker",
    ExitCode.USAGE: "the command line or the configuration is wrong",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C; `b70 history` shows what had begun",
}

#: Mixed results: the first of these that any host had is the command's exit code.
PRECEDENCE: Final = (
    ExitCode.FAILED,
    ExitCode.UNREACHABLE,
    ExitCode.BUDGET,
    ExitCode.REFUSED,
    ExitCode.PENDING,
    ExitCode.CLEAN,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of a command from the codes of its hosts."""
    seen = set(codes)
    return next((code for code in PRECEDENCE if code in seen), ExitCode.CLEAN)
