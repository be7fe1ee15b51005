"""Which fields the code that plans, changes or shows something reads: found in its syntax trees."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT
from tests.unit.fields.universe import Field

#: Rooms whose reading of a field leads to an operation, a decision of one, a report or a document.
#: The gates' world and preflight are not among them: what they read must change a verdict.
ROOMS = ("operations", "deploys", "gates", "fleet")
_JUDGES = ("gates/world", "fleet/preflight/")


class Module(NamedTuple):
    """What one file imports from where, and the attributes that it asks for."""

    imports: frozenset[str]
    attributes: frozenset[str]


@cache
def modules() -> dict[str, Module]:
    """Return every file of the rooms by its path."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(_JUDGES):
                found[name] = _module(path)
    return found


def _module(path: Path) -> Module:
    imports, attributes = set(), set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            imports |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Attribute):
            attributes.add(node.attr)
        elif isinstance(node, ast.MatchClass):
            attributes |= set(node.kwd_attrs)
    return Module(frozenset(imports), frozenset(attributes))


def readers(field: Field, homes: Collection[str]) -> list[str]:
    """Return the files that ask for a field, or for what its class makes of it.

    A file counts when it knows the field's class or fact, itself or by what it imports.
    """
    names = {field.name, *through(field.owner, field.name)}
    return [
        path
        for path, module in modules().items()
        if names & module.attributes and _knows(module, homes)
    ]


def _knows(module: Module, homes: Collection[str]) -> bool:
    near = set(module.imports)
    for name in module.imports:
        other = modules().get(name.replace(".", "/") + ".py")
        near |= other.imports if other else set()
    return not near.isdisjoint(homes)


def through(owner: type, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the methods and properties of a class that read a field of it."""
    found: set[str] = set()
    for method, member in vars(owner).items():
        function = member.fget if isinstance(member, property) else member
        if method.startswith("__") or method in seen or not inspect.isfunction(function):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        if any(_is_own(node, name) for node in ast.walk(tree)):
            found |= {method, *through(owner, method, seen | {method})}
    return found


def _is_own(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )
