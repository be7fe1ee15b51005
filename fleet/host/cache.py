"""Serves a pyinfra host's facts from one exec.

Shadows the public methods `get_fact`, `run_shell_command`, `put_file`, `get_file` and `rsync` of
one Host instance; stock operations benefit unchanged. While planning, a fact that is not there yet
ends the operation with FactMiss, so that all misses of a site cost one exec together. While
executing, the first miss of an operation fetches all that the operation read when it was planned.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final

from pyinfra.api import FactBase, Host, StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_host

from facts.base import HostFact, interpret
from facts.value import Unknown
from fleet.host.batch import Answer, Batch, Raw
from fleet.host.keys import FactKey, Key, RawKey, fact_key
from fleet.host.pyinfra import shadow
from fleet.host.session import Output, Session
from fleet.host.shell import STDOUT_BYTES, is_cut

#: Why a fact is UNKNOWN behind which the host's answer was cut.
_TOO_LONG: Final = f"more than {round(STDOUT_BYTES / 2**20)} MiB of output"


class FactMiss(BaseException):
    """A fact that has not been fetched yet was asked for while planning."""

    def __init__(self, key: Key) -> None:
        super().__init__(str(key))
        self.key = key


class HeadRefused(Exception):
    """The program's head (identity, lock) ended with a status other than 0."""

    def __init__(self, status: int, lines: list[str]) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.lines = lines


class NoAnswer(Exception):
    """The batch printed no frame at all: the shell or sudo did not start."""

    def __init__(self, output: Output) -> None:
        super().__init__(output.stderr.decode("utf-8", "replace").strip())
        self.output = output


Mutate = Callable[[StringCommand, dict[str, object]], tuple[bool, CommandOutput]]


class FactCache:
    """All facts of one host that were read so far, and the way to read more.

    Args:
        session: connection of the host.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._values: dict[FactKey, object] = {}
        self._raw: dict[Key, Raw] = {}
        #: keys asked for since the last `begin`, in order
        self.asked: dict[Key, None] = {}
        #: every key asked for in this run: what to fetch first next time
        self.seen: dict[Key, None] = {}
        #: keys an operation is known to read, for one refetch while executing
        self.expected: tuple[Key, ...] = ()
        self._executing = False

    def fetch(self, keys: Iterable[Key], head: str = "") -> Answer:
        """Read facts with one exec; a fact that prints too much costs those behind it another.

        Args:
            keys: what to read.
            head: shell text that runs first; see Batch.

        Raises:
            HeadRefused: the head said no; no fact was read.
            NoAnswer: nothing came back.
        """
        wanted = tuple(keys)
        batch = Batch(wanted, secrets.token_hex(8), head)
        output = self._session.run(batch.program(), deadline_s=batch.deadline_s)
        answer = batch.parse(output.stdout)
        if head and answer.head_status > 0:
            raise HeadRefused(answer.head_status, answer.head)
        if (head and answer.head_status < 0) or (wanted and not answer.facts):
            raise NoAnswer(output)
        for key in wanted:
            raw = answer.facts.get(key, Raw(False, [], ["the batch was cut off before this fact"]))
            self._raw[key] = raw
            if isinstance(key, FactKey):
                self._values[key] = interpret(key.fact(), raw.stdout)
        if is_cut(output.stdout) and (unanswered := batch.unanswered(answer)):
            self._too_long(unanswered[0])
            self.fetch(key for keys in unanswered[1:] for key in keys)
        return answer

    def _too_long(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._raw[key] = Raw(False, [], [_TOO_LONG])
            if isinstance(key, FactKey):
                self._values[key] = Unknown(_TOO_LONG)

    def value(self, key: FactKey) -> object:
        """Return a fetched value, Unknown when it was never read."""
        return self._values.get(key, Unknown("not read"))

    def lacking(self, keys: Iterable[Key]) -> list[Key]:
        """Return the keys that were not read since the host was last changed."""
        return [key for key in dict.fromkeys(keys) if key not in self._raw]

    def invalidate(self) -> None:
        """Forget everything: the host was changed."""
        self._values.clear()
        self._raw.clear()

    def begin(self, *, executing: bool, expected: Iterable[Key] = ()) -> None:
        """Start collecting the keys of one operation."""
        self.asked = {}
        self.expected = tuple(expected)
        self._executing = executing

    def attach(self, host: Host, mutate: Mutate) -> None:
        """Shadow the host's public methods.

        Args:
            host: a pyinfra host.
            mutate: runs a command that is not a fact.
        """
        original = host.get_fact
        depth = 0

        def get_fact(name_or_cls: type[FactBase[Any]], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            nonlocal depth
            if issubclass(name_or_cls, HostFact):
                return self._get(fact_key(name_or_cls, kwargs))
            depth += 1
            try:
                with ctx_host.use(host):  # some stock facts read the global host in command()
                    return original(name_or_cls, *args, **kwargs)
            finally:
                depth -= 1

        def run_shell_command(
            command: StringCommand | str, *_: object, **kwargs: object
        ) -> tuple[bool, CommandOutput]:
            wanted = StringCommand(command) if isinstance(command, str) else command
            if depth:
                return self._stock(RawKey(wanted.get_raw_value()))
            return mutate(wanted, kwargs)

        shadow(
            host,
            get_fact=get_fact,
            run_shell_command=run_shell_command,
            put_file=_refuse_transfer,
            get_file=_refuse_transfer,
            rsync=_refuse_transfer,
        )

    def _get(self, key: FactKey) -> object:
        self._note(key)
        if key not in self._values:
            self._miss(key)
        return self._values[key]

    def _stock(self, key: RawKey) -> tuple[bool, CommandOutput]:
        self._note(key)
        if key not in self._raw:
            self._miss(key)
        raw = self._raw[key]
        lines = [OutputLine("stdout", line) for line in raw.stdout]
        return raw.ok, CommandOutput(lines + [OutputLine("stderr", x) for x in raw.stderr])

    def _note(self, key: Key) -> None:
        # what starts a costly tool is never read on suspicion: not again, and not the next time
        if isinstance(key, FactKey) and key.fact.on_demand:
            return
        self.asked[key] = None
        self.seen[key] = None

    def _miss(self, key: Key) -> None:
        if not self._executing:
            raise FactMiss(key)
        wanted = dict.fromkeys([key, *self.expected])
        self.fetch(k for k in wanted if k not in self._raw)


def _refuse_transfer(*_: object, **__: object) -> tuple[bool, CommandOutput]:
    """Refuse SFTP: it truncates the live file; operations.files.file is atomic, in one stream."""
    raise NotImplementedError("file transfers go through operations.files.file")
