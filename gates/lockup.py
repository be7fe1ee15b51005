"""Whether a hard lockup may panic: only where that leaves a trace and the machine comes back.

Pure. On a rig without capture gear `kernel.hardlockup_panic=1` turned stalls that used to recover
into a permanent halt with nothing to read (docs/evidence.md#lockup-panic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from facts.system.crash_capture import Capture
from facts.value import Unknown

#: The key that the policy decides unless it is declared.
KEY: Final = "kernel.hardlockup_panic"


@dataclass(frozen=True, slots=True)
class Policy:
    """The value chosen and why."""

    value: int
    reason: str


def policy_for(capture: Capture | Unknown, declared_panic_s: str | int | None = None) -> Policy:
    """Return the value of `kernel.hardlockup_panic` for a host.

    Args:
        capture: what the host says; UNKNOWN never allows a panic.
        declared_panic_s: `kernel.panic` as declared, in seconds; it will hold once converged.
    """
    if isinstance(capture, Unknown):
        return Policy(0, f"0, because crash capture is UNKNOWN: {capture.reason}")
    if capture.kdump is True:
        return Policy(1, "1, because kdump is loaded: it keeps the trace and reboots")
    gear = _gear(capture)
    if not gear:
        return Policy(0, "0, because neither kdump, pstore nor netconsole would keep a trace")
    panic_s = capture.panic_s if declared_panic_s is None else declared_panic_s
    if not _comes_back(panic_s):
        return Policy(0, f"0, because with kernel.panic {panic_s} it would halt for good")
    return Policy(1, f"1, because {gear} keeps the trace and kernel.panic is {panic_s}")


def _gear(capture: Capture) -> str:
    if capture.netconsole:
        return f"netconsole {capture.netconsole[0]}"
    if isinstance(capture.pstore, str) and capture.pstore:
        return f"pstore {capture.pstore}"
    return ""


def _comes_back(panic_s: object) -> bool:
    """Return True if a panicked kernel reboots; 0 halts for good, what is unclear counts as 0."""
    return str(panic_s).lstrip("-").isdecimal() and int(str(panic_s)) != 0
