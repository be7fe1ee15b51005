"""The kernel command line as single tokens.

Pure. Splits as the kernel does (lib/cmdline.c, next_arg): double quotes protect spaces.
"""

from __future__ import annotations


def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a kernel command line, quotes kept as they stand."""
    found: list[str] = []
    current = ""
    quoted = False
    for char in text:
        if char.isspace() and not quoted:
            if current:
                found.append(current)
            current = ""
            continue
        if char == '"':
            quoted = not quoted
        current += char
    if current:
        found.append(current)
    return tuple(found)


def last_value(found: tuple[str, ...], name: str) -> str | None:
    """Return the value of the last `name=value` token, "" for a bare `name`, None for none.

    `-` and `_` mean the same in parameter names.
    """
    wanted = name.replace("-", "_")
    for token in reversed(found):
        key, _, value = token.partition("=")
        if key.replace("-", "_") == wanted:
            return value.strip('"')
    return None
