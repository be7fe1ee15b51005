"""Builds what verbs work with: the fleet, the engine, the ledger, the redactor.

The one seam for tests: they replace functions of this module, so verbs call them through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from fleet.base.errors import ConfigError
from fleet.base.statedir import ledger_path
from fleet.cli.settings import current

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from deploys.layer import Layer
    from fleet.base.errors import FleetError
    from fleet.config import Fleet
    from fleet.host.factkey import FactKey
    from fleet.ledger import Ledger
    from fleet.model.events import Emit
    from fleet.model.plan import RunResult
    from fleet.run.engine import HostFacts
    from gates.model import Decision


class Controller(Protocol):
    """What verbs need from the engine; `fleet.run.engine.Engine` is it, tests bring their own."""

    def facts(
        self,
        hosts: Sequence[HostSpec],
        emit: Emit = ...,
        *,
        only: Sequence[str] = (),
        also: Sequence[str] = (),
    ) -> dict[str, HostFacts]:
        """Read facts."""

    def gates(
        self, hosts: Sequence[HostSpec], emit: Emit = ...
    ) -> dict[str, tuple[Decision, ...] | FleetError]:
        """Decide all gates."""

    def plan(self, hosts: Sequence[HostSpec], emit: Emit = ...) -> RunResult:
        """Find out what would change."""

    def converge(
        self,
        hosts: Sequence[HostSpec],
        emit: Emit = ...,
        saved: RunResult | None = None,
        allow_reboot: bool = False,
    ) -> RunResult:
        """Change it."""

    def ask(self, host: HostSpec, questions: Sequence[FactKey], emit: Emit = ...) -> HostFacts:
        """Read normal facts and some that take arguments."""

    def run_layers(
        self,
        hosts: Sequence[HostSpec],
        layers: Sequence[Layer],
        command: str,
        emit: Emit = ...,
        excused: frozenset[str] = ...,
    ) -> RunResult:
        """Apply layers that are not part of the site."""

    def unlock(self, host: HostSpec, lock: str, reason: str) -> str:
        """Remove the lock whose id is given; return what the host said."""


def load_fleet() -> Fleet:
    """Return the fleet that -i, B70_INVENTORY or the current directory names.

    Raises:
        ConfigError: none is named, or its declaration is wrong.
    """
    from fleet.config import choose, load

    settings = current()
    return load(choose(settings.inventory), parse_sets(settings.sets))


def make_engine(fleet: Fleet, parallel: int = 0) -> Controller:
    """Return the engine for a fleet; `parallel` hosts at once, 0 = as many as make sense."""
    from fleet.run.engine import Engine

    return Engine(fleet, open_ledger(fleet), parallel, redact=redactor(), run=current().run)


def open_ledger(fleet: Fleet) -> Ledger:
    """Return the ledger of a fleet."""
    from fleet.ledger import Ledger

    return Ledger.open(ledger_path(fleet.name), redactor())


def redactor() -> Callable[[str], str]:
    """Return the function that masks every secret known so far."""
    from fleet.base.secrets import redact

    return redact


def parse_sets(texts: Sequence[str]) -> dict[str, str]:
    """Turn `key=value` texts into a mapping; the last one of a key wins.

    Raises:
        ConfigError: a text has no key or no equals sign.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.strip() or not equals:
            raise ConfigError(
                f"--set {text!r} is not KEY=VALUE", "--set base.journal.persistent=true"
            )
        found[key.strip()] = value
    return found
