"""Text of one remote command and of its failure: pure functions, tested as strings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final, cast

from pyinfra.api import StringCommand
from pyinfra.connectors.util import OutputLine

from fleet.host.session import Output

#: Lines of a failed command's output that an error quotes.
_ERROR_LINES: Final = 12


def command_program(command: StringCommand, arguments: Mapping[str, object]) -> str:
    """Return the text that runs one pyinfra command: environment, folder, stdin, command."""
    lines = []
    for key, value in cast("Mapping[str, object]", arguments.get("_env") or {}).items():
        lines.append(f"export {key}={shlex.quote(_reveal(value))}")
    if folder := arguments.get("_chdir"):
        lines.append(f"cd {shlex.quote(str(folder))} || exit 1")
    text = command.get_raw_value()
    if (stdin := arguments.get("_stdin")) is None:
        lines.append(f"(\n{text}\n) </dev/null")
    else:
        lines.append(f"(\n{text}\n) <<'B70_STDIN'\n{_stdin_text(stdin)}\nB70_STDIN")
    return "\n".join(lines) + "\n"


def describe_failure(what: str, output: Output, beside: int = 0) -> str:
    """Return a sentence: the last lines the command printed, stderr before stdout.

    Args:
        what: the command, or what it was for.
        beside: last lines of stdout that are quoted in front of stderr: apt-get says there what it
            waits for, and who is in its way.
    """
    lines = _lines(output.stderr)[-_ERROR_LINES:]
    tail = [*_lines(output.stdout)[-beside:], *lines] if beside and lines else lines
    tail = tail or _lines(output.stdout)[-_ERROR_LINES:]
    return f"exit status {output.status}: {'; '.join(tail) or 'no output'} [{what}]"


def _lines(printed: bytes) -> list[str]:
    return [line for line in printed.decode("utf-8", "replace").splitlines() if line.strip()]


def _reveal(value: object) -> str:
    unmask = getattr(value, "unmask", None)
    return str(unmask()) if callable(unmask) else str(value)


def _stdin_text(stdin: object) -> str:
    if isinstance(stdin, list | tuple):
        return "\n".join(map(str, stdin))
    return str(stdin)


def output_lines(output: Output) -> list[OutputLine]:
    """Return a program's output as pyinfra's lines; bytes that are not UTF-8 are replaced."""
    return [
        OutputLine(name, line)
        for name, data in (("stdout", output.stdout), ("stderr", output.stderr))
        for line in data.decode("utf-8", "replace").splitlines()
    ]
