"""GRUB's settings in a drop-in of our own that sorts last, and proof that they count.

What a person wrote in /etc/default/grub stays. Only tokens that an earlier version of this product
is on record to have written there leave it: they would reach every entry of the menu, the
fallback's too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from facts.assignments import assignments
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState
from facts.parts import Line
from facts.reader import read
from facts.shell_words import ShellTextError
from facts.system.files import FileText
from facts.value import Absent, Unknown
from operations.boot.grub_text import without
from operations.files.file import file
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state, require

#: Key of host data: returns the tokens that are on record as written by this product.
WRITTEN_TOKENS: Final = "b70_written_tokens"
#: What a run called a token there when it wrote one.
CMDLINE: Final = "kernel command line"
#: Refuses the write when somebody edited the file since it was read.
_UNCHANGED: Final = f'[ "$(sha256sum <{GRUB_DEFAULT})" = "%s  -" ]'


@operation()
def grub_settings(path: str, banner: str, settings: Mapping[str, str]) -> Commands:
    """Keep settings of GRUB's menu in a drop-in of /etc/default/grub.d.

    + path: the drop-in
    + banner: its first line
    + settings: variable -> value
    """
    boot = require(read(Boot), "what GRUB is set to")
    if boot.denied:
        raise OperationError(f"{boot.denied[0]} cannot be read, and it may override {path}")
    _refuse_overrides(boot, path, settings)
    yield from file._inner(
        path=path, content=content(banner, settings), validate='sh -n "$B70_FILE"'
    )


def content(banner: str, settings: Mapping[str, str]) -> str:
    """Return the drop-in."""
    lines = (f'{name}="{value}"' for name, value in settings.items())
    return "\n".join([f"# {banner}", *lines, ""])


def _refuse_overrides(boot: BootState, path: str, settings: Mapping[str, str]) -> None:
    """Refuse when a drop-in that is sourced later takes away what ours says."""
    later = [line for line in boot.lines if line.path != GRUB_DEFAULT and line.path > path]
    values = assignments(line.text for line in later)
    for name, value in settings.items():
        if name in values and values[name] != value:
            raise OperationError(
                f"{_culprit(later, name)} sets {name} to {values[name]} after {path}, declared is "
                f"{value}; remove that line, or rename the file so that it sorts before"
            )


def _culprit(lines: Sequence[Line], name: str) -> str:
    last = next((line for line in reversed(lines) if f"{name}=" in line.text), lines[-1])
    return f"{last.path}:{last.number}"


@operation()
def old_tokens(variable: str, written: Sequence[str]) -> Commands:
    """Take out of /etc/default/grub the tokens that an earlier version is on record to have put in.

    + variable: the assignment that has them
    + written: those tokens
    """
    state = path_state(GRUB_DEFAULT)
    if not written or state is None or state.kind != "file":
        host.noop("no token there is ours")
        return
    text = defaults_text()
    try:
        wanted, gone = without(text, variable, written)
    except ShellTextError as error:
        raise OperationError(f"{GRUB_DEFAULT} cannot be edited safely: {error}") from error
    if not gone:
        host.noop("no token there is ours")
        return
    for token in gone:
        differs("kernel command line of every entry", None, token)
    yield FileWrite(
        GRUB_DEFAULT,
        wanted.encode(),
        mode=state.mode,
        user=state.user,
        group=state.group,
        validate=f'{_UNCHANGED % hashlib.sha256(text.encode()).hexdigest()} && sh -n "$B70_FILE"',
    )


def defaults_text() -> str:
    """Return the content of /etc/default/grub on the current host.

    Raises:
        OperationError: there is none, or it cannot be read.
    """
    reading: bytes | Absent | Unknown = host.get_fact(FileText, path=GRUB_DEFAULT)
    found = require(reading, f"content of {GRUB_DEFAULT}")
    if not isinstance(found, bytes):
        raise OperationError(
            f"there is no {GRUB_DEFAULT}: a boot set needs GRUB (apt-get install grub2-common)"
        )
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        raise OperationError(f"{GRUB_DEFAULT} is not UTF-8: {error}") from error
