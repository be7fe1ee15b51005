"""Changes single values of a YAML text and leaves every other byte alone.

Splices text at the marks of the parsed document instead of printing the document anew: a printer
keeps comments at best, not the blanks, quotes and columns that a person chose. The result is parsed
again and must hold the old data plus the change, or the edit is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import yaml

from fleet.base.errors import Refused
from fleet.config import emit
from fleet.config.layers import data_of
from fleet.config.problems import Problem
from fleet.config.yaml_marks import compose, parse_value

_STEP: Final = 2


class CannotEdit(Refused):
    """A value could not be written into a YAML file without touching something else.

    The file stays as it was. This happens where the record comes from an anchor that other hosts
    share, or where the file is not valid YAML. Write the values by hand; the hint shows them.
    """

    id = "cannot-edit"


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


def set_value(text: str, path: Sequence[str], value: object) -> str:
    """Return the text with the value at a path set; missing mappings on the way are made.

    Args:
        text: one YAML document.
        path: keys from the root, at least one.
        value: plain data, not null.

    Raises:
        CannotEdit: the change cannot be made without touching something else.
    """
    by_hand = "\n".join(emit.block(path[0], _nest(path[1:], value), 0, _STEP))
    refusal = CannotEdit(
        f"cannot write {'.'.join(path)} into the file safely", f"write:\n{by_hand}"
    )
    before = _data(text)
    if before is None:
        raise refusal
    wanted = _with(before, path, value)
    if wanted == before:
        return text
    try:
        splice = _Editor(text).splice(path, value)
    except (yaml.YAMLError, ValueError) as error:
        raise refusal from error
    changed = text[: splice.start] + splice.text + text[splice.end :]
    if _data(changed) != wanted:
        raise refusal
    return changed


def _data(text: str) -> object:
    problems: list[Problem] = []
    node = parse_value(text, "", problems)
    return None if problems else data_of(node) or {}


def _with(data: object, path: Sequence[str], value: object) -> object:
    if not path:
        return value
    old = data if isinstance(data, Mapping) else {}
    return {**old, path[0]: _with(old.get(path[0]), path[1:], value)}


def _nest(path: Sequence[str], value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


class _Editor:
    """Finds where to cut, in characters; `ValueError` means: not a place for this edit."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._root = compose(text)
        self._step = self._usual_step()

    def splice(self, path: Sequence[str], value: object) -> _Splice:
        node = self._root
        if node is None:
            lines = emit.block(path[0], _nest(path[1:], value), 0, self._step)
            gap = "" if not self._text or self._text.endswith("\n") else self._newline
            return _Splice(
                len(self._text), len(self._text), gap + self._lines(lines) + self._newline
            )
        for depth, key in enumerate(path):
            if not isinstance(node, yaml.MappingNode):
                raise ValueError("not a mapping")
            entry = next((e for e in node.value if e[0].value == key), None)
            rest = path[depth + 1 :]
            if entry is None:
                return self._insert(node, key, _nest(rest, value))
            key_node, child = entry
            empty = self._is_empty(child)
            if not rest or empty:
                return self._replace(node, key_node, child, _nest(rest, value))
            node = child
        raise ValueError("empty path")

    def _usual_step(self) -> int:
        """Return the columns that the file's first nested mapping is indented by."""
        for key, child in self._root.value if isinstance(self._root, yaml.MappingNode) else ():
            if isinstance(child, yaml.MappingNode) and child.value and not child.flow_style:
                return int(child.value[0][0].start_mark.column - key.start_mark.column) or _STEP
        return _STEP

    def _is_empty(self, node: yaml.Node) -> bool:
        """Return True if a value is written as nothing, `null` or `{}`."""
        if isinstance(node, yaml.MappingNode):
            return not node.value
        return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")

    def _replace(
        self, parent: yaml.MappingNode, key: yaml.Node, child: yaml.Node, value: object
    ) -> _Splice:
        start, end = child.start_mark.index, self._end(child)
        if child.start_mark.index < key.end_mark.index:
            raise ValueError("the value is an alias")
        nested = isinstance(value, Mapping) and bool(value)
        if parent.flow_style or not (nested or self._is_block_list(child)):
            gap = " " if start == end and self._text[start - 1 : start] == ":" else ""
            return _Splice(start, end, gap + emit.flow(value))
        if self._is_block_list(child):
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise ValueError("a list stays a list")
            if not value:
                return _Splice(start, end, "[]")
            between = self._newline + " " * child.start_mark.column
            return _Splice(start, end, between.join(f"- {emit.flow(item)}" for item in value))
        # nothing, null or {} becomes a block below the key
        indent = key.start_mark.column + self._step
        lines = [
            line
            for name, item in (value.items() if isinstance(value, Mapping) else ())
            for line in emit.block(name, item, indent, self._step)
        ]
        colon = self._text.index(":", key.end_mark.index) + 1
        line_end = self._line_end(max(end, colon))
        kept = self._text[max(end, colon) : line_end].rstrip()
        return _Splice(colon, line_end, kept + self._newline + self._lines(lines))

    def _insert(self, node: yaml.MappingNode, key: str, value: object) -> _Splice:
        if node.flow_style:
            entry = f"{emit.scalar(key)}: {emit.flow(value)}"
            if not node.value:
                return _Splice(node.start_mark.index, node.end_mark.index, "{" + entry + "}")
            at = self._end(node.value[-1][1]) or node.end_mark.index
            return _Splice(at, at, f", {entry}")
        first = node.value[0][0].start_mark
        lines = self._lines(emit.block(key, value, first.column, self._step))
        last_key, last = node.value[-1]
        at = max(self._end(last), last_key.end_mark.index)
        if at and self._text[at - 1] == "\n":  # a block scalar ends behind its line
            return _Splice(at, at, lines + self._newline)
        at = self._behind_comments(self._line_end(at), first.column)
        return _Splice(at, at, self._newline + lines)

    def _end(self, node: yaml.Node) -> int:
        """Return where a value's own text ends (a block's end mark lies behind its comments)."""
        if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
            last = node.value[-1]
            if not isinstance(last, tuple):
                return self._end(last)
            return max(self._end(last[1]), int(last[0].end_mark.index))
        return int(node.end_mark.index)

    def _is_block_list(self, node: yaml.Node) -> bool:
        return isinstance(node, yaml.SequenceNode) and bool(node.value) and not node.flow_style

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        if end < 0:
            return len(self._text)
        return end - 1 if self._text[end - 1 : end] == "\r" else end

    def _behind_comments(self, at: int, column: int) -> int:
        """Return the end of the comment lines that follow and are indented like the entries."""
        while self._text[at : at + 2].startswith(("\n", "\r\n")):
            start = self._text.index("\n", at) + 1
            end = self._line_end(start)
            line = self._text[start:end]
            stripped = line.lstrip(" ")
            if column == 0 or not stripped.startswith("#") or len(line) - len(stripped) < column:
                break
            at = end
        return at

    def _lines(self, lines: Iterable[str]) -> str:
        return self._newline.join(lines)
