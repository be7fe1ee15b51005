"""What a layer is, and how it gets at its declaration: typed, or a refusal that says why.

Every layer starts with `spec = declaration()`. Knows nothing of YAML, the engine or any layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from pyinfra import host
from pyinfra.api import deploy as pyinfra_deploy
from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from facts.readings import Readings
from operations.operation import planner

#: One sentence per reason, from the declaration and what the facts said.
Reasons = Callable[[HostSpec, Readings], list[str]]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a host.

    Attributes:
        name: what plans call it.
        deploy: lists its resources.
        boot: part of the boot set: needs a reboot, and is refused on a host in production.
        pending: reasons why a reboot is due, from the declaration and the facts.
        unproven: what of it cannot be compared with the running system, from the same.
    """

    name: str
    deploy: Callable[[], object]
    boot: bool = False
    pending: Reasons | None = None
    unproven: Reasons | None = None


def deploy(name: str) -> Callable[[Callable[[], None]], Callable[..., None]]:
    """Make a deploy of a function that lists resources: pyinfra's, which a planner enters as it is.

    Args:
        name: what stock pyinfra calls it.
    """

    def decorate(function: Callable[[], None]) -> Callable[..., None]:
        registered = pyinfra_deploy(name)(function)

        @wraps(registered)
        def call(**given: object) -> None:
            plan = planner()
            if given or plan is None or plan.registers:
                registered(**given)  # type: ignore[arg-type]
            else:
                with host.deploy(name, None, None, in_deploy=False):
                    function()

        return call

    return decorate


def declaration() -> HostSpec:
    """Return the declaration of the current pyinfra host.

    Raises:
        OperationError: the inventory that was loaded carries no declaration.
    """
    spec = host.data.get("spec")
    if not isinstance(spec, HostSpec):
        raise OperationError(
            f"{host.name} carries no declaration (host.data.spec); "
            "use `b70`, or `pyinfra inventory/rigs.py deploys/site.py`"
        )
    return spec
