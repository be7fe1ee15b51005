"""Errors as types: a sentence for the operator, the next command, an id for `b70 explain`."""

from __future__ import annotations

from typing import ClassVar

from fleet.base.exitcodes import ExitCode


class FleetError(Exception):
    """Something failed, and its message says all that there is to say about this kind of error.

    Every error that a person is meant to read is of this type; most have an id and a text of their
    own.
    """

    #: stable id; `b70 explain ID` expands it (the class docstring is the long text)
    id: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        """Say what happened.

        Args:
            message: one sentence, with file and line where there is one.
            hint: what to do next, preferably a command to type.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint


class Bug(FleetError):
    """Something is wrong in b70 itself; this host's work ended there.

    The debug log has the traceback (`--debug-log FILE`, else the newest in the state directory's
    `logs`). Please report it with that. Other hosts of the run were not touched by it.
    """

    id = "bug"


class ConfigError(FleetError):
    """The declaration is wrong: a misspelt key, an unknown group, a value of the wrong type."""

    id = "config"
    exit_code = ExitCode.USAGE


class Refused(FleetError):
    """Something was refused before anything was changed."""

    id = "refused"
    exit_code = ExitCode.REFUSED


class NoHostsMatched(Refused):
    """A limit or a group matched no host. Nothing runs: a typo must not look like success."""

    id = "no-hosts"


class Unreachable(FleetError):
    """The host could not be reached, or stopped answering; what it did last may be unknown."""

    id = "unreachable"
    exit_code = ExitCode.UNREACHABLE


class Interrupted(FleetError):
    """Stopped by Ctrl-C: at a question, between two steps, or after the operation in flight.

    The message says what was being done. What had begun is in `b70 history`: a host that was being
    changed when a run was aborted is called uncertain there, the others are as they were.
    """

    id = "interrupted"
    exit_code = ExitCode.INTERRUPTED
