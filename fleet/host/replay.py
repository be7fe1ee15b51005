"""A session to a host that is not there: what one real host answered is answered again.

Everything that rests on it is simulated, and labelled so by whoever shows it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fleet.host.session import Output, Session, Way
from fleet.host.shell import Shell

#: The batch frames its facts with a nonce per program.
_FRAME: Final = "\x1eB70-"
_NONCE: Final = re.compile(_FRAME + "([0-9a-f]{16})")
#: What stands in a recording in its place.
_STANDARD: Final = "0" * 16


class NotRecorded(Exception):
    """A program was run that the recorded host was never asked."""


class Recording:
    """Programs and what a host answered.

    Args:
        answers: program -> output, both with the standard nonce.
    """

    def __init__(self, answers: Mapping[str, Output] | None = None) -> None:
        self._answers = dict(answers or {})

    def keep(self, program: str, output: Output) -> None:
        """Remember what a host answered."""
        stdout = _renamed(output.stdout, _nonce(program), _STANDARD)
        self._answers[without_nonce(program)] = Output(output.status, stdout, output.stderr)

    def answer(self, program: str) -> Output:
        """Return what the host answered, framed as this program expects it.

        Raises:
            NotRecorded: it was never asked.
        """
        found = self._answers.get(without_nonce(program))
        if found is None:
            raise NotRecorded(program[:200])
        stdout = _renamed(found.stdout, _STANDARD, _nonce(program))
        return Output(found.status, stdout, found.stderr)

    def programs(self) -> list[str]:
        """Return the programs in the order in which they were first run."""
        return list(self._answers)

    def save(self, path: Path) -> None:
        """Write the recording as JSON."""
        items = [
            [program, out.status, *(base64.b64encode(b).decode() for b in (out.stdout, out.stderr))]
            for program, out in self._answers.items()
        ]
        path.write_text(json.dumps(items))

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote."""
        return cls(
            {
                program: Output(status, base64.b64decode(stdout), base64.b64decode(stderr))
                for program, status, stdout, stderr in json.loads(path.read_text())
            }
        )


class ReplaySession:
    """The way to a recorded host.

    Args:
        recording: what it answers.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.execs = 0

    def connect(self, patience_s: float | None = None) -> None:
        """Do nothing: a recording is always there."""

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Return what the recorded host answered to this program."""
        self.execs += 1
        return self._recording.answer(program)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class WatchedSession:
    """A session of which somebody sees every program and its answer.

    Args:
        session: the way to the host.
        seen: is told of each program once it ended.
    """

    def __init__(self, session: Session, seen: Callable[[str, Output], None]) -> None:
        self._session = session
        self._seen = seen

    @property
    def execs(self) -> int:
        """Return how many programs were run."""
        return self._session.execs

    def connect(self, patience_s: float | None = None) -> None:
        """Open the way to the host."""
        self._session.connect(patience_s)

    def run(self, program: str, *, deadline_s: float) -> Output:
        """Run a program on the host and let it be seen."""
        output = self._session.run(program, deadline_s=deadline_s)
        self._seen(program, output)
        return output

    def close(self) -> None:
        """Close the way to the host."""
        self._session.close()


def replayed(recording: Recording) -> Way:
    """Return the way to hosts that all answer like the recorded one."""
    return lambda name, data, shell: ReplaySession(recording)


def watched(way: Way, seen: Callable[[str, Output], None]) -> Way:
    """Return a way of which every program and answer is seen."""

    def watch(name: str, data: Mapping[str, object], shell: Shell) -> Session:
        return WatchedSession(way(name, data, shell), seen)

    return watch


def without_nonce(program: str) -> str:
    """Return a program as it would be with the standard nonce."""
    return program.replace(_nonce(program), _STANDARD)


def _nonce(program: str) -> str:
    """Return the nonce of a program; the standard one where it has none."""
    found = _NONCE.search(program)
    return found.group(1) if found else _STANDARD


def _renamed(stdout: bytes, old: str, new: str) -> bytes:
    """Return an output whose frame lines carry another nonce."""
    return stdout.replace(f"{_FRAME}{old}".encode(), f"{_FRAME}{new}".encode())
