"""Puts a host's layers together: all < groups < stack < profile < host < `--set`.

Validates nothing. What many hosts share is merged once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fleet.config import places
from fleet.config.fields import BY_NAME
from fleet.config.group_files import GroupFiles
from fleet.config.layers import EMPTY, KeyPath, Source, lookup, merge, merge_all
from fleet.config.problems import Problem, likely
from fleet.config.yaml_marks import Node

_FOLDER: Final = {"stack": "stacks", "profile": "profiles"}


class Assembly:
    """Builds layers and merged records, host by host.

    Args:
        files: what group_data holds.
        overrides: the `--set` layer.
        directory: the fleet's, where key files lie.
    """

    def __init__(self, files: GroupFiles, overrides: Source, directory: Path) -> None:
        self._files = files
        self._overrides = overrides
        self._directory = directory
        self._shared: dict[tuple[str, ...], Node] = {}
        self._with_keys: dict[int, tuple[Node, Node, tuple[Problem, ...]]] = {}
        #: names of layers that some host uses
        self.used: set[str] = set()

    def layers(self, record: Node, problems: list[Problem]) -> tuple[Source, ...]:
        """Return a host's layers, the lowest first.

        Args:
            record: the host's own, `stack` and `profile` as mappings.
            problems: receives unknown groups, stacks and profiles.
        """
        low = list(self._files.everywhere)
        for group in _items(lookup(record, ("groups",))):
            low += self._named("groups", "group", group, ("groups",), problems)
        high = [Source("host", record), self._overrides]
        for key in BY_NAME:
            name = _chosen(key, [*low, *high])
            if name is not None:
                low += self._named(_FOLDER[key], key, name, (key,), problems)
        self.used.update(layer.name for layer in low)
        return (*low, *high)

    def unread(self, layers: Sequence[Source]) -> set[str]:
        """Return the kinds of layers (`stack`, `profile`) whose file cannot be read.

        What such a file says is not known, so nothing that depends on it is a mistake.
        """
        return {word for layer in layers if (word := self._files.unreadable.get(layer.name))}

    def _named(
        self, folder: str, word: str, name: Node, path: KeyPath, problems: list[Problem]
    ) -> list[Source]:
        known = self._files.names(folder)
        if not isinstance(name.value, str):
            return []  # the wrong type is the validator's to report
        if name.value not in known:
            text = f"unknown {word} {name.value!r} (no group_data/{folder}/{name.value}.yaml)"
            problems.append(Problem(name.where, ".".join(path), text, likely(name.value, known)))
            return []
        return known[name.value]

    def merged(self, layers: Sequence[Source], problems: list[Problem]) -> Node:
        """Return a host's merged record, keys of apt sources read from their files."""
        key = tuple(layer.name for layer in layers[:-2])
        if key not in self._shared:
            self._shared[key] = merge_all(layers[:-2])
        record = self._shared[key]
        for layer in layers[-2:]:
            record = merge(record, layer.root)
        apt = lookup(record, ("apt",))
        if apt is None or not isinstance(record.value, dict):
            return record
        return record._replace(value={**record.value, "apt": self._apt(apt, problems)})

    def _apt(self, apt: Node, problems: list[Problem]) -> Node:
        if id(apt) not in self._with_keys:
            found: list[Problem] = []
            # kept alive: the memo knows it by its identity, which is reused once it is gone
            self._with_keys[id(apt)] = (apt, self._read_keys(apt, found), tuple(found))
        _, filled, known = self._with_keys[id(apt)]
        problems += known
        return filled

    def _read_keys(self, apt: Node, problems: list[Problem]) -> Node:
        sources = lookup(apt, ("sources",))
        if sources is None or not isinstance(sources.value, dict):
            return apt
        for name in sources.value:
            file = lookup(apt, ("sources", name, "key", "file"))
            if file is None or not isinstance(file.value, str) or not file.value:
                continue
            text = self._key_text(file, file.value)
            if not text:
                # a built-in source's key is the fleet's to bring; who uses the source says so
                if file.where.file not in self._files.built_in:
                    said = f"no ASCII-armoured public key in {self._directory / file.value}"
                    problems.append(Problem(file.where, f"apt.sources.{name}.key.file", said))
                continue
            armored = Node(text, file.where, file.key)
            apt = merge(apt, _nested(("sources", name, "key", "armored"), armored))
        return apt

    def _key_text(self, file: Node, relative: str) -> str:
        """Return a public key's text: the fleet's own file, else one that the product carries."""
        roots = [self._directory]
        if file.where.file in self._files.built_in:
            roots.append(places.PRODUCT)
        for root in roots:
            try:
                text = (root / relative).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError):
                continue
            if "-----BEGIN PGP PUBLIC KEY BLOCK-----" in text:
                return text
        return ""


def _nested(path: KeyPath, leaf: Node) -> Node:
    node = leaf
    for key in reversed(path):
        node = EMPTY._replace(value={key: node}, where=leaf.where, key=leaf.key)
    return node


def _items(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _chosen(key: str, layers: Sequence[Source]) -> Node | None:
    """Return the stack or profile that is named by the highest layer that names one."""
    for layer in reversed(layers):
        own = lookup(layer.root, (key,))
        if own is None:
            continue
        if own.value is None:
            return None
        name = lookup(own, ("name",))
        if name is not None:
            return name
    return None
