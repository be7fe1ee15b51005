"""One host's merged layers to a typed HostSpec; pydantic's errors become problems with places.

Knows no files. Parts that many hosts share (the same merged nodes) are validated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from declaration.apt import Apt
from declaration.hardware import Hardware
from declaration.host import Connection, HostSpec, Identity
from declaration.profile import Profile
from declaration.stack import Stack
from declaration.system import Base
from fleet.config.fields import BY_NAME, is_secret, record_shape, spelling, walk
from fleet.config.layers import KeyPath, data_of, lookup, nearest
from fleet.config.plain_secrets import plain_secrets
from fleet.config.problems import Problem, Where, likely
from fleet.config.yaml_marks import Node

_PARTS: Final[Mapping[str, type[BaseModel]]] = {
    "identity": Identity,
    "hardware": Hardware,
    "base": Base,
    "apt": Apt,
    "stack": Stack,
    "profile": Profile,
}
_CONNECTION: Final = tuple(Connection.model_fields)
_OWN: Final = tuple(k for k in HostSpec.model_fields if k not in ("name", "connection", *_PARTS))
_SECRET: Final = (
    "a secret is a reference (env:NAME, file:PATH or {cmd: [PROGRAM, ARG]}), never the value itself"
)
#: pydantic error type (its first word) -> what the key wants
_EXPECTED: Final[Mapping[str, str]] = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping (key: value)",
    "model": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
}
#: Longest part of a wrong value that a message quotes, in characters.
_QUOTE: Final = 60


class Validator:
    """Builds HostSpecs; remembers the parts that it has already seen."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Node, BaseModel | None, tuple[Problem, ...]]] = {}

    def spec(self, name: str, record: Node, problems: list[Problem]) -> HostSpec | None:
        """Validate a merged record.

        Args:
            name: the host's.
            record: merged layers, `stack` and `profile` as mappings.
            problems: receives what is wrong.

        Returns:
            The spec, or None when anything is wrong.
        """
        before = len(problems)
        nodes = record.value if isinstance(record.value, dict) else {}
        for key, node in nodes.items():
            if key not in record_shape().fields:
                problems.append(unknown_key((key,), node))
        parts = {key: self._part(key, nodes[key], problems) for key in _PARTS if key in nodes}
        connection = self._connection(record, nodes, problems)
        if "hardware" in parts and parts["hardware"] is None:  # no cards to compare
            parts.pop("profile", None)
        fields: dict[str, object] = {k: data_of(nodes[k]) for k in _OWN if k in nodes}
        fields |= {key: part for key, part in parts.items() if part is not None}
        fields["name"] = name
        fields["connection"] = connection or Connection(address="unknown")
        try:
            spec = HostSpec.model_validate(fields)
        except ValidationError as error:
            problems += _problems(error, (), record)
            return None
        return spec if len(problems) == before else None

    def _connection(
        self, record: Node, nodes: Mapping[str, Node], problems: list[Problem]
    ) -> Connection | None:
        given = {key: data_of(nodes[key]) for key in _CONNECTION if key in nodes}
        try:
            return Connection.model_validate(given)
        except ValidationError as error:
            problems += _problems(error, (), record)
            return None

    def _part(self, key: str, node: Node, problems: list[Problem]) -> BaseModel | None:
        if id(node) not in self._seen:
            found: list[Problem] = []
            part: BaseModel | None = None
            try:
                part = _PARTS[key].model_validate(data_of(node))
            except ValidationError as error:
                root = Node({key: node}, node.where)
                found = _problems(error, (key,), root)
            # kept alive: the memo knows it by its identity, which is reused once it is gone
            self._seen[id(node)] = (node, part, tuple(found))
        _, part, known = self._seen[id(node)]
        problems += known
        return part


def unknown_key(path: KeyPath, node: Node) -> Problem:
    """Return the problem of a key that no model has; the value stays unsaid, it may be a secret."""
    near = spelling(path[:-1], path[-1])
    return Problem(node.key or node.where, ".".join(path), "unknown key", near)


def _problems(error: ValidationError, prefix: KeyPath, root: Node) -> list[Problem]:
    """Turn pydantic's errors into problems at the places that a person has to change."""
    found: list[Problem] = []
    for details in error.errors(include_url=False):
        if _follows(details, prefix, root):
            continue
        problem = _problem(details, prefix, root)
        last = found[-1] if found else None
        if last and (last.where, last.key) == (problem.where, problem.key):
            found[-1] = _either(last, problem)  # one error per member of a union
        else:
            found.append(problem)
    return found


def _follows(error: ErrorDetails, prefix: KeyPath, root: Node) -> bool:
    """Return True if a list is only called too short because its items were wrong."""
    node = lookup(root, (*prefix, *map(str, error["loc"])))
    return error["type"] == "too_short" and node is not None and bool(node.value)


def _either(first: Problem, second: Problem) -> Problem:
    wanted, comma, got = first.text.partition(", got ")
    other = second.text.partition(", got ")[0].removeprefix("expected ")
    return first._replace(text=f"{wanted} or {other}{comma}{got}") if comma else first


def _problem(error: ErrorDetails, prefix: KeyPath, root: Node) -> Problem:
    loc = (*prefix, *(str(part) for part in error["loc"]))
    path = _in_tree(loc, root)
    node = nearest(root, path)
    if error["type"] == "extra_forbidden":
        return unknown_key(path, node)
    if error["type"] == "missing":
        return Problem(node.key or node.where, ".".join(loc), "required, but missing")
    if loc == ("name",):  # the key of the whole record
        return Problem(root.key or root.where, "", _said(error))
    if is_secret(path):
        return Problem(node.where, ".".join(path), _SECRET)
    scalar = not isinstance(node.value, dict | list)
    if scalar and (leaked := next(plain_secrets(node, path), None)):
        return leaked  # the other messages would repeat the value
    if error["type"] == "value_error":
        text = _said(error)
        path = path or _named_in(text, root)
        return Problem(_place(root, path), ".".join(path), text)
    known = walk(path)[-1].choices if error["type"] == "literal_error" else ()
    near = likely(node.raw, known) if known else ""
    return Problem(node.where, ".".join(path), _wrong(error, node), near)


def _said(error: ErrorDetails) -> str:
    return str(error.get("ctx", {}).get("error", error["msg"]))


def _in_tree(loc: KeyPath, root: Node) -> KeyPath:
    """Return the part of a pydantic location that the declaration has (unions add words)."""
    found: list[str] = []
    for part in loc:
        if lookup(root, (*found, part)) is None:
            break
        found.append(part)
    return tuple(found)


def _named_in(text: str, root: Node) -> KeyPath:
    """Return the key that a host-wide rule names in its first word ("profile x needs ...")."""
    first = text.split(maxsplit=1)[0]
    return (first,) if lookup(root, (first,)) is not None else ()


def _place(root: Node, path: KeyPath) -> Where:
    # of a stack or profile, a person changes the name
    return nearest(root, (*path, "name") if path and path[0] in BY_NAME else path).where


def _wrong(error: ErrorDetails, node: Node) -> str:
    kind = error["type"].split("_", 1)[0]
    expected = _EXPECTED.get(kind)
    if kind == "string" and node.raw and not isinstance(node.value, str):
        return f"expected text, got {_got(node)}: write it in quotes"
    if kind == "literal":
        words = str(error.get("ctx", {}).get("expected", "")).replace("'", "")
        return f"expected {words}, got {_got(node)}"
    if expected and error["type"] in (f"{kind}_type", f"{kind}_parsing", "int_from_float"):
        return f"expected {expected}, got {_got(node)}"
    said = error["msg"].removeprefix("Input should be ").removeprefix("Value should be ")
    return f"expected a value {said}, got {_got(node)}" if said != error["msg"] else said


def _got(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    kind = {bool: "", int: "the number ", float: "the number ", str: "the text "}[type(node.value)]
    shown = node.raw if len(node.raw) <= _QUOTE else node.raw[:_QUOTE] + "…"
    return f"{kind}{shown!r}" if isinstance(node.value, str) else f"{kind}{shown}"
