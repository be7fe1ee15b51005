"""Secrets: references to values, once per run, and the redactor that keeps them out of all output.

Values exist in memory only. Whatever is printed, logged, saved or recorded goes through `redact`, a
second fence behind the masked type.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from declaration.secret import MASK, Secret, SecretRef
from fleet.base.errors import Refused

#: Seconds that a secret's command may take; a password manager may ask its user for a touch.
COMMAND_TIMEOUT_S: Final = 30.0
#: Shortest derived form (a line, a base64 core) that is masked wherever it shows, in characters.
_DERIVED_MIN: Final = 6
#: Shells within shells that a command may be quoted for (sudo sh -c 'timeout sh -c ...').
_SHELL_LEVELS: Final = 3
#: Secrets shorter than this are masked only where they stand alone, or every text would be dotted.
_SHORT: Final = 4


class SecretUnavailable(Refused):
    """A secret could not be read from where the declaration says it is. Nothing was changed.

    The message names the reference, never a value; what the secret's own command said is not shown
    because it may hold it.
    """

    id = "secret-unavailable"


class Redactor:
    """Knows the secrets of a run and takes them out of texts."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def know(self, value: str) -> Secret:
        """Remember a value and return it masked (also for passwords that a person typed)."""
        self._forms.update(form for form in _forms(value) if form)
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = (
            re.compile("|".join(map(_as_pattern, longest_first))) if longest_first else None
        )
        return Secret(value)

    def redact(self, text: str) -> str:
        """Return the text with every form of every known secret masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def _as_pattern(form: str) -> str:
    escaped = re.escape(form)
    return rf"(?<!\w){escaped}(?!\w)" if len(form) < _SHORT else escaped


def _forms(value: str) -> Iterator[str]:
    """Yield the ways a value may show: as it is, quoted, escaped, encoded, line by line."""
    yield value
    yield value.replace("'", "'\\''")
    quoted = value
    for _ in range(_SHELL_LEVELS):
        quoted = quoted.replace("'", "'\"'\"'")  # what shlex.quote makes of a quote
        yield quoted
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="")
    data = value.encode("utf-8", "surrogateescape")
    yield base64.b64encode(data).decode()
    yield base64.urlsafe_b64encode(data).decode()
    yield from _base64_cores(data)
    yield from (line for line in value.splitlines() if len(line.strip()) >= _DERIVED_MIN)


def _base64_cores(data: bytes) -> Iterator[str]:
    """Yield what base64 of a longer text around the value must hold, for each alignment."""
    for skip in range(3):
        encoded = base64.b64encode(b"\0" * skip + data).decode().rstrip("=")
        # outer characters mix in bits of the neighbours
        start = -(-skip * 8 // 6)
        end = (skip + len(data)) * 8 // 6
        core = encoded[start:end]
        if len(core) >= _DERIVED_MIN:
            yield core
            yield core.translate(str.maketrans("+/", "-_"))


#: The redactor of this process: logs, reports, ledger and terminal share it.
RUN: Final = Redactor()


def redact(text: str) -> str:
    """Mask every secret that this process has resolved or asked for."""
    return RUN.redact(text)


class Secrets:
    """Resolves references, each once; use it as a `Resolve`.

    Args:
        directory: what a relative `file:` is relative to (the fleet's directory).
        redactor: learns every value.
    """

    def __init__(
        self,
        directory: Path,
        *,
        redactor: Redactor = RUN,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._directory = directory
        self._redactor = redactor
        self._environ = environ
        self._lock = threading.Lock()
        self._known: dict[SecretRef, Secret] = {}

    def __call__(self, ref: SecretRef) -> Secret:
        """Return the secret.

        Raises:
            SecretUnavailable: it is not there, is empty or is not text.
        """
        with self._lock:  # a password manager must not be asked twice at the same time
            if ref not in self._known:
                self._known[ref] = self._redactor.know(self._read(ref))
            return self._known[ref]

    def _read(self, ref: SecretRef) -> str:
        if ref.env:
            value = self._environ.get(ref.env)
            if value is None:
                raise SecretUnavailable(f"{ref}: the variable is not set", f"export {ref.env}=…")
        elif ref.file:
            value = _text(ref, self._file(ref))
        else:
            value = _text(ref, _output(ref))
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise SecretUnavailable(f"{ref}: the secret is empty")
        return value

    def _file(self, ref: SecretRef) -> bytes:
        path = self._directory / Path(ref.file).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            raise SecretUnavailable(f"{ref}: cannot read {path}: {error.strerror}") from error


def _output(ref: SecretRef) -> bytes:
    hint = f"try it by hand: {ref.cmd[0]} …"
    try:
        done = subprocess.run(
            ref.cmd, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        # `from None`: the exception carries the output so far
        message = f"{ref}: no answer within {COMMAND_TIMEOUT_S:.0f} s"
        raise SecretUnavailable(message, hint) from None
    except OSError as error:
        raise SecretUnavailable(f"{ref}: cannot be run: {error.strerror}", hint) from None
    if done.returncode != 0:
        raise SecretUnavailable(f"{ref}: ended with status {done.returncode}", hint)
    return done.stdout


def _text(ref: SecretRef, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SecretUnavailable(f"{ref}: the secret is not UTF-8 text") from None
