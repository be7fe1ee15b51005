"""The (script, pure parser) pair that every fact is, as a stock pyinfra fact.

A subclass writes `script()` (POSIX sh, read-only) and `parse()` (pure: text -> typed value). The
base wraps the script so that a hanging tool, a failing command or garbage spoils that fact alone:
it ends as `Unknown`, never as an exception, never as an empty value. The same class works under
stock pyinfra (one exec each) and under the batch of `fleet/host/cache.py` (all in one exec).
"""

from __future__ import annotations

import re
import shlex
from typing import ClassVar, Final, TypeVar

from pyinfra.api import FactBase
from typing_extensions import override

from facts.odd import is_utf8, visible
from facts.value import Unknown

T = TypeVar("T")

#: Last line of every fact's output: end marker, exit status of the script, its stderr on one line.
END: Final = "#b70-end"
_END_LINE: Final = re.compile(rf"^{END} (\d+) ?(.*)$")
#: Exit statuses of `timeout -k`: 124 ran out (143 in busybox, 125 in Rust's coreutils, see
#: docs/evidence.md#rust-coreutils), 137 had to be killed.
_TIMED_OUT: Final = (124, 125, 137, 143)


class ParseError(ValueError):
    """Raised by a parser that does not recognise its input; becomes `Unknown`."""


class HostFact(FactBase[T | Unknown]):
    """A read-only reading of one domain of a host.

    Class attributes:
        domain: name shown by `b70 facts HOST [DOMAIN]`; empty for facts that take a path.
        takes_arguments: True when it answers nothing without them: then no batch reads it unasked.
        timeout_s: seconds after which the script is stopped and the fact is UNKNOWN.
        on_demand: True keeps the fact out of the normal batch (it starts a tool that is costly or
            wakes cards).
        volatile: True when it differs at every reading: a history of it would be noise.
        simulable: True when the script reads through `probe_root` (a lab host's fake tree).
        by_lines: True when its parser takes each text from Parts: bytes that are not UTF-8 spoil
            the line or the part that they stand in. Otherwise they spoil the fact.
    """

    domain: ClassVar[str] = ""
    timeout_s: ClassVar[int] = 10
    takes_arguments: ClassVar[bool] = False
    on_demand: ClassVar[bool] = False
    volatile: ClassVar[bool] = False
    simulable: ClassVar[bool] = False
    by_lines: ClassVar[bool] = False

    def script(self, probe_root: str = "") -> str:
        """Return the POSIX-sh script; every absolute path it simulates starts with `probe_root`."""
        raise NotImplementedError

    def parse(self, text: str) -> T:
        """Turn the script's stdout into the value; raise ParseError or ValueError for nonsense."""
        raise NotImplementedError

    @override
    def command(self, probe_root: str = "") -> str:
        return wrap(self.script(probe_root), self.timeout_s)

    @override
    def process(self, output: list[str]) -> T | Unknown:
        return interpret(self, output)

    @staticmethod
    @override
    def default() -> T | Unknown:
        """Value before the fact was read (and when nothing at all came back)."""
        return Unknown("not read")


#: Bytes of a script's stderr that are sent: a tool that complains without end spoils only itself.
_STDERR: Final = 1024
#: Runs one script within its time limit. A batch has a b70_run of its own that starts no process.
_ALONE: Final = (
    'command -v b70_run >/dev/null || b70_run() { LC_ALL=C timeout -k 1 "$1" sh -c "$2"; }'
)


def wrap(script: str, timeout_s: int) -> str:
    """Wrap a script so that its exit status and stderr travel in the last line and it always ends.

    Args:
        script: POSIX sh; it may run in a shell that goes on afterwards, so `$$` is not its own.
        timeout_s: seconds until SIGTERM; SIGKILL follows one second later.
    """
    # fd 3 carries stdout past the command substitution that collects stderr
    return (
        f"{_ALONE}; exec 3>&1; b70_e=$(b70_run {timeout_s} {shlex.quote(script)} "
        "2>&1 1>&3 3>&- </dev/null); b70_r=$?; exec 3>&-; "
        f"[ -z \"$b70_e\" ] || b70_e=$(printf %s \"$b70_e\" | head -c {_STDERR} | tr '\\n' ' '); "
        f"printf '\\n{END} %d %s\\n' $b70_r \"$b70_e\""
    )


def interpret(fact: HostFact[T], output: list[str]) -> T | Unknown:
    """Turn the wrapped output lines into the fact's value or an Unknown that says why."""
    lines = list(output)
    while lines and not lines[-1].strip():
        lines.pop()
    match = _END_LINE.match(lines[-1]) if lines else None
    if match is None:
        return Unknown("output was cut off", visible("\n".join(output)))
    status, stderr = int(match[1]), visible(match[2]).strip()
    body = lines[:-1]
    if body and body[-1] == "":  # the newline that the wrapper put before the marker
        body = body[:-1]
    text = "\n".join(body)
    shown = visible(text)
    if not fact.by_lines and not is_utf8(text):
        return Unknown("output is not UTF-8", shown)
    if status in _TIMED_OUT:
        return Unknown(f"no answer within {fact.timeout_s} s", shown)
    if status != 0:
        return Unknown(f"exit status {status}: {stderr or 'no message'}", shown)
    try:
        return fact.parse(text)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"cannot parse: {visible(str(error))}", shown)
