"""The `[ … ]` of GRUB's scripts, where an operand or a file may be unknown.

Pure. Follows grub-core/commands/test.c of GRUB 2.06 and 2.12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from typing_extensions import override

from facts.boot.grub_number import strtoul
from facts.boot.grub_syntax import Because
from facts.value import Unknown


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why something is not known: the line, and a sentence."""

    where: Because
    why: str

    @override
    def __str__(self) -> str:
        """Return the sentence with the line in front."""
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class Argument:
    """A word of a command.

    Args:
        text: its text; the part that is not known stands as `$name`.
        doubt: why it is not known.
        because: the lines that its variables come from.
        options: every text that the part which is not known may have.
        device: UUID of the file system that it stands for.
    """

    text: str
    doubt: Doubt | None = None
    because: tuple[Because, ...] = ()
    options: frozenset[str] | None = None
    device: str | None = None


#: Size of a file; None when there is none.
Size: TypeAlias = Callable[[str], "int | Unknown | None"]
_Truth: TypeAlias = bool | Doubt
_NOWHERE: Final = Because("", 0, "")
_COMPARE: Final[dict[str, Callable[[str, str], bool]]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "-eq": lambda a, b: _number(a) == _number(b),
    "-ge": lambda a, b: _number(a) >= _number(b),
    "-gt": lambda a, b: _number(a) > _number(b),
    "-le": lambda a, b: _number(a) <= _number(b),
    "-lt": lambda a, b: _number(a) < _number(b),
    "-ne": lambda a, b: _number(a) != _number(b),
}
#: Comparisons whose answer is not worked out here.
_NOT_KNOWN: Final = ("-pgt", "-plt")
_TIMES: Final = ("-nt", "-ot")
_FILES: Final = ("-e", "-f", "-s", "-d")


def evaluate(words: Sequence[Argument], size: Size) -> bool | Doubt:
    """Return whether a test holds, or why nobody knows.

    Args:
        words: what stands between `[` and the end, `]` included.
        size: looks a file up.
    """
    given = list(words)
    if given and given[-1].text == "]":
        given.pop()
    return _expression(given, size)


def _expression(given: list[Argument], size: Size) -> bool | Doubt:
    """Take an expression off the list up to its closing parenthesis."""
    either: _Truth = False
    both: _Truth = True
    inverted = False
    while given:
        word = given[0].text
        value: _Truth
        if len(given) > 2 and given[1].doubt is None and _is_comparison(given[1].text):
            value = _compare(*given[:3])
            del given[:3]
        elif len(given) > 1 and given[0].doubt is None and word in (*_FILES, "-n", "-z"):
            value = _unary(word, given[1], size)
            del given[:2]
        elif len(given) == 2 and given[1].doubt is None and _is_comparison(given[1].text):
            value = Doubt(_NOWHERE, f"{given[1].text} has nothing to compare with")
            given.clear()
        elif given[0].doubt is not None:
            value = given[0].doubt
            del given[:1]
        elif word == ")":
            del given[:1]
            break
        elif word == "(":
            del given[:1]
            value = _expression(given, size)
        elif word in ("!", "-a", "-o"):
            del given[:1]
            if word == "!":
                inverted = not inverted
            elif word == "-o":
                either, both = _or(either, both), True
            continue
        else:
            value = bool(word)
            del given[:1]
        if inverted and not isinstance(value, Doubt):
            value = not value
        inverted = False
        both = _and(both, value)
    return _or(either, both)


def _is_comparison(word: str) -> bool:
    return word in _COMPARE or word in _NOT_KNOWN or word[:3] in _TIMES


def _compare(left: Argument, operator: Argument, right: Argument) -> _Truth:
    doubt = left.doubt or right.doubt
    known = _COMPARE.get(operator.text)
    if known is None:
        return doubt or Doubt(_NOWHERE, f"{operator.text} is not worked out")
    if doubt is None:
        return known(left.text, right.text)
    # where the possible values are known, they may all give one answer
    lefts, rights = _texts(left), _texts(right)
    if lefts is None or rights is None:
        return doubt
    answers = {known(one, two) for one in lefts for two in rights}
    return answers.pop() if len(answers) == 1 else doubt


def _texts(word: Argument) -> list[str] | None:
    """Return every text that a word may be, None where that is not known."""
    if word.doubt is None:
        return [word.text]
    if word.options is None or not word.text.startswith("$"):
        return None
    return sorted(word.options)


def _unary(operator: str, operand: Argument, size: Size) -> _Truth:
    if operand.doubt is not None:
        if operator in ("-n", "-z") and operand.options is not None:
            answers = {bool(text) == (operator == "-n") for text in operand.options}
            if len(answers) == 1:
                return answers.pop()
        return operand.doubt
    if operator in ("-n", "-z"):
        return bool(operand.text) == (operator == "-n")
    found = size(operand.text)
    if isinstance(found, Unknown):
        return Doubt(_NOWHERE, f"{operand.text}: {found.reason}")
    if operator == "-d":
        return False if found is None else Doubt(_NOWHERE, f"{operand.text}: file or folder?")
    return found is not None and (operator != "-s" or found != 0)


def _and(left: _Truth, right: _Truth) -> _Truth:
    if left is False or right is False:
        return False
    if isinstance(left, Doubt):
        return left
    return right


def _or(left: _Truth, right: _Truth) -> _Truth:
    if left is True or right is True:
        return True
    if isinstance(left, Doubt):
        return left
    return right


def _number(text: str) -> int:
    if text.startswith("-"):
        return -strtoul(text[1:])[0]
    return strtoul(text)[0]
