"""What an operation of ours is: pyinfra's, which a planner may evaluate without registering it.

Registration costs a quarter of a millisecond for each resource and host; only who applies needs it.
Under stock pyinfra there is no planner, and nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, cast

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api import operation as pyinfra_operation

if TYPE_CHECKING:
    from pyinfra.api.arguments_typed import PyinfraOperation

P = ParamSpec("P")
Commands = Generator[StringCommand, None, None]

#: Key of host data: a function that takes a resource's name, whether it depends on another one's
#: outcome (`_if`), and its commands, which are not generated yet. None while none is to be asked.
PLANNER: Final = "b70_planner"
Plan = Callable[[str, bool, Commands], object]


def planner() -> Plan | None:
    """Return who evaluates the operations of the current host without registering them."""
    return cast("Plan | None", host.data.get(PLANNER))


def operation() -> Callable[[Callable[P, Commands]], PyinfraOperation[P]]:
    """Make an operation of a generator of commands; the name of a resource is its `name`."""

    def decorate(function: Callable[P, Commands]) -> PyinfraOperation[P]:
        registered = pyinfra_operation()(function)

        @wraps(registered)
        def call(*args: Any, **given: Any) -> object:  # noqa: ANN401 - an operation's own
            plan = planner()
            # what stands in a deploy that was given arguments of its own inherits them: pyinfra's
            # business, as is the refusal of an operation within an operation
            if plan is None or "name" not in given or host.in_deploy or host.in_op:
                return registered(*args, **given)
            own = {
                key: value
                for key, value in given.items()
                if key != "name" and not key.startswith("_")
            }
            return plan(given["name"], bool(given.get("_if")), function(*args, **own))

        return cast("PyinfraOperation[P]", call)

    return decorate
