"""What work tells the terminal: typed events. The engine emits, exactly one monitor renders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Phase(StrEnum):
    """Where a host is in its run, in order."""

    CONNECT = "connect"
    PROBE = "probe"
    PLAN = "plan"
    APPLY = "apply"
    VERIFY = "verify"
    REBOOT = "reboot"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A host entered a phase."""

    host: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class ResourceStarted:
    """A resource is being applied."""

    host: str
    layer: str
    name: str


@dataclass(frozen=True, slots=True)
class ResourceDone:
    """A resource was applied (or failed)."""

    host: str
    name: str
    ok: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host waits for something that is not ours: a dpkg lock, a mirror."""

    host: str
    what: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Note:
    """A line a person should see while it happens."""

    host: str
    text: str


@dataclass(frozen=True, slots=True)
class HostDone:
    """A host is finished."""

    host: str
    state: str
    detail: str = ""


Event: TypeAlias = PhaseStarted | ResourceStarted | ResourceDone | Waiting | Note | HostDone
Emit: TypeAlias = Callable[[Event], None]


def discard(_: Event) -> None:
    """Swallow events (for callers without a terminal)."""
