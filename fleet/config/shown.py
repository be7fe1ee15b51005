"""A host's resolved declaration as YAML, each value with its origin; `explain` as text.

Pure. Secrets appear as the references that they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from declaration.host import HostSpec
from fleet.config import emit
from fleet.config.fields import is_secret, split
from fleet.config.fleet import Fleet, as_data, value_at
from fleet.config.layers import Provenance, data_of, lookup, step
from fleet.config.yaml_marks import Node

#: Column of the comments, unless the value is longer.
_COMMENT: Final = 44


def record(spec: HostSpec) -> dict[str, object]:
    """Return a host's declaration as plain data in the order of a hosts file.

    A key that the loader read from its file shows as the file, as it was declared.
    """
    data = as_data(spec)
    if not isinstance(data, dict):
        raise TypeError("a spec is a mapping")
    connection = data.pop("connection")
    del data["name"]
    return {"kind": data.pop("kind"), **connection, **_without_key_texts(data)}


def _without_key_texts(value: object) -> dict[str, object]:
    return {k: _strip(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _strip(value: object) -> object:
    if isinstance(value, dict):
        from_file = bool(value.get("file"))
        return {k: _strip(v) for k, v in value.items() if not (from_file and k == "armored")}
    if isinstance(value, list):
        return [_strip(item) for item in value]
    return value


def show(fleet: Fleet, host: str, defaults: bool = False) -> str:
    """Return a host's declaration as YAML text.

    Args:
        defaults: also print what no file says.
    """
    spec = fleet.host(host)
    lines = [(f"{host}:", "")]
    lines += _entries(record(spec), fleet.records[host], 2, defaults)
    return "".join(f"{_commented(text, origin)}\n" for text, origin in lines)


def _entries(
    data: Mapping[str, object], node: Node | None, indent: int, defaults: bool
) -> Iterator[tuple[str, str]]:
    pad = " " * indent
    for key, value in data.items():
        child = step(node, key) if node is not None else None
        if child is None and not defaults:
            continue
        if isinstance(value, Mapping) and value and set(value) != {"cmd"}:  # a secret's command
            yield f"{pad}{emit.scalar(key)}:", ""
            yield from _entries(value, child, indent + 2, defaults)
        else:
            if child is not None and isinstance(child.value, list) and not defaults:
                value = data_of(child)  # without the empty fields of its items
            first, *more = emit.block(key, value, indent)
            yield first, _origin(child)
            yield from ((line, "") for line in more)


def _origin(node: Node | None) -> str:
    return place(node.where.file, node.where.line) if node is not None else "default"


def place(file: str, line: int) -> str:
    """Return `file:line`, or just the option for `--set`."""
    return f"{file}:{line}" if line else file


def _commented(text: str, origin: str) -> str:
    return f"{text:<{_COMMENT}}  # {origin}" if origin else text


def explained(fleet: Fleet, host: str, key: str) -> str:
    """Return the value of a key, who set it, and what it shadows, as text.

    Raises:
        ConfigError: no model has such a key.
    """
    found = fleet.explain(host, key)
    path = split(key)
    value = _strip(value_at(fleet.host(host), path))
    if isinstance(value, dict) and value and not is_secret(path):
        node = lookup(fleet.records[host], path)
        parent = Node({key: node}, node.where) if node is not None else None
        lines = _entries({key: value}, parent, 0, defaults=True)
        return "".join(f"{_commented(text, origin)}\n" for text, origin in lines)
    said = [f"{key}: {emit.flow(value)}", f"  set by   {_who(found)}"]
    said += (f"  shadows  {_who(low)}: {emit.flow(low.value)}" for low in found.shadowed)
    return "".join(f"{line}\n" for line in said)


def _who(found: Provenance) -> str:
    if not found.file:
        return found.layer
    return f"{found.layer} ({place(found.file, found.line)})"
