"""Takes tokens out of an assignment in /etc/default/grub; every other byte stays as it is.

Pure: text in, text out. An administrator's quoting, comments, order and blanks are not ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from declaration.boot import key_of
from facts.shell_words import Assignment, Piece, ShellTextError, assignments, look_alike


@dataclass(frozen=True, slots=True)
class _Token:
    """A kernel command-line token inside a value; None as text when an expansion is part of it."""

    text: str | None
    first: int
    last: int


def without(text: str, variable: str, tokens: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the file without these tokens, and which of them went, each as it stood there.

    Args:
        text: content of the file.
        variable: which assignment carries the tokens.
        tokens: those that go; another value of the same parameter stays.

    Raises:
        ShellTextError: sh would not read the file, or the value hides what it contains.
    """
    unwanted = {_spelled(token) for token in tokens}
    gone: list[str] = []
    # one at a time, since what is the first token of a value depends on what went before it
    while (found := _first(text, variable, unwanted)) is not None:
        token, places = found
        gone.append(token)
        for start, end in reversed(places):
            text = text[:start] + text[end:]
    return text, tuple(dict.fromkeys(gone))


def _spelled(token: str) -> str:
    """Return a token as it is compared: `-` and `_` mean the same in the name of a parameter."""
    return key_of(token) + token[len(key_of(token)) :]


def _first(
    text: str, variable: str, unwanted: Collection[str]
) -> tuple[str, list[tuple[int, int]]] | None:
    """Return the first unwanted token and its places in the file, None when there is none."""
    for item in _live(text, variable):
        # all of them first: nothing is taken out of a value that hides what it contains
        for token in list(_tokens(text, item)):
            if token.text is not None and _spelled(token.text) in unwanted:
                return token.text, _places(item, token)
    return None


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


def _places(item: Assignment, token: _Token) -> list[tuple[int, int]]:
    """Return the bytes of a token and of the blanks before it, or after it when it is the first."""
    pieces = item.value.pieces
    first, last = token.first, token.last
    while first > 0 and pieces[first - 1].char.isspace():
        first -= 1
    if first == 0:
        first = token.first
        while last < len(pieces) and pieces[last].char.isspace():
            last += 1
    return [(piece.start, piece.end) for piece in pieces[first:last]]
