"""pyinfra's State with one host, and the only place that changes pyinfra itself.

Knows nothing of connections, facts and layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from gevent.local import local
from pyinfra.api import Config, Host, Inventory, State
from pyinfra.api.host import HostData
from pyinfra.context import ctx_state
from typing_extensions import override

#: Look-ups of pyinfra with the same answer throughout a process: the connectors' entry points (it
#: opens the metadata of every installed distribution), the types of its global arguments, and the
#: signature of an operation.
_CONSTANT: Final = (
    ("pyinfra.api.inventory", "get_all_connectors"),
    ("pyinfra.api.inventory", "get_execution_connectors"),
    ("pyinfra.api.arguments", "all_global_arguments"),
    ("pyinfra.api.operation", "signature"),
)


def prepare() -> None:
    """Prepare pyinfra for a State per host and hundreds of hosts; once per process is enough."""
    _isolate_states()
    _remember_lookups()


def _isolate_states() -> None:
    """Make pyinfra's current State greenlet-local, as its current host already is.

    pyinfra keeps one State per process in `ctx_state`; here each host has its own.
    """
    if not isinstance(ctx_state.context._container, local):
        container = local()
        cast("Any", container).module = None
        ctx_state.context._container = container


def _remember_lookups() -> None:
    """Let pyinfra look up what never changes once per process.

    It does so once per operation and host, which took a third of the controller's time in an audit.
    """
    for module_name, name in _CONSTANT:
        module = import_module(module_name)
        look_up = getattr(module, name)
        if not hasattr(look_up, "cache_info"):
            setattr(module, name, cache(look_up))


class _OwnData(HostData):
    """A host's data without groups and overrides: pyinfra asks it 32 times per operation."""

    #: set while deploying, the host's, of the current @deploy; the first that has a key answers
    datas: tuple[dict[str, object], dict[str, object], Callable[[], dict[str, object]]]

    @override
    def __getattr__(self, key: str) -> object:
        set_here, own, of_deploy = self.datas
        for data in (set_here, own, of_deploy()):
            if key in data:
                return copy(data[key])
        raise AttributeError(f"Host `{self.host}` has no data `{key}`")


def shadow(host: Host, **methods: Callable[..., object]) -> None:
    """Put functions in the place of public methods of one host; all others keep theirs."""
    for name, method in methods.items():
        setattr(host, name, method)


def new_state(name: str, data: Mapping[str, object]) -> tuple[State, Host]:
    """Return a pyinfra State with this one host, and the host."""
    inventory = Inventory(([(name, dict(data))], {}))
    # change detection is ours (see HostRun.plan)
    state = State(inventory, Config(PARALLEL=1), check_for_changes=False)
    host = next(iter(inventory))
    host.data = _OwnData(host, inventory.get_host_data(name), host.get_deploy_data)
    host.connected = True
    state.activate_host(host)
    return state, host
