"""`--set KEY=VALUE`: the topmost layer of every host. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.config.fields import UnknownKey, split
from fleet.config.group_files import by_name
from fleet.config.layers import EMPTY, Source
from fleet.config.problems import Problem, Where
from fleet.config.yaml_marks import Node, parse_value


def overrides(sets: Mapping[str, str], problems: list[Problem]) -> Source:
    """Return the layer of all `--set` options; values are YAML (`[a, b]`, `true`, `null`)."""
    root = EMPTY
    for key, text in sets.items():
        where = Where(f"--set {key}", 0, 0)
        found: list[Problem] = []
        node = _here(parse_value(text, where.file, found), where)
        problems += (problem._replace(where=where) for problem in found)
        try:
            path = split(key)
        except UnknownKey as error:
            problems.append(Problem(where, "", "unknown key", error.suggestion))
            continue
        if path[0] == "groups" or any(part.isdecimal() for part in path):
            problems.append(Problem(where, "", "cannot be set from the command line"))
            continue
        for part in reversed(path):
            node = Node({part: node}, where, where)
        # an explicit null must survive: it takes the lower layers' value away
        root = _overlay(root, by_name(node))
    return Source("--set", root)


def _overlay(low: Node, high: Node) -> Node:
    if not isinstance(low.value, dict) or not isinstance(high.value, dict):
        return high
    merged = dict(low.value)
    for key, node in high.value.items():
        merged[key] = _overlay(merged[key], node) if key in merged else node
    return Node(merged, high.where, high.key)


def _here(node: Node, where: Where) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _here(child, where) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_here(child, where) for child in value]
    return Node(value, where, where, node.raw)
