"""Build swap on one host: for a person's command, and around a build.

Nothing stays open while the build runs: swap comes and goes in runs of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from declaration.host import HostSpec
from deploys.layer import Layer
from deploys.swap import MAKE_S
from fleet.base.errors import FleetError, Refused
from fleet.model.events import Emit, discard
from fleet.model.plan import HostState, RunResult
from fleet.run.engine import Runs
from fleet.run.order import apply
from operations.swap.build_swap import build_swap


class BuildSwapRefused(Refused):
    """Swap for a build could not be had: no room, or something serves.

    Nothing was written on the host. `b70 storage budget HOST` shows the room there is.
    """

    id = "build-swap-refused"


def layer(spec: HostSpec, *, present: bool, failed: bool = False) -> Layer:
    """Return build swap as a layer of its own.

    Args:
        failed: with present=False: keep the file for the next try.
    """

    def deploy() -> None:
        build_swap(
            present=present,
            declared=spec.swap.build,
            storage=spec.storage,
            failed=failed,
            serving_units=spec.serving_units,
            name="Swap[build]",
            _timeout=MAKE_S,
        )

    return Layer("build-swap", deploy)


@contextmanager
def around_build(runs: Runs, spec: HostSpec, emit: Emit = discard) -> Iterator[None]:
    """Have swap while a build runs: removed when it passed, kept for the next try when it failed.

    Raises:
        BuildSwapRefused: it could not be had; the build was not started.
        FleetError: the host could not be reached, or a command failed.
    """
    up = apply([layer(spec, present=True)], "swap build-up")
    _done(runs.run([spec], up, emit).result)
    try:
        yield
    except BaseException:
        keep = apply([layer(spec, present=False, failed=True)], "swap build-keep")
        runs.run([spec], keep, emit)
        raise
    down = apply([layer(spec, present=False)], "swap build-down")
    _done(runs.run([spec], down, emit).result)


def _done(result: RunResult) -> None:
    host = result.hosts[0]
    if host.state is HostState.REFUSED:
        raise BuildSwapRefused(host.error, host.hint or f"b70 storage budget {host.host}")
    if not host.state.good:
        raise FleetError(host.error, host.hint)
