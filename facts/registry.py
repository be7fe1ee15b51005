"""Finds every fact: a new fact is one new module in one of the rooms, with no list to extend."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

import facts
from facts.base import HostFact


@cache
def all_facts() -> dict[str, type[HostFact[Any]]]:
    """Return domain -> fact class for every fact that has a domain, in alphabetical order."""
    found: dict[str, type[HostFact[Any]]] = {}
    for info in pkgutil.walk_packages(facts.__path__, "facts."):
        module = importlib.import_module(info.name)
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = member.__module__ == module.__name__
            if own and issubclass(member, HostFact) and _is_asked_by_name(member):
                found[member.domain] = member
    return dict(sorted(found.items()))


def batch_facts() -> dict[str, type[HostFact[Any]]]:
    """Return the facts that every normal run reads."""
    return {name: fact for name, fact in all_facts().items() if not fact.on_demand}


def _is_asked_by_name(fact: type[HostFact[Any]]) -> bool:
    return bool(fact.domain) and not fact.takes_arguments
