"""Builds what verbs work with: the fleet, the engine, the ledger, the redactor.

The one seam for tests: they replace functions of this module, so verbs call them through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fleet.base.errors import ConfigError
from fleet.base.statedir import ledger_path
from fleet.cli.settings import current

if TYPE_CHECKING:
    from fleet.config import Fleet
    from fleet.ledger import Ledger
    from fleet.run.engine import Runs


def load_fleet() -> Fleet:
    """Return the fleet that -i, B70_INVENTORY or the current directory names.

    Raises:
        ConfigError: none is named, or its declaration is wrong.
    """
    from fleet.config import choose_fleet, load

    settings = current()
    return load(choose_fleet(settings.inventory), parse_sets(settings.sets))


def reload(hosts_text: str) -> Fleet:
    """Return the chosen fleet as it would be with another text in its hosts file.

    Raises:
        ConfigError: that declaration would be wrong.
    """
    from fleet.config import choose_fleet, load

    settings = current()
    return load(choose_fleet(settings.inventory), parse_sets(settings.sets), hosts_text=hosts_text)


def make_engine(fleet: Fleet, parallel: int = 0) -> Runs:
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
