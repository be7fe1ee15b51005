"""What a layer is, and how it gets at its declaration: typed, or a refusal that says why.

Every layer starts with `spec = declaration()`. Knows nothing of YAML, the engine or any layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from facts.readings import Readings

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
