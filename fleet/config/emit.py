"""Plain data to YAML text: one scalar, one line, or a block. Pure.

Quotes whatever another YAML reader could take for something else (`no`, `0644`, PCI addresses).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

_PLAIN: Final = re.compile(r"[A-Za-z/~][A-Za-z0-9_./@+=~-]*(?: [A-Za-z0-9_./@+=~-]+)*")
#: Versions and IPv4 addresses: two dots make them text for every reader.
_DOTTED: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9][A-Za-z0-9.+~-]*")
#: Characters that YAML takes for line breaks or refuses, and JSON does not.
_BREAKS: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"})
#: Longest list that is written on one line, in characters.
_LINE: Final = 72


def scalar(value: object) -> str:
    """Return a scalar as YAML."""
    if isinstance(value, str) and _reads_as_text(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _reads_as_text(value: str) -> bool:
    plain = _PLAIN.fullmatch(value) or _DOTTED.fullmatch(value)
    return bool(plain) and value.lower() not in _WORDS


def flow(value: object) -> str:
    """Return any value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if _is_list(value):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def block(key: str, value: object, indent: int, step: int = 2) -> Iterator[str]:
    """Yield the lines of `key: value`.

    Args:
        indent: columns before the key.
        step: further columns per level.
    """
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        yield f"{pad}{scalar(key)}:"
        for child, item in value.items():
            yield from block(child, item, indent + step, step)
    elif _is_list(value) and not _fits(value):
        yield f"{pad}{scalar(key)}:"
        for item in value:
            yield f"{pad}{' ' * step}- {flow(item)}"
    else:
        yield f"{pad}{scalar(key)}: {flow(value)}"


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _fits(value: Sequence[object]) -> bool:
    return not any(isinstance(item, Mapping) for item in value) and len(flow(value)) <= _LINE
