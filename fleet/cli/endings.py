"""Turns what a verb raises into a sentence on stderr and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import typer

from fleet.base.errors import FleetError
from fleet.base.exitcodes import ExitCode
from fleet.cli import context
from fleet.cli.debuglog import debug_log_path
from fleet.cli.settings import current

_log = logging.getLogger("b70")


def guarded(work: Callable[[], object]) -> int:
    """Run the command line and return its exit code; nothing escapes as a traceback."""
    try:
        # an exit code that a verb raised as typer.Exit comes back as the result
        result = work()
        sys.stdout.flush()
    except FleetError as error:
        return _typed(error)
    except typer.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return _reader_gone()
        raise
    except Exception as error:  # the last net: a bug must end as one line and a log
        return _bug(error)
    code = int(result) if isinstance(result, int) else int(ExitCode.CLEAN)
    # what Typer makes of Ctrl-C before anybody else sees it
    return _interrupted() if code == ExitCode.INTERRUPTED else code


def _typed(error: FleetError) -> int:
    from fleet.report.terminal import console
    from fleet.report.terminal.error import problem

    _log.info("ended: %s (%s)", error.message, error.id)
    redact = context.redactor()
    shown = (redact(error.message), redact(error.hint), error.id)
    problem(console.stderr(current().color), *shown)
    return error.exit_code


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if message.startswith("Usage:"):
        # a group without its verb: Typer's message is the whole help
        sys.stderr.write(f"{message}\n")
        return ExitCode.USAGE
    sys.stderr.write(f"error: {message}\n")
    if context is not None:
        sys.stderr.write(f"  next: {context.command_path} --help\n")
    return ExitCode.USAGE


def _interrupted() -> int:
    _log.info("ended: interrupted")
    sys.stderr.write("\ninterrupted; `b70 history` shows what had begun\n")
    return ExitCode.INTERRUPTED


def _reader_gone() -> int:
    """End quietly when the reader of a pipe has seen enough (`b70 plan | head`)."""
    # else Python complains about the flush at exit
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.CLEAN


def _bug(error: Exception) -> int:
    path = debug_log_path()
    _log.exception("unexpected error")
    reason = str(error).splitlines()[0] if str(error) else "no message"
    reason = context.redactor()(reason)
    sys.stderr.write(f"error: {type(error).__name__}: {reason}\n  debug log: {path}\n")
    return ExitCode.FAILED
