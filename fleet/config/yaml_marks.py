"""YAML text to nodes that know their file, line and column.

Duplicate keys are errors; anchors, aliases and `<<` are fine as long as what they stand for stays
small. Knows nothing of hosts or layers.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import yaml

from declaration.yamlloader import TAG, PlainLoader
from fleet.config.problems import Problem, Where
from fleet.config.yaml_depth import TOO_DEEP, refuse_deep

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | dict[str, "Node"] | list["Node"]


#: Values that the aliases of one file may stand for together. A thousand hosts with a hundred
#: shared values each; ten lines of aliases to aliases would be ten thousand million.
ALIASED: Final = 100_000


class _TooMuch(Exception):
    """The aliases of a file stand for more values than `ALIASED`; `where` is the place."""

    def __init__(self, where: Where) -> None:
        super().__init__(where)
        self.where = where


class Node(NamedTuple):
    """A YAML value and where it stands.

    Attributes:
        key: where its key stands, None for the root and for list items.
        raw: a scalar's text as written.
    """

    value: Value
    where: Where
    key: Where | None = None
    raw: str = ""


def compose(text: str) -> yaml.Node | None:
    """Return the composed document, or None when it is empty.

    Raises:
        yaml.YAMLError: the text is not one YAML document, or nests too deeply to be read.
    """
    refuse_deep(text)
    loader = PlainLoader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def parse(text: str, file: str, problems: list[Problem]) -> Node:
    """Parse one document whose root is a mapping (an empty file is an empty mapping).

    Args:
        file: name shown in problems.
        problems: receives all that is wrong; the returned node then holds what could be read.
    """
    node = parse_value(text, file, problems)
    if isinstance(node.value, dict):
        return node
    if node.value is not None:
        problems.append(Problem(node.where, "", "expected a mapping (key: value)"))
    return Node({}, Where(file, 1, 1))


def parse_value(text: str, file: str, problems: list[Problem]) -> Node:
    """Parse any YAML value; null when there is none."""
    empty = Node(None, Where(file, 1, 1))
    try:
        root = compose(text)
        return _Builder(file, problems).build(root, None) if root is not None else empty
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Where(file, mark.line + 1, mark.column + 1) if mark else empty.where
        problems.append(Problem(where, "", f"not YAML: {error.problem or error.context}"))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.append(Problem(Where(file, line, 1), "", f"not YAML: {error.reason}"))
    except _TooMuch as much:
        text = f"its aliases stand for more than {ALIASED} values; write them out or take some away"
        problems.append(Problem(much.where, "", text))
    except RecursionError:
        problems.append(Problem(empty.where, "", f"not YAML: {TOO_DEEP}"))
    return empty


class _Builder:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        #: id of a composed node -> its Node; None while it is being built (an alias to itself)
        self._built: dict[int, Node | None] = {}
        #: id of a composed node -> how many values it stands for
        self._sizes: dict[int, int] = {}
        #: values that aliases stood for so far
        self._aliased = 0

    def build(self, node: yaml.Node, key: Where | None, above: Where | None = None) -> Node:
        """Return the Node of a composed node.

        Args:
            key: where its key stands.
            above: where the collection around it stands; an alias has no place of its own.
        """
        if isinstance(node, yaml.ScalarNode):
            where = self._where(node)
            return Node(self._scalar(node, where), where, key, node.value)
        where = self._where(node)
        if id(node) in self._built:
            known = self._built[id(node)]
            if known is None:
                self._problems.append(Problem(where, "", "an anchor contains itself"))
                return Node(None, where, key)
            self._count(self._size(node), key or above or where)
            return known._replace(key=key)
        self._built[id(node)] = None
        value: Value
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.build(item, None, where) for item in node.value]
        else:
            value = None
        if node.tag not in (f"{TAG}map", f"{TAG}seq"):
            self._refuse_tag(node.tag, where)
        built = Node(value, where, key)
        self._built[id(node)] = built
        return built

    def _count(self, size: int, where: Where) -> None:
        self._aliased += size
        if self._aliased > ALIASED:
            raise _TooMuch(where)

    def _size(self, node: yaml.Node) -> int:
        """Return how many values a node stands for, those behind its own aliases included."""
        if id(node) not in self._sizes:
            self._sizes[id(node)] = 1  # as long as it is counted: an anchor may contain itself
            items: list[yaml.Node] = []
            if isinstance(node, yaml.MappingNode):
                items = [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                items = node.value
            self._sizes[id(node)] = 1 + sum(map(self._size, items))
        return self._sizes[id(node)]

    def _where(self, node: yaml.Node) -> Where:
        mark = node.start_mark
        return Where(self._file, mark.line + 1, mark.column + 1)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            where = self._where(key)
            if not isinstance(key, yaml.ScalarNode):
                self._problems.append(Problem(where, "", "a key must be text"))
            elif key.tag == f"{TAG}merge":
                merged = {**self._merged(value, where), **merged}
            elif key.value in own:
                first = own[key.value].key
                line = f" (first in line {first.line})" if first else ""
                self._problems.append(Problem(where, key.value, f"the key is there twice{line}"))
            else:
                own[key.value] = self.build(value, where)
        return {**merged, **own} if merged else own

    def _merged(self, node: yaml.Node, where: Where) -> dict[str, Node]:
        """Return what `<<` brings in; of several mappings the first wins, as YAML says."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in sources:
            value = self.build(source, None, where).value
            if isinstance(value, dict):
                merged = {**value, **merged}
            else:
                self._problems.append(Problem(where, "<<", "expected a mapping"))
        return merged

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Scalar:
        text: str = node.value
        kind = node.tag.removeprefix(TAG)
        try:
            if kind == "int":
                return int(text, 0)
            if kind == "float":
                return float(text)
        except ValueError:
            self._problems.append(Problem(where, "", f"not a number (tag !!{kind})"))
            return None
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind not in ("str", "merge"):
            self._refuse_tag(node.tag, where)
        return text

    def _refuse_tag(self, tag: str, where: Where) -> None:
        shown = tag.replace(TAG, "!!")
        self._problems.append(Problem(where, "", f"the tag {shown} is not accepted"))
