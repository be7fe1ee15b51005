"""Deep merge of layers, and where each value came from. Pure.

Mappings merge key by key, everything else is replaced. `null` takes the value of the lower layers
away, so that the built-in default is back. Knows nothing of files, hosts or the meaning of a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from fleet.config.problems import Where
from fleet.config.yaml_marks import Node

#: Keys from the root to a value; list positions as digits.
KeyPath: TypeAlias = tuple[str, ...]

EMPTY: Final = Node({}, Where("", 0, 0))


class Source(NamedTuple):
    """One layer of a host: `all`, `group production`, `host` ..."""

    name: str
    root: Node


@dataclass(frozen=True, slots=True)
class Provenance:
    """A value and who set it.

    Attributes:
        value: plain data.
        file, line, column: where it stands; empty and 0 for a default.
        layer: name of the layer that decides, `default` when none does.
        shadowed: what lower layers said, the nearest first.
    """

    value: object
    file: str
    line: int
    column: int
    layer: str
    shadowed: tuple[Provenance, ...] = ()


def merge(low: Node, high: Node) -> Node:
    """Lay `high` over `low`; nodes that only one of them has are shared, not copied."""
    if not isinstance(low.value, dict) or not isinstance(high.value, dict):
        return _without_nulls(high)
    merged = dict(low.value)
    for key, node in high.value.items():
        if node.value is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = merge(merged[key], node)
        else:
            merged[key] = _without_nulls(node)
    # an option has no place that a person could go to: the file below it stays the mapping's place
    place = high if high.where.line else low
    return Node(merged, place.where, place.key)


def merge_all(layers: Iterable[Source]) -> Node:
    """Merge layers, the lowest first."""
    merged = EMPTY
    for layer in layers:
        merged = merge(merged, layer.root)
    return merged


def _without_nulls(node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    kept = {key: _without_nulls(item) for key, item in node.value.items() if item.value is not None}
    same = len(kept) == len(node.value) and all(kept[key] is node.value[key] for key in kept)
    return node if same else node._replace(value=kept)


def without(node: Node, keys: Collection[str]) -> Node:
    """Return a mapping without some of its keys."""
    if not keys or not isinstance(node.value, dict):
        return node
    return node._replace(value={k: child for k, child in node.value.items() if k not in keys})


def step(node: Node, key: str) -> Node | None:
    """Return one child: of a mapping by key, of a list by position."""
    if isinstance(node.value, dict):
        children: dict[str, Node] = node.value
        return children.get(key)
    if isinstance(node.value, list) and key.isdecimal():
        items: list[Node] = node.value
        return items[int(key)] if int(key) < len(items) else None
    return None


def lookup(root: Node, path: Iterable[str]) -> Node | None:
    """Return the node at a path."""
    node: Node | None = root
    for key in path:
        if node is None:
            return None
        node = step(node, key)
    return node


def nearest(root: Node, path: Iterable[str]) -> Node:
    """Return the node at a path, or the deepest one on the way to it."""
    node = root
    for key in path:
        child = step(node, key)
        if child is None:
            break
        node = child
    return node


def data_of(node: Node) -> object:
    """Return a node as plain data."""
    if isinstance(node.value, dict):
        return {key: data_of(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [data_of(item) for item in node.value]
    return node.value


def explain(layers: Sequence[Source], path: KeyPath) -> Provenance | None:
    """Say which layer decides the value at a path, or None when no layer mentions it.

    Args:
        layers: the lowest first.
        path: keys from the root.
    """
    hits = [
        (layer.name, node)
        for layer in reversed(layers)
        if (node := _decides(layer.root, path)) is not None
    ]
    if not hits:
        return None
    merged = lookup(merge_all(layers), path)
    value = data_of(merged) if merged is not None else None
    together = isinstance(hits[0][1].value, dict)  # mappings add up, nothing is shadowed
    shadowed = () if together else tuple(_said(name, node) for name, node in hits[1:])
    top = _said(*hits[0])
    return Provenance(value, top.file, top.line, top.column, top.layer, shadowed)


def _said(name: str, node: Node) -> Provenance:
    return Provenance(data_of(node), node.where.file, node.where.line, node.where.column, name)


def _decides(root: Node, path: KeyPath) -> Node | None:
    """Return a layer's word on a path: the node there, or what stands in a mapping's place."""
    node = root
    for key in path:
        child = step(node, key)
        if child is None:
            return None if isinstance(node.value, dict) else node
        node = child
    return node
