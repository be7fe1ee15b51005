"""Finds every fact: a new fact is one new module in this folder, with no list to extend."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

import facts
from facts.base import HostFact


@cache
def all_facts() -> dict[str, type[HostFact[Any]]]:  # noqa: ANN401 - each fact has its own value type
    """Return domain -> fact class for every fact that has a domain, in alphabetical order."""
    found: dict[str, type[HostFact[Any]]] = {}
    for info in pkgutil.iter_modules(facts.__path__):
        module = importlib.import_module(f"facts.{info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, HostFact) and member.domain and member.__module__ == module.__name__:
                found[member.domain] = member
    return dict(sorted(found.items()))


def batch_facts() -> dict[str, type[HostFact[Any]]]:
    """Return the facts that every normal run reads."""
    return {name: fact for name, fact in all_facts().items() if not fact.on_demand}
