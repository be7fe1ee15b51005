"""Which systemctl verbs bring a unit from where it is to where it should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyinfra.api.exceptions import OperationError

from facts.system.units import Unit
from facts.value import Absent, Unknown

#: File states that `systemctl enable` turns into `enabled` (systemctl(1), is-enabled).
_NOT_ENABLED: Final = ("disabled", "enabled-runtime", "linked", "linked-runtime")
#: File states that `systemctl disable` turns into `disabled`.
_ENABLED: Final = ("enabled", "enabled-runtime", "linked", "linked-runtime")
#: Ends file states of what is in /run: systemctl changes it there only when it is told so.
_RUNTIME: Final = "-runtime"
_MASKED: Final = "masked"
_MASKED_RUNTIME: Final = "masked-runtime"
#: Folders of masks, and the verb that takes away a mask there.
_UNMASK: Final = {
    "/etc/systemd/system": "unmask",
    "/run/systemd/system": "unmask --runtime",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """State of a unit; None leaves an aspect alone.

    Args:
        restart: why a running unit has to be restarted, empty when it has not.
    """

    running: bool | None = None
    enabled: bool | None = None
    masked: bool | None = None
    restart: str = ""


def stale(
    found: Unit | Absent | Unknown,
    changed: Mapping[str, int],
    lost: Sequence[str],
    written: Sequence[str] = (),
) -> str:
    """Return why a running unit has to be restarted, empty when it has not.

    Args:
        changed: path -> modification time, seconds by the host's clock.
        lost: paths that the unit should have made and that are not there.
        written: paths of its configuration that an earlier resource of this run writes.
    """
    if not isinstance(found, Unit) or not found.is_up:
        return ""
    if lost:
        return f"{lost[0]} is missing"
    if written:
        return f"{written[0]} is written first"
    since = found.active_since
    if isinstance(since, int):
        for path, mtime in changed.items():
            if mtime > since:
                return f"{path} is newer than the running unit"
    return ""


def steps(
    service: str, found: Unit | Absent | Unknown, wanted: Wanted
) -> tuple[list[str], list[str]]:
    """Return the verbs in order, and the reasons for what needs none.

    A unit that is not there yet gets its verbs all the same: its package comes earlier in the run,
    and systemctl says so when it did not.

    Raises:
        OperationError: it should be enabled or running but somebody masked it, or it is UNKNOWN.
    """
    if isinstance(found, Unknown):
        raise OperationError(f"state of {service} is UNKNOWN: {found.reason}")
    if isinstance(found, Absent):
        return _absent(wanted)
    todo: list[str] = ["daemon-reload"] if found.need_daemon_reload else []
    reasons: list[str] = []
    masks = _masks(found)
    masked = bool(masks)
    _mask(service, masks, wanted, todo, reasons)
    if wanted.masked is True:
        return ([*todo, "stop"] if found.is_up else todo), reasons
    _enable(found, masked, wanted, todo, reasons)
    _run(found, wanted, todo, reasons)
    return todo, reasons or ["nothing is declared about it"]


def difference(verb: str, found: Unit | Absent | Unknown) -> tuple[str, str | None, str | None]:
    """Return what a verb of `steps` brings about: property, expected, seen."""
    unit = found if isinstance(found, Unit) else None
    active = unit.active if unit else None
    enabled = str(unit.file_state) if unit else None
    return {
        "daemon-reload": ("definition", "as its file", "older than its file"),
        "mask": ("masked", "yes", "no"),
        "unmask": ("masked", "no", "yes"),
        "unmask --runtime": ("masked until the next boot", "no", "yes"),
        "enable": ("enabled", "enabled", enabled),
        "disable": ("enabled", "disabled", enabled),
        "disable --runtime": ("enabled", "disabled", enabled),
        "start": ("running", "active", active),
        "stop": ("running", "inactive", active),
    }[verb]


def _absent(wanted: Wanted) -> tuple[list[str], list[str]]:
    todo = ["mask"] if wanted.masked else []
    if wanted.enabled:
        todo.append("enable")
    if wanted.running:
        todo.append("start")
    return todo, ["there is no such unit"]


def _masks(found: Unit) -> tuple[str, ...]:
    """Return the folders in which a unit is masked."""
    if found.masks:
        return found.masks
    if found.file_state == _MASKED_RUNTIME:
        return ("/run/systemd/system",)
    if found.load == _MASKED or found.file_state == _MASKED:
        return ("/etc/systemd/system",)
    return ()


def _mask(
    service: str, masks: Sequence[str], wanted: Wanted, todo: list[str], reasons: list[str]
) -> None:
    if wanted.masked is None:
        if masks and (wanted.enabled or wanted.running):
            raise OperationError(f"{service} is masked; declare masked=False to unmask it")
        return
    if wanted.masked:
        # a mask in /run ends with the boot
        if set(masks) <= {"/run/systemd/system"}:
            todo.append("mask")
        else:
            reasons.append("masked")
        return
    for folder in masks:
        if folder not in _UNMASK:
            raise OperationError(
                f"{service} is masked by its package: {folder}/{service} is empty, and systemctl "
                f"takes away no mask there; `systemctl cat {service}` on the host shows it"
            )
        todo.append(_UNMASK[folder])


def _enable(found: Unit, masked: bool, wanted: Wanted, todo: list[str], reasons: list[str]) -> None:
    if wanted.enabled is None:
        return
    # what is below a mask shows only after unmasking; enabling twice does no harm
    state = "disabled" if masked else str(found.file_state)
    if wanted.enabled and state in _NOT_ENABLED:
        todo.append("enable")
    elif not wanted.enabled and state in _ENABLED and not masked:
        todo.append("disable --runtime" if state.endswith(_RUNTIME) else "disable")
    else:
        reasons.append(f"file state {state}")


def _run(found: Unit, wanted: Wanted, todo: list[str], reasons: list[str]) -> None:
    up = found.is_up
    if wanted.running is True and not up:
        todo.append("start")
    elif wanted.running is False and up:
        todo.append("stop")
    elif wanted.running is not False and up and wanted.restart:
        todo.append("restart")
    elif wanted.running is not None:
        reasons.append(f"{found.active} ({found.sub})")
