"""The one question before hosts are changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fleet.base.errors import Refused
from fleet.cli.settings import current
from fleet.model.plan import HostState

if TYPE_CHECKING:
    from fleet.model.plan import RunResult


class NotApproved(Refused):
    """Changes were pending and nobody said yes.

    The answer was no, or there was nobody to ask (`--no-input`, or stdin is no terminal). Nothing
    was changed. Repeat with `-y` to go ahead without the question.
    """

    id = "not-approved"


def approve(plan: RunResult) -> None:
    """Ask whether to apply a plan; a plan without changes needs no answer.

    Raises:
        NotApproved: no, or nobody to ask.
    """
    pending = [host for host in plan.hosts if host.state is HostState.PENDING]
    if not pending:
        return
    require_yes(_question(plan))


def require_yes(question: str) -> None:
    """Ask a person; come back only after a yes.

    Raises:
        NotApproved: no, or nobody to ask.
    """
    if current().no_input or not somebody_is_there():
        raise NotApproved(
            f"{question} There is no terminal to ask on.", hint="repeat with -y to go ahead"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise NotApproved("not approved; nothing was changed")


def somebody_is_there() -> bool:
    """Return True if a question can be answered."""
    return sys.stdin.isatty()


def _question(plan: RunResult) -> str:
    from fleet.report import words

    pending = [host for host in plan.hosts if host.state is HostState.PENDING]
    names = ", ".join(host.host for host in pending)
    cost = words.cost_words(words.total_cost(host.cost for host in pending))
    return f"Change {words.count(len(pending), 'host')} ({names}): {cost}?"
