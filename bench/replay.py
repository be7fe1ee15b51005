"""Stands in for a host: what one real host answered, recorded, is answered again without any SSH.

For the share of the engine in the controller's time, and its growth up to a thousand hosts.
Everything that rests on it is labelled simulated.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fleet.host.session import Output, Session

#: The batch frames its facts with a nonce per program.
_FRAME: Final = "\x1eB70-"
_NONCE: Final = re.compile(_FRAME + "([0-9a-f]{16})")
#: What stands in a recording in its place.
_STANDARD: Final = "0" * 16


class NotRecorded(Exception):
    """The engine sent a program that the recorded host was never asked."""


def without_nonce(program: str) -> str:
    """Return a program as it would be with the standard nonce."""
    found = _NONCE.search(program)
    return program.replace(found.group(1), _STANDARD) if found else program


def answered(program: str, recorded: bytes) -> bytes:
    """Return a recorded output with the nonce that this program expects."""
    found = _NONCE.search(program)
    return recorded.replace(_framed(_STANDARD), _framed(found.group(1))) if found else recorded


def standard(program: str, stdout: bytes) -> bytes:
    """Return an output with the standard nonce in place of the program's."""
    found = _NONCE.search(program)
    return stdout.replace(_framed(found.group(1)), _framed(_STANDARD)) if found else stdout


def _framed(nonce: str) -> bytes:
    """Return how an output's frame lines carry a nonce."""
    return f"{_FRAME}{nonce}".encode()


def watch(seen: Callable[[str, Output], None]) -> None:
    """Let `seen` know of every program that any session of this process runs, and its answer."""
    original = Session.run

    def run(self: Session, program: str, *, deadline_s: float, data: bytes = b"") -> Output:
        output = original(self, program, deadline_s=deadline_s, data=data)
        seen(program, output)
        return output

    Session.run = run  # type: ignore[method-assign]


def record(into: dict[str, Output]) -> None:
    """Keep every program that any session of this process runs, and its answer."""

    def keep(program: str, output: Output) -> None:
        stdout = standard(program, output.stdout)
        into[without_nonce(program)] = Output(output.status, stdout, output.stderr)

    watch(keep)


def stand_in(recorded: Mapping[str, Output]) -> None:
    """Let every session of this process answer with what was recorded, connected to nothing."""

    def run(self: Session, program: str, *, deadline_s: float, data: bytes = b"") -> Output:
        self.execs += 1
        found = recorded.get(without_nonce(program))
        if found is None:
            raise NotRecorded(program[:200])
        return Output(found.status, answered(program, found.stdout), found.stderr)

    Session.connect = _nothing  # type: ignore[method-assign]
    Session.run = run  # type: ignore[method-assign]
    Session.close = _nothing  # type: ignore[method-assign]


def _nothing(self: Session, patience_s: float | None = None) -> None:
    """Do nothing."""


def save(recorded: Mapping[str, Output], path: Path) -> None:
    """Write a recording as JSON."""
    items = [
        [program, out.status, *(base64.b64encode(b).decode() for b in (out.stdout, out.stderr))]
        for program, out in recorded.items()
    ]
    path.write_text(json.dumps(items))


def load(path: Path) -> dict[str, Output]:
    """Read what `save` wrote."""
    return {
        program: Output(status, base64.b64decode(stdout), base64.b64decode(stderr))
        for program, status, stdout, stderr in json.loads(path.read_text())
    }
