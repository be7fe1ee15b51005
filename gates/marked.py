"""YAML with line numbers: plain data plus the line of every node, for errors that name a place.

Knows nothing of gates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml
from typing_extensions import override

from declaration.yamlloader import PlainLoader

#: Where a node sits in the document: mapping keys and list indices from the top.
Place: TypeAlias = tuple[str | int, ...]


class GateFileError(ValueError):
    """A file of group_data/gates is wrong; the message starts with `file:line:`."""


@dataclass(frozen=True)
class Marked:
    """A parsed document.

    Attributes:
        data: the plain value.
        lines: place -> line number, from 1.
    """

    path: Path
    data: object
    lines: dict[Place, int]

    def error(self, place: Place, message: str) -> GateFileError:
        """Return an error at a place, or at the nearest enclosing node that has a line."""
        while place not in self.lines and place:
            place = place[:-1]
        return GateFileError(f"{self.path}:{self.lines.get(place, 1)}: {message}")


class _UniqueKeys(PlainLoader):
    """The plain loader, but a key written twice is an error instead of the second winning."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load(path: Path) -> Marked:
    """Read one YAML file.

    Raises:
        GateFileError: it cannot be read or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loader = _UniqueKeys(text)
        try:
            root = loader.get_single_node()
            data = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise GateFileError(f"{path}:{line}: {error.problem}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GateFileError(f"{path}:1: {error}") from error
    lines: dict[Place, int] = {}
    if root is not None:
        _mark(root, (), lines)
    return Marked(path, data, lines)


def _mark(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _mark(value, (*place, key.value), lines)
            lines[(*place, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _mark(value, (*place, index), lines)
