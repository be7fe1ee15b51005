"""GRUB's script language: words, commands and blocks of a menu, each with its file and line.

Pure. Reads as GRUB's own lexer and grammar do (grub-core/script/yylex.l, parser.y): a text that
those refuse is refused here. Must not know what any command does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias

from typing_extensions import override

#: Blocks inside blocks that are read; GRUB's menus have four.
MAX_DEPTH: Final = 24
#: Menus whose commands are remembered: each is read twice in a run, and hosts of a fleet are alike.
_KEPT: Final = 32
_VARIABLE: Final = re.compile(
    r"\$(?:([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])|\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])\})"
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: Characters that end a word outside quotes.
_ENDS: Final = frozenset("{}|&;<> \t\n")
#: Words that the grammar keeps for itself where a command may begin.
_RESERVED: Final = frozenset(
    (
        *("time", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in"),
        *("select", "then", "until", "while", "function", "[[", "]]"),
    )
)
#: Those of them that may not even be an argument.
_NO_ARGUMENT: Final = frozenset(("time", "[[", "]]"))


@dataclass(frozen=True, slots=True)
class Because:
    """A line that decides something.

    Args:
        path: file on the host.
        line: its number, from 1.
        text: the line as it stands, without the blanks around it.
    """

    path: str
    line: int
    text: str

    @override
    def __str__(self) -> str:
        """Return file, line and text as a person reads them."""
        return f"{self.path}:{self.line}: {self.text}"


class Kind(Enum):
    """What a piece of a word is."""

    TEXT = "text"
    QUOTED = "quoted"
    VARIABLE = "variable"
    QUOTED_VARIABLE = "quoted variable"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word: text, or the name of a variable."""

    kind: Kind
    text: str


Word: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its words and, for a menu entry, its block."""

    words: tuple[Word, ...]
    block: Body | None
    where: Because


@dataclass(frozen=True, slots=True)
class If:
    """`if` and every `elif` with what they run, and what `else` runs."""

    arms: tuple[tuple[Body, Body], ...]
    otherwise: Body
    where: Because


@dataclass(frozen=True, slots=True)
class For:
    """`for NAME in WORDS`."""

    name: str
    words: tuple[Word, ...]
    body: Body
    where: Because


@dataclass(frozen=True, slots=True)
class While:
    """`while` or `until`."""

    condition: Body
    body: Body
    until: bool
    where: Because


@dataclass(frozen=True, slots=True)
class Function:
    """The definition of a function."""

    name: str
    body: Body
    where: Because


@dataclass(frozen=True, slots=True)
class Broken:
    """Text that is not GRUB script; what comes after it is not read."""

    where: Because
    why: str


Node: TypeAlias = Command | If | For | While | Function | Broken
Body: TypeAlias = tuple[Node, ...]


class _NotScriptError(ValueError):
    """The text is not GRUB script.

    Args:
        at: offset of the place.
    """

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, or an operator, whose `word` is empty then."""

    raw: str
    word: Word
    at: int
    is_word: bool = False

    @property
    def ends_command(self) -> bool:
        return not self.is_word and self.raw in (";", "\n")


@lru_cache(maxsize=_KEPT)
def parse(path: str, text: str) -> Body:
    """Return a file's commands; at the first place that is not GRUB script, `Broken` and no more.

    Args:
        path: of the file, for `where`.
        text: all of it.
    """
    return _Reader(path, text).script()


class _Reader:
    """Reads one file, a command at a time."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        # GRUB leaves out every line that begins with #, inside quotes as well, and all \r
        lines = text.replace("\r", "").split("\n")
        kept = [(number, line) for number, line in enumerate(lines, 1) if line[:1] != "#"]
        self._lines = kept
        self._text = "".join(f"{line}\n" for _, line in kept)
        self._starts: list[int] = []
        at = 0
        for _, line in kept:
            self._starts.append(at)
            at += len(line) + 1
        self._at = 0
        self._begun = 0
        self._depth = 0
        self._next: _Token | None = None

    def script(self) -> Body:
        """Return everything up to the end or the first error."""
        found: list[Node] = []
        try:
            while self._skip_newlines():
                token = self._peek()
                if token is None:
                    break
                self._begun = token.at
                found.append(self._function() if _is(token, "function") else self._command())
                self._delimiter()
        except _NotScriptError as error:
            found.append(Broken(self._where(error.at), str(error)))
        return tuple(found)

    def _where(self, at: int) -> Because:
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= at else (low, middle)
        number, line = self._lines[low] if self._lines else (1, "")
        return Because(self._path, number, line.strip())

    # what the lexer gives

    def _peek(self) -> _Token | None:
        if self._next is None:
            self._next = self._read()
        return self._next

    def _take(self, what: str) -> _Token:
        token = self._peek()
        if token is None:
            raise _NotScriptError(f"the file ends where {what} should come", self._begun)
        self._next = None
        return token

    def _read(self) -> _Token | None:
        text = self._text
        while self._at < len(text) and text[self._at] in " \t":
            self._at += 1
        if self._at >= len(text):
            return None
        start, char = self._at, text[self._at]
        if char == "#":
            self._comment()
            return self._read_newline()
        if char in _ENDS:
            width = 2 if text[start : start + 2] in ("||", "&&", ";;") else 1
            self._at += width
            return _Token(text[start : self._at], (), start)
        word = tuple(self._word())
        return _Token(text[start : self._at], word, start, is_word=True)

    def _comment(self) -> None:
        start = self._at
        end = self._text.index("\n", start)
        # GRUB takes `#don't` for the beginning of a quoted text of several lines
        glued = re.match(r"[^\s{}|&;<>]*", self._text[start:end])
        rest = self._text[start:end]
        if glued and any(mark in glued[0] for mark in "'\"\\") and not _closed(rest):
            raise _NotScriptError("a comment with an open quote", start)
        self._at = end

    def _read_newline(self) -> _Token:
        token = _Token("\n", (), self._at)
        self._at += 1
        return token

    def _word(self) -> Iterator[Piece]:
        """Yield the pieces of the word that begins here."""
        text, plain = self._text, ""
        while self._at < len(text) and text[self._at] not in _ENDS:
            char = text[self._at]
            if char == "\\":
                plain += self._escaped()
                continue
            if char not in "'\"$":
                plain += char
                self._at += 1
                continue
            if plain:
                yield Piece(Kind.TEXT, plain)
                plain = ""
            if char == "'":
                yield self._single()
            elif char == '"':
                yield from self._double()
            else:
                yield Piece(Kind.VARIABLE, self._variable())
        if plain:
            yield Piece(Kind.TEXT, plain)

    def _escaped(self) -> str:
        at = self._at + 1
        if at >= len(self._text):
            raise _NotScriptError("nothing follows a backslash", self._at)
        self._at += 2
        return "" if self._text[at] == "\n" else self._text[at]

    def _single(self) -> Piece:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise _NotScriptError("a quote is not closed", self._at)
        found = Piece(Kind.QUOTED, self._text[self._at + 1 : end])
        self._at = end + 1
        return found

    def _double(self) -> Iterator[Piece]:
        text, opened, plain = self._text, self._at, ""
        yield Piece(Kind.QUOTED, "")  # "" is a word of its own
        self._at += 1
        while self._at < len(text):
            char = text[self._at]
            if char == '"':
                self._at += 1
                yield Piece(Kind.QUOTED, plain)
                return
            if char == "$":
                yield Piece(Kind.QUOTED, plain)
                plain = ""
                yield Piece(Kind.QUOTED_VARIABLE, self._variable())
                continue
            if char == "\\" and text[self._at + 1 : self._at + 2] in ("$", "\\", '"', "\n"):
                plain += text[self._at + 1].replace("\n", "")
                self._at += 2
                continue
            plain += char
            self._at += 1
        raise _NotScriptError("a quote is not closed", opened)

    def _variable(self) -> str:
        match = _VARIABLE.match(self._text, self._at)
        if match is None:
            raise _NotScriptError("a $ without the name of a variable", self._at)
        self._at = match.end()
        return match[1] or match[2]

    # what the grammar makes of it

    def _skip_newlines(self) -> bool:
        """Skip empty lines; return False at the end of the file."""
        while (token := self._peek()) is not None and token.raw == "\n" and not token.is_word:
            self._next = None
        return token is not None

    def _delimiter(self) -> None:
        token = self._take("the end of a command")
        if not token.ends_command:
            raise _NotScriptError(f"{token.raw!r} is in the way", token.at)

    def _reserved(self, word: str) -> None:
        token = self._take(word)
        if not _is(token, word):
            raise _NotScriptError(f"{word} is expected and not {token.raw!r}", token.at)

    def _commands(self, *stops: str, brace: bool = False) -> Body:
        """Return one command or more, with the delimiter of each, up to one of some words.

        Args:
            stops: the words.
            brace: the last command needs no delimiter before a closing brace.
        """
        found: list[Node] = []
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _NotScriptError(f"more than {MAX_DEPTH} blocks inside each other", self._at)
        while True:
            self._skip_newlines()
            token = self._peek()
            if found and token is not None and token.raw in stops:
                break
            found.append(self._command())
            token = self._peek()
            if brace and token is not None and token.raw == "}" and not token.is_word:
                break
            self._delimiter()
        self._depth -= 1
        return tuple(found)

    def _command(self) -> Node:
        first = self._take("a command")
        if not first.is_word:
            raise _NotScriptError(f"{first.raw!r} is no command", first.at)
        where = self._where(first.at)
        if _is(first, "if"):
            return self._if(where)
        if _is(first, "for"):
            return self._for(where)
        if _is(first, "while") or _is(first, "until"):
            condition = self._commands("do")
            self._reserved("do")
            body = self._commands("done")
            self._reserved("done")
            return While(condition, body, _is(first, "until"), where)
        if first.raw in _RESERVED:
            raise _NotScriptError(f"{first.raw!r} is no command", first.at)
        words = [first.word, *self._arguments()]
        token = self._peek()
        block = None
        if token is not None and not token.is_word and token.raw == "{":
            self._next = None
            block = self._commands("}", brace=True)
            self._take("}")
        return Command(tuple(words), block, where)

    def _arguments(self) -> Iterator[Word]:
        while (token := self._peek()) is not None and token.is_word:
            if token.raw in _NO_ARGUMENT:
                raise _NotScriptError(f"{token.raw!r} is no argument", token.at)
            self._next = None
            yield token.word

    def _if(self, where: Because) -> If:
        arms: list[tuple[Body, Body]] = []
        while True:
            condition = self._commands("then")
            self._reserved("then")
            arms.append((condition, self._commands("elif", "else", "fi")))
            word = self._take("fi")
            if _is(word, "elif"):
                continue
            otherwise: Body = ()
            if _is(word, "else"):
                otherwise = self._commands("fi")
                self._reserved("fi")
            return If(tuple(arms), otherwise, where)

    def _for(self, where: Because) -> For:
        name = self._take("a name")
        if not name.is_word or not _NAME.match(name.raw) or name.raw in _RESERVED:
            raise _NotScriptError(f"{name.raw!r} is no name", name.at)
        self._reserved("in")
        words = tuple(self._arguments())
        self._delimiter()
        self._skip_newlines()
        self._reserved("do")
        body = self._commands("done")
        self._reserved("done")
        return For(name.raw, words, body, where)

    def _function(self) -> Function:
        where = self._where(self._take("function").at)
        name = self._take("a name")
        if not name.is_word or not _NAME.match(name.raw) or name.raw in _RESERVED:
            raise _NotScriptError(f"{name.raw!r} is no name", name.at)
        token = self._peek()
        if token is not None and token.ends_command:
            self._next = None
            self._skip_newlines()
        opening = self._take("{")
        if opening.is_word or opening.raw != "{":
            raise _NotScriptError(f"{{ is expected and not {opening.raw!r}", opening.at)
        body = self._commands("}")
        self._take("}")
        return Function(name.raw, body, where)


def _is(token: _Token, word: str) -> bool:
    """Return True if a token is a reserved word: written plainly, without a quote."""
    return token.is_word and token.raw == word


def _closed(text: str) -> bool:
    """Return True if no quote of a line stays open."""
    quote, skip = "", False
    for char in text:
        if skip:
            skip = False
        elif char == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
    return not quote and not skip
