"""What an operation of ours is: pyinfra's, which a planner may evaluate without registering it.

Registration costs a quarter of a millisecond for each resource and host; only who applies needs it.
Beside its commands an operation tells the planner why they are needed and what they cost. Under
stock pyinfra there is no planner, and nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, cast

from pyinfra import host, state
from pyinfra.api import StringCommand
from pyinfra.api import operation as pyinfra_operation

from facts.value import Unknown

if TYPE_CHECKING:
    from pyinfra.api.arguments_typed import PyinfraOperation

P = ParamSpec("P")
Commands = Generator[StringCommand, None, None]

#: Key of host data: who plans the host.
PLANNER: Final = "b70_planner"


@dataclass(frozen=True, slots=True)
class Difference:
    """One property of a resource that is not as declared.

    Args:
        what: the property, such as `mode` or `package xpu-smi`.
        expected: as declared, in a person's words and never a secret; None = it should not exist.
        seen: as found; None = it does not exist.
    """

    what: str
    expected: str | None
    seen: str | None


class Planner(Protocol):
    """Who plans a host."""

    @property
    def registers(self) -> bool:
        """Return True if pyinfra is to execute what is planned now, and so has to know it."""

    def take(self, name: str, conditional: bool, commands: Commands) -> object:
        """Evaluate a resource that pyinfra need not know.

        Args:
            name: the resource.
            conditional: it depends on another one's outcome (`_if`).
            commands: not generated yet.
        """

    def differs(self, difference: Difference) -> None:
        """Take a reason for the commands of the resource in hand."""

    def restarts(self, unit: str, why: str) -> None:
        """Take a unit that the commands of the resource in hand restart."""

    def downloads(self, count: int | Unknown) -> None:
        """Take the bytes that the commands of the resource in hand fetch."""

    def writes(self, path: str) -> None:
        """Take a file that the commands of the resource in hand write, beside each FileWrite."""

    def will_write(self, path: str) -> bool:
        """Return True if a resource before this one writes a file in the same run."""


def planner() -> Planner | None:
    """Return who plans the current host; None under stock pyinfra."""
    return cast("Planner | None", host.data.get(PLANNER))


def differs(what: str, expected: str | None, seen: str | None) -> None:
    """Say which property of the resource is not as declared; see Difference.

    An operation says it right before it yields the commands that end the difference.
    """
    if (plan := planner()) is not None:
        plan.differs(Difference(what, expected, seen))


def restarts(unit: str, why: str) -> None:
    """Say that the commands that follow restart a unit.

    Args:
        unit: full name, such as `ssh.service`.
        why: for a person.
    """
    if (plan := planner()) is not None:
        plan.restarts(unit, why)


def downloads(count: int | Unknown) -> None:
    """Say how many bytes the commands that follow fetch."""
    if (plan := planner()) is not None:
        plan.downloads(count)


def writes(path: str) -> None:
    """Say that the commands that follow write a file; a FileWrite needs no such word."""
    if (plan := planner()) is not None:
        plan.writes(path)


def will_write(path: str) -> bool:
    """Return True if an earlier resource of the run that is being planned writes this file."""
    plan = planner()
    return plan is not None and plan.will_write(path)


def comes_later() -> bool:
    """Return True while stock pyinfra only prepares: what earlier resources do is not done yet.

    It tells nobody which these are, so nothing may be refused for what they would mend.
    """
    return planner() is None and not state.is_executing


def operation() -> Callable[[Callable[P, Commands]], PyinfraOperation[P]]:
    """Make an operation of a generator of commands; the name of a resource is its `name`."""

    def decorate(function: Callable[P, Commands]) -> PyinfraOperation[P]:
        registered = pyinfra_operation()(function)

        @wraps(registered)
        def call(*args: Any, **given: Any) -> object:  # noqa: ANN401 - an operation's own
            plan = planner()
            # what stands in a deploy that was given arguments of its own inherits them: pyinfra's
            # business, as is the refusal of an operation within an operation
            if (
                plan is None
                or plan.registers
                or "name" not in given
                or host.in_deploy
                or host.in_op
            ):
                return registered(*args, **given)
            own = {
                key: value
                for key, value in given.items()
                if key != "name" and not key.startswith("_")
            }
            return plan.take(given["name"], bool(given.get("_if")), function(*args, **own))

        return cast("PyinfraOperation[P]", call)

    return decorate
