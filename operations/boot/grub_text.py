"""Edits /etc/default/grub token by token; every byte that is not a declared token stays as it is.

Pure: text in, text out. An administrator's quoting, comments, order and blanks are not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from declaration.boot import REPEATABLE, covers, key_of
from facts.shell_words import Assignment, Piece, ShellTextError, assignments, look_alike

#: Characters that a shell takes as they are, outside quotes and in an assignment.
_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+-,")


#: What a person calls all tokens together.
_CMDLINE: Final = "kernel command line"
_REPEATABLE_KEYS: Final = frozenset(map(key_of, REPEATABLE))


@dataclass(frozen=True, slots=True)
class _Token:
    """A kernel command-line token inside a value; None as text when an expansion is part of it."""

    text: str | None
    first: int
    last: int


def edit(text: str, variable: str, present: Sequence[str], absent: Sequence[str]) -> str:
    """Return the file with the tokens there and away.

    A token whose parameter stands there with another value is changed in place, unless the
    parameter may be repeated.

    Args:
        text: content of the file.
        variable: which assignment carries the tokens.
        present: tokens, appended in this order when they are missing.
        absent: tokens, or bare names for any value of them.

    Raises:
        ShellTextError: sh would not read the file, or the value hides what it contains.
    """
    for live in _live(text, variable):
        text = _apply(text, _unwanted(text, live, present, absent))
    missing = [token for token in present if not _has(text, variable, token)]
    return _appended(text, variable, missing) if missing else text


def assign(text: str, settings: Mapping[str, str]) -> str:
    """Return the file with these variables set, each by the assignment that counts already.

    Raises:
        ShellTextError: sh would not read the file.
    """
    for name, value in settings.items():
        found = [item for item in assignments(text) if item.name == name]
        if not found:
            text = f"{_ended(text)}{name}={_quoted(value)}\n"
        elif found[-1].value.text != value:
            place = found[-1].value
            text = f"{text[: place.start]}{_quoted(value)}{text[place.end :]}"
    return text


def changes(
    before: str, after: str, variable: str, settings: Mapping[str, str]
) -> list[tuple[str, str | None, str | None]]:
    """Return what an edit changes, each as property, expected, seen.

    Args:
        before, after: content of the file.
        variable: which assignment carries the tokens.
        settings: variable -> value that it is to have.
    """
    old, new = _texts(before, variable), _texts(after, variable)
    gone = [token for token in old if token not in new]
    found: list[tuple[str, str | None, str | None]] = []
    for token in (token for token in new if token not in old):
        replaced = next((each for each in gone if _replaces(token, each)), None)
        if replaced is not None:
            gone.remove(replaced)
        found.append((_CMDLINE, token, replaced))
    found += [(_CMDLINE, None, token) for token in gone]
    for name, value in settings.items():
        if (seen := _value(before, name)) != value:
            found.append((name, value, seen))
    return found


def _texts(text: str, variable: str) -> list[str]:
    """Return each token that counts once; what an expansion is part of is left out."""
    tokens = (token.text for item in _live(text, variable) for token in _tokens(text, item))
    return list(dict.fromkeys(token for token in tokens if token is not None))


def _value(text: str, name: str) -> str | None:
    """Return what a variable is set to, as it stands there when an expansion is part of it."""
    found = [item.value for item in assignments(text) if item.name == name]
    if not found:
        return None
    value = found[-1]
    return text[value.start : value.end] if value.text is None else value.text


def _live(text: str, variable: str) -> list[Assignment]:
    """Return the assignments whose text reaches the final value, the last one first."""
    found = [item for item in assignments(text) if item.name == variable]
    live: list[Assignment] = []
    for item in reversed(found):
        live.append(item)
        source = text[item.value.start : item.value.end]
        if f"${variable}" not in source and f"${{{variable}" not in source:
            break
    return live


def _tokens(text: str, item: Assignment) -> Iterator[_Token]:
    """Split as the kernel does: a double quote inside the value protects blanks."""
    pieces = item.value.pieces
    if what := look_alike("".join(piece.char for piece in pieces)):
        why = f"{what}; the kernel takes it as a letter"
        raise ShellTextError(why, text, item.value.start, item.name)
    first, quoted = -1, False
    for index, piece in enumerate([*pieces, Piece(" ", 0, 0)]):
        blank = piece.char.isspace() and not quoted
        if blank and first >= 0:
            part = pieces[first:index]
            whole = all(each.char for each in part)
            yield _Token("".join(each.char for each in part) if whole else None, first, index)
            first = -1
        elif not blank and first < 0:
            first = index
        if piece.char == '"':
            quoted = not quoted
    if quoted:
        why = "a double quote inside the command line is not closed"
        raise ShellTextError(why, text, item.value.start, item.name)


def _unwanted(
    text: str, item: Assignment, present: Sequence[str], absent: Sequence[str]
) -> list[tuple[int, int, str]]:
    """Return the changes (start, end, new bytes) that one assignment needs."""
    edits: list[tuple[int, int, str]] = []
    tokens = list(_tokens(text, item))
    exact = {token.text for token in tokens}
    placed: set[str] = set()
    for token in tokens:
        if token.text is None or token.text in present:
            continue
        wanted = next((each for each in present if _replaces(each, token.text)), None)
        if wanted is not None and wanted not in exact and wanted not in placed:
            placed.add(wanted)
            edits += _replacement(item, token, wanted)
        elif wanted is not None or any(covers(pattern, token.text) for pattern in absent):
            edits += _removal(item, token)
    return edits


def _replaces(wanted: str, token: str) -> bool:
    return key_of(wanted) == key_of(token) and key_of(wanted) not in _REPEATABLE_KEYS


def _replacement(item: Assignment, token: _Token, text: str) -> list[tuple[int, int, str]]:
    first, *rest = item.value.pieces[token.first : token.last]
    new = text if first.quoted or set(text) <= _BARE | {"="} else f'"{text}"'
    return [(first.start, first.end, new), *((piece.start, piece.end, "") for piece in rest)]


def _removal(item: Assignment, token: _Token) -> list[tuple[int, int, str]]:
    """Take a token out with the blanks before it, or after it when it is the first."""
    pieces = item.value.pieces
    first, last = token.first, token.last
    while first > 0 and pieces[first - 1].char.isspace():
        first -= 1
    if first == 0:
        first = token.first
        while last < len(pieces) and pieces[last].char.isspace():
            last += 1
    return [(piece.start, piece.end, "") for piece in pieces[first:last]]


def _has(text: str, variable: str, wanted: str) -> bool:
    return any(
        token.text == wanted for item in _live(text, variable) for token in _tokens(text, item)
    )


def _appended(text: str, variable: str, tokens: Sequence[str]) -> str:
    joined = " ".join(tokens)
    live = _live(text, variable)
    if not live:
        return f'{_ended(text)}{variable}="{joined}"\n'
    value = live[0].value
    blank = " " if value.pieces and not value.pieces[-1].char.isspace() else ""
    if value.closing:
        return f"{text[: value.end - 1]}{blank}{joined}{text[value.end - 1 :]}"
    return f'{text[: value.end]}"{blank}{joined}"{text[value.end :]}'


def _apply(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(set(edits), reverse=True):
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _quoted(value: str) -> str:
    return value if value and set(value) <= _BARE else f'"{value}"'
