"""Facts for the terminal: any typed value as an indented tree, UNKNOWN with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from facts.value import Unknown
from fleet.base.plain import Plain, plain
from fleet.report import words


def print_facts(console: Console, host: str, values: Mapping[str, object]) -> None:
    """Print all readings of a host, domain by domain in alphabetical order."""
    for domain in sorted(values):
        value = values[domain]
        data = plain(value)
        head = Text(domain, style="bold")
        if (inline := _inline(data)) is not None:
            console.print(head.append(": ").append_text(inline), soft_wrap=True)
            continue
        console.print(head, soft_wrap=True)
        for row in _tree(data, 2):
            console.print(row, soft_wrap=True)
    unknown = sum(isinstance(value, Unknown) for value in values.values())
    console.print(
        Text(f"{host}: {words.count(len(values), 'fact')}, {unknown} UNKNOWN", style="dim")
    )


def _tree(value: Plain, indent: int) -> Iterator[Text]:
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if (inline := _inline(item)) is not None:
                yield Text(f"{pad}{key}: ").append_text(inline)
            else:
                yield Text(f"{pad}{key}:")
                yield from _tree(item, indent + 2)
    elif isinstance(value, list):
        for item in value:
            if (inline := _inline(item)) is not None:
                yield Text(f"{pad}- ").append_text(inline)
            else:
                first, *rest = _tree(item, indent + 2)
                yield Text(f"{pad}- ").append_text(first[indent + 2 :])
                yield from rest
    else:
        yield Text(pad).append_text(_scalar(value))


def _inline(value: Plain) -> Text | None:
    """Return what fits behind its key, or None for a value that needs lines of its own."""
    if isinstance(value, dict):
        if value.keys() == {"unknown", "raw"}:
            return _unknown(str(value["unknown"]), str(value["raw"]))
        if value == {"absent": True}:
            return Text("absent", style="dim")
        return None if value else Text("{}", style="dim")
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return None
        return Text(", ".join(_scalar(item).plain for item in value) or "none")
    return _scalar(value)


def _scalar(value: Plain) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = str(value)
    return Text(text if text.isprintable() else repr(text))


def _unknown(reason: str, raw: str) -> Text:
    text = Text(f"UNKNOWN ({reason})", style="magenta")
    if raw.strip():
        text.append(f" {raw.strip().splitlines()[0]!r}", style="dim")
    return text
