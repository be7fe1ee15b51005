"""A reboot that is proven: another boot_id, whatever the uptime says, within a deadline.

Nothing stays open while the host is down. Every transport error means "still down"; a slow shutdown
is not a failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from fleet.base.errors import Refused, Unreachable
from fleet.host.refusal import SudoRefused
from fleet.host.session import Session

#: Seconds between two attempts to connect, growing from the first to the second.
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 12.0
#: Seconds that one attempt may take. Whatever is sent to a host that boots is lost, and TCP repeats
#: it ever more rarely: a short attempt, made again, hears of its return sooner than a long one.
ATTEMPT_S: Final = 15.0
#: Seconds for the small texts below.
_TEXT_S: Final = 30

_BOOT_ID: Final = "cat /proc/sys/kernel/random/boot_id"
#: Detached, so that the answer gets out before the network goes.
_REBOOT: Final = (
    "systemd-run --quiet --collect --on-active=1 systemctl reboot 2>/dev/null || "
    "{ nohup sh -c 'sleep 1; systemctl reboot || reboot' >/dev/null 2>&1 & }"
)


class DidNotReturn(Unreachable):
    """A host did not come back from its reboot within the deadline.

    It is counted as unknown. Look at its console; nothing here cycles its power.
    """

    id = "did-not-return"


class RebootNotStarted(Refused):
    """The host refused to reboot: it is still on the same boot and answers."""

    id = "reboot-not-started"


def reboot(
    session: Session,
    name: str,
    *,
    deadline_s: float,
    waiting: Callable[[float], None] = lambda left: None,
) -> str:
    """Reboot and return the new boot_id; the session is connected again afterwards.

    Args:
        session: connected.
        name: host name, for messages.
        deadline_s: seconds until the host must be back.
        waiting: is called before each attempt with the seconds that are left.

    Raises:
        DidNotReturn: it is not back in time.
        RebootNotStarted: it never went down.
    """
    before = _boot_id(session)
    session.run(_REBOOT, deadline_s=_TEXT_S)
    session.close()
    end = time.monotonic() + deadline_s
    pause, same_boot = FIRST_PAUSE_S, False
    while (left := end - time.monotonic()) > 0:
        waiting(left)
        time.sleep(min(pause, left))
        pause = min(LONGEST_PAUSE_S, pause * 1.5)
        if (left := end - time.monotonic()) <= 0:
            break
        try:
            session.connect(min(left, ATTEMPT_S))
            now = _boot_id(session)
        except (Unreachable, SudoRefused):  # sudo may not work yet so early in a boot
            session.close()
            same_boot = False
            continue
        if now != before:
            return now
        same_boot = True  # still shutting down, or it never started to
        session.close()
    if same_boot:
        raise RebootNotStarted(f"{name}: still on the same boot after {deadline_s:.0f} s")
    raise DidNotReturn(
        f"{name}: did not come back from its reboot within {deadline_s:.0f} s",
        f"look at its console; then b70 plan --limit {name}",
    )


def _boot_id(session: Session) -> str:
    output = session.run(_BOOT_ID, deadline_s=_TEXT_S)
    boot_id = output.stdout.decode("ascii", "replace").strip()
    if output.status or not boot_id:
        raise Unreachable("the host does not tell its boot_id")
    return boot_id
