"""Reads group_data: all, groups, stacks and profiles, the product's below the fleet's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fleet.config.fields import BY_NAME, PER_HOST
from fleet.config.layers import Source, lookup
from fleet.config.places import LAYER_FOLDERS, layer_files, shown
from fleet.config.problems import Problem, Where
from fleet.config.yaml_marks import Node, parse

#: folder -> word in a layer's name
_WORD: Final = dict(zip(LAYER_FOLDERS, ("group", "stack", "profile"), strict=True))


@dataclass(slots=True)
class GroupFiles:
    """Layers by where they apply; each list is lowest first (product, then fleet)."""

    everywhere: list[Source] = field(default_factory=list)
    #: folder -> name -> layers
    named: dict[str, dict[str, list[Source]]] = field(
        default_factory=lambda: {folder: {} for folder in LAYER_FOLDERS}
    )
    #: shown names of the product's own files
    built_in: set[str] = field(default_factory=set)
    #: name of a layer whose file cannot be read -> `group`, `stack` or `profile`
    unreadable: dict[str, str] = field(default_factory=dict)

    def names(self, folder: str) -> Mapping[str, list[Source]]:
        """Return name -> layers of `groups`, `stacks` or `profiles`."""
        return self.named[folder]

    def all_layers(self) -> Iterator[Source]:
        """Yield every layer that was read."""
        yield from self.everywhere
        for by_name in self.named.values():
            for layers in by_name.values():
                yield from layers


def read_group_data(
    into: GroupFiles, group_data: Path, problems: list[Problem], built_in: bool = False
) -> None:
    """Add one group_data directory above what `into` holds.

    Args:
        problems: receives what is wrong with a file as such.
        built_in: True for the product's; said in the layers' names.
    """
    prefix = "built-in " if built_in else ""
    every = group_data / "all.yaml"
    if every.is_file():
        into.everywhere.append(Source(f"{prefix}all", _layer_root(every, into, built_in, problems)))
    for folder, word in _WORD.items():
        for name, path in layer_files(group_data, folder).items():
            before = len(problems)
            node = _layer_root(path, into, built_in, problems)
            if not node.value and len(problems) > before:
                into.unreadable[f"{prefix}{word} {name}"] = word
            if word in BY_NAME:
                node = _with_own_name(node, word, name, problems)
            if word == "profile" and (chosen := lookup(node, ("stack", "name"))) is not None:
                problems.append(
                    Problem(chosen.where, "stack.name", "a profile cannot choose the stack")
                )
            layer = Source(f"{prefix}{word} {name}", node)
            into.named[folder].setdefault(name, []).append(layer)


def _layer_root(path: Path, into: GroupFiles, built_in: bool, problems: list[Problem]) -> Node:
    node = by_name(parse(read_text(path, problems), shown(path), problems))
    if built_in:
        into.built_in.add(shown(path))
    shared: dict[str, Node] = {}
    for key, child in _children(node).items():
        if key in PER_HOST:
            text = "belongs to a host record, it cannot be shared"
            problems.append(Problem(child.key or child.where, key, text))
        else:
            shared[key] = child
    return node._replace(value=shared)


def _with_own_name(node: Node, word: str, name: str, problems: list[Problem]) -> Node:
    """Give a stack or profile file its name, which is the file's."""
    own = _children(node).get(word)
    if own is None or not isinstance(own.value, dict):
        return node
    given = own.value.get("name")
    if given is not None and given.value != name:
        problems.append(Problem(given.where, f"{word}.name", "differs from the file's name", name))
    named = Node({"name": Node(name, own.where, own.key, name), **own.value}, own.where, own.key)
    return node._replace(value={**_children(node), word: named})


def by_name(record: Node) -> Node:
    """Turn `stack: NAME` and `profile: NAME` into mappings, so that layers can add to them."""
    children = _children(record)
    short: dict[str, Node] = {
        key: Node({"name": children[key]}, children[key].where, children[key].key)
        for key in BY_NAME
        if key in children and isinstance(children[key].value, str)
    }
    return record._replace(value={**children, **short}) if short else record


def _children(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def read_text(path: Path, problems: list[Problem]) -> str:
    """Return a file's text; empty, with a problem, when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        text = f"not UTF-8 (byte {error.start})"
    problems.append(Problem(Where(shown(path), 1, 1), "", text))
    return ""
