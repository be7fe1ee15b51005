"""Tokens and settings of /etc/default/grub: one small edit, and proof that it counts.

The file is edited, never rewritten. A drop-in of /etc/default/grub.d is sourced later and can undo
the edit: then the resource fails and names it, since drop-ins belong to whoever wrote them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import Cmdline, covers
from facts.assignments import assignments
from facts.boot.cmdline import tokens
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState
from facts.parts import Line
from facts.reader import read
from facts.shell_words import ShellTextError
from facts.system.files import FileText
from facts.value import Absent, Reading, Unknown
from operations.boot.grub_text import assign, changes, edit
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state, require

#: Refuses the write when somebody edited the file since it was read.
_UNCHANGED = f'[ "$(sha256sum <{GRUB_DEFAULT})" = "%s  -" ]'


@operation()
def grub_defaults(cmdline: Cmdline, settings: Mapping[str, str]) -> Commands:
    """Keep tokens and settings in /etc/default/grub; its other bytes stay as they are.

    + cmdline: tokens that must be there and that must not
    + settings: variable -> value
    """
    state = path_state(GRUB_DEFAULT)
    loader = read(Boot)
    text = defaults_text()
    boot = require(loader, "what GRUB is set to")
    if state is None or state.kind != "file":
        raise OperationError(
            f"{GRUB_DEFAULT} is no plain file: {state.kind if state else 'absent'}"
        )
    wanted = edited(text, cmdline, settings)
    _refuse_overrides(wanted, boot, cmdline, settings)
    if wanted != text:
        for change in changes(text, wanted, cmdline.variable, settings):
            differs(*change)
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield FileWrite(
            GRUB_DEFAULT,
            wanted.encode(),
            mode=state.mode,
            user=state.user,
            group=state.group,
            validate=f'{_UNCHANGED % digest} && sh -n "$B70_FILE"',
        )
        return
    named = [*cmdline.present, *(f"no {pattern}" for pattern in cmdline.absent)]
    host.noop("; ".join([*named, *(f"{name}={value}" for name, value in settings.items())]))


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


def edited(text: str, cmdline: Cmdline, settings: Mapping[str, str]) -> str:
    """Return what the file should be.

    Raises:
        OperationError: it is not what sh would read without complaint.
    """
    try:
        return assign(edit(text, cmdline.variable, cmdline.present, cmdline.absent), settings)
    except ShellTextError as error:
        raise OperationError(f"{GRUB_DEFAULT} cannot be edited safely: {error}") from error


def _refuse_overrides(
    text: str, boot: BootState, cmdline: Cmdline, settings: Mapping[str, str]
) -> None:
    """Refuse when a drop-in takes away what the edited file says."""
    drop_ins = [line for line in boot.lines if line.path != GRUB_DEFAULT]
    if boot.denied:
        raise OperationError(f"{boot.denied[0]} cannot be read, and it may override {GRUB_DEFAULT}")
    values = assignments([*text.split("\n"), *(line.text for line in drop_ins)])
    lost = list(_lost(values.get(cmdline.variable), cmdline))
    if lost:
        raise OperationError(
            f"{_culprit(drop_ins, cmdline.variable)} sets {cmdline.variable} so that it has "
            f"{', '.join(lost)}; edit that file: start the value with ${cmdline.variable}"
        )
    for name, value in settings.items():
        if values.get(name) != value:
            raise OperationError(
                f"{_culprit(drop_ins, name)} sets {name} to {values.get(name)}, declared is "
                f"{value}; remove that line, or declare its value"
            )


def _lost(value: Reading[str] | None, cmdline: Cmdline) -> Iterable[str]:
    if isinstance(value, Unknown):
        yield f"an UNKNOWN value ({value.reason})"
        return
    found: Sequence[str] = tokens(value) if isinstance(value, str) else ()
    yield from (f"no {token}" for token in cmdline.present if token not in found)
    for pattern in cmdline.absent:
        yield from (token for token in found if covers(pattern, token))


def _culprit(drop_ins: Sequence[Line], name: str) -> str:
    last = next((line for line in reversed(drop_ins) if f"{name}=" in line.text), None)
    return GRUB_DEFAULT if last is None else f"{last.path}:{last.number}"
