"""Names for fact reads: which fact with which arguments. Pure; they are remembered between runs."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from facts.base import HostFact


@dataclass(frozen=True, slots=True)
class FactKey:
    """A typed fact of ours and its arguments (sorted, JSON scalars)."""

    fact: type[HostFact[Any]]
    arguments: tuple[tuple[str, str | int | bool], ...] = ()

    @property
    def kwargs(self) -> dict[str, str | int | bool]:
        """Return the arguments as the fact's command() takes them."""
        return dict(self.arguments)

    @override
    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.fact.__name__}({shown})"


@dataclass(frozen=True, slots=True)
class RawKey:
    """A stock pyinfra fact: known only by the command it runs."""

    command: str

    @override
    def __str__(self) -> str:
        return f"pyinfra fact {self.command[:60]!r}"


Key = FactKey | RawKey


def fact_key(fact: type[HostFact[Any]], arguments: Mapping[str, object]) -> FactKey:
    """Return the key of a read; execution arguments (`_sudo`, ...) and empty ones do not count."""
    kept = {
        name: value
        for name, value in arguments.items()
        if not name.startswith("_")
        and isinstance(value, str | int | bool)
        and not (name == "probe_root" and not value)
    }
    return FactKey(fact, tuple(sorted(kept.items())))


def to_text(key: Key) -> str:
    """Return the form in which a key is remembered."""
    if isinstance(key, RawKey):
        return json.dumps(["raw", key.command])
    return json.dumps([f"{key.fact.__module__}:{key.fact.__qualname__}", dict(key.arguments)])


def from_text(text: str) -> Key | None:
    """Return a remembered key, None when the fact no longer exists (it only cost a read)."""
    try:
        name, rest = json.loads(text)
        if name == "raw":
            return RawKey(str(rest))
        module, _, attribute = str(name).partition(":")
        if not module.startswith("facts."):
            return None
        fact = getattr(importlib.import_module(module), attribute)
    except (ValueError, TypeError, ImportError, AttributeError):
        return None
    if not (isinstance(fact, type) and issubclass(fact, HostFact)) or not isinstance(rest, dict):
        return None
    return fact_key(fact, rest)
