"""Runs a menu as GRUB does at power-on: its variables, its entries, what an entry loads.

Pure. What depends on something that nobody read is not guessed: both ways are gone, and where they
differ the result says so, with the line. Follows grub-core/script/execute.c, commands/test.c and
normal/context.c of GRUB 2.06 and 2.12. Must not know which entry is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from facts.boot import grub_commands as commands
from facts.boot.grub_files import BLOCK, DEVICE, FOLDER, MENU, GrubFiles
from facts.boot.grub_number import strtoul
from facts.boot.grub_state import Entry, Loaded, More, State, Value
from facts.boot.grub_syntax import (
    Because,
    Body,
    Broken,
    Command,
    For,
    Function,
    If,
    Kind,
    Node,
    While,
    Word,
    parse,
)
from facts.boot.grub_test import Argument, Doubt, evaluate
from facts.value import Absent, Unknown

#: Commands that are carried out, functions and files inside each other, characters of a value:
#: a menu that takes more is not understood. A generated one takes some hundred commands.
MAX_STEPS: Final = 50_000
MAX_DEPTH: Final = 16
MAX_LENGTH: Final = 65_536
#: What GRUB's normal mode sets before it reads a menu (grub-core/normal/main.c), and the option
#: that 00_header sets first of all: a menu that uses it without having set it is an excerpt.
_FEATURES: Final = commands.names(
    "chainloader_bpb ntldr platform_search_hint default_font_path all_video_module menuentry_id "
    "menuentry_options 200_final nativedisk_cmd timeout_style"
)
_EXCERPT: Final = {"menuentry_id_option": "--id"}
#: Options of menuentry and submenu that take a value.
_ENTRY_OPTIONS: Final = ("--class", "--users", "--hotkey", "--source", "--id")


class MenuTooLargeError(ValueError):
    """A menu takes more steps than any that is meant to boot."""


class Signal:
    """Why commands after this one are not run."""


@dataclass(frozen=True, slots=True)
class _Return(Signal):
    """`return` of a function."""


@dataclass(slots=True)
class _Break(Signal):
    """`break` or `continue` of some loops."""

    loops: int
    goes_on: bool


#: A loop that a `break` of its own ended.
_ENDED: Final = _Break(0, goes_on=False)


@dataclass(frozen=True, slots=True)
class Leaves(Signal):
    """The menu is left: by `boot`, for another menu, for the firmware."""

    how: str
    where: Because


@dataclass(slots=True)
class _Scope:
    """What `$1` and its like stand for."""

    arguments: list[str] | None = None


class Runner:
    """Carries commands out on a state.

    Args:
        files: what GRUB can read.
    """

    def __init__(self, files: GrubFiles) -> None:
        self._files = files
        self._steps = 0
        self._depth = 0

    def start(self) -> State:
        """Return the state before a menu is read."""
        state = State()
        prefix = f"({DEVICE}){FOLDER}"
        given = {
            **{f"feature_{name}": "y" for name in _FEATURES},
            **_EXCERPT,
            "prefix": prefix,
            "config_directory": prefix,
            "config_file": f"({DEVICE}){MENU}",
        }
        for name, text in given.items():
            state.set(name, Value(text))
        state.set("root", Value(DEVICE, device=DEVICE))
        platform = self._files.platform
        if isinstance(platform, str):
            state.set("grub_platform", Value(platform))
        else:
            why = platform.reason if isinstance(platform, Unknown) else "it was not read"
            doubt = Doubt(Because(MENU, 1, "$grub_platform"), why)
            state.set("grub_platform", Value(None, doubt=doubt))
        state.context.exported |= {"root", "prefix", "grub_platform", "config_directory"}
        state.context.exported |= {name for name in given if name.startswith("feature_")}
        state.context.exported |= {"config_file", *_EXCERPT}
        return state

    def menu(self, state: State) -> Signal | None:
        """Read grub.cfg.

        Raises:
            MenuTooLargeError: it takes too many steps.
        """
        text = self._files.texts.get(MENU)
        if not isinstance(text, str):
            why = text.reason if isinstance(text, Unknown) else "there is none"
            state.forget(Doubt(Because(MENU, 1, ""), why))
            return None
        return self.run(parse(MENU, text), state, _Scope())

    def entry(self, entry: Entry, state: State) -> Signal | None:
        """Run the commands of an entry.

        Raises:
            MenuTooLargeError: they take too many steps.
        """
        return self.run(entry.body, state, _Scope(list(entry.arguments)))

    def run(self, body: Body, state: State, scope: _Scope) -> Signal | None:
        """Run commands one after the other; returns why the rest was not run."""
        for node in body:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise MenuTooLargeError(f"more than {MAX_STEPS} commands")
            if signal := self._node(node, state, scope):
                return signal
        return None

    def _node(self, node: Node, state: State, scope: _Scope) -> Signal | None:
        match node:
            case Command():
                return self._command(node, state, scope)
            case If():
                return self._if(node.arms, node.otherwise, state, scope)
            case For():
                return self._for(node, state, scope)
            case While():
                return self._while(node, state, scope)
            case Function():
                state.functions[node.name] = node.body
            case Broken():
                state.forget(Doubt(node.where, node.why))
        return None

    # forks

    def _if(
        self, arms: Sequence[tuple[Body, Body]], otherwise: Body, state: State, scope: _Scope
    ) -> Signal | None:
        if not arms:
            return self.run(otherwise, state, scope)
        (condition, then), rest = arms[0], arms[1:]
        if signal := self.run(condition, state, scope):
            return signal
        status = state.get("?")
        if status.text is not None:
            if status.text == "0":
                return self.run(then, state, scope)
            return self._if(rest, otherwise, state, scope)
        doubt = status.doubt or Doubt(condition[0].where, "it is not known")
        other, other_scope = state.copy(), _Scope(list(scope.arguments or ()))
        one = self.run(then, state, scope)
        two = self._if(rest, otherwise, other, other_scope)
        return _joined_states(state, other, (one, two), doubt)

    # loops

    def _for(self, node: For, state: State, scope: _Scope) -> Signal | None:
        words = self.expand(node.words, state, scope, node.where)
        unsure = next((word.doubt for word in words if word.doubt), None)
        if unsure:
            state.forget(unsure)
            return None
        for word in words:
            state.set(node.name, Value(word.text, word.because))
            signal = self.run(node.body, state, scope)
            if signal := _after_a_pass(signal):
                return None if signal is _ENDED else signal
        return None

    def _while(self, node: While, state: State, scope: _Scope) -> Signal | None:
        while True:
            self._steps += 1
            if signal := self.run(node.condition, state, scope):
                return signal
            status = state.get("?")
            if status.text is None:
                state.forget(status.doubt or Doubt(node.where, "it is not known"))
                return None
            if (status.text == "0") == node.until:
                return None
            signal = self.run(node.body, state, scope)
            if signal := _after_a_pass(signal):
                return None if signal is _ENDED else signal

    # words

    def expand(
        self, words: Sequence[Word], state: State, scope: _Scope, where: Because
    ) -> list[Argument]:
        """Return the arguments that words stand for, as GRUB splits them."""
        found: list[Argument] = []
        for word in words:
            found += self._expanded(word, state, scope, where)
        return found

    def _expanded(
        self, word: Word, state: State, scope: _Scope, where: Because
    ) -> Iterator[Argument]:
        current: Argument | None = None
        for piece in word:
            if piece.kind in (Kind.TEXT, Kind.QUOTED):
                if piece.text or piece.kind is Kind.QUOTED:
                    current = _joined(current, Argument(piece.text))
                continue
            is_quoted = piece.kind is Kind.QUOTED_VARIABLE
            parts = self._variable(piece.text, state, scope, where, is_quoted=is_quoted)
            for number, part in enumerate(parts):
                if number and current is not None:
                    yield current
                    current = None
                current = _joined(current, part)
        if current is not None:
            if len(current.text) > MAX_LENGTH:
                raise MenuTooLargeError(f"a word of more than {MAX_LENGTH} characters")
            yield current

    def _variable(
        self, name: str, state: State, scope: _Scope, where: Because, *, is_quoted: bool
    ) -> list[Argument]:
        """Return what a variable adds to a word, and further words."""
        if name.isdigit() or name in ("#", "*", "@"):
            return _positional(name, scope.arguments, is_quoted=is_quoted)
        value = state.get(name)
        if value.text is None:
            doubt = value.doubt or Doubt(where, f"${name} is not known")
            shown = f"${name}"
            return [Argument(shown, doubt, value.because, value.options, value.device)]
        if not value.text:
            return []
        texts = [value.text] if is_quoted else value.text.split()
        return [Argument(text, None, value.because, None, value.device) for text in texts]

    # commands

    def _command(self, node: Command, state: State, scope: _Scope) -> Signal | None:
        arguments = self.expand(node.words, state, scope, node.where)
        if not arguments:
            return None  # GRUB keeps the status of the command before
        name, inverted = arguments[0], False
        if name.text == "!" and name.doubt is None:
            if len(arguments) < 2:
                self._status(state, 1)
                return None
            name, inverted = arguments[1], True
            arguments = arguments[1:]
        if name.doubt is not None:
            state.forget(Doubt(node.where, str(name.doubt)))
            return None
        signal = self._named(name.text, arguments, node, state, scope)
        if inverted and signal is None:
            status = state.get("?")
            if status.text is not None:
                self._status(state, int(status.text == "0"))
        return signal

    def _status(self, state: State, status: int) -> None:
        state.set("?", Value(str(status)))

    def _unsure(self, state: State, where: Because, why: str) -> None:
        state.set("?", Value(None, doubt=Doubt(where, why)))

    def _named(
        self, name: str, arguments: list[Argument], node: Command, state: State, scope: _Scope
    ) -> Signal | None:
        rest, where = arguments[1:], node.where
        if name in commands.CARRIED_OUT:
            return self._carry_out(name, rest, node, state, scope)
        if name in commands.HARMLESS:
            self._unsure(state, where, f"whether {name} succeeds is known at boot only")
        elif name in commands.SETTING:
            self._setting(rest, where, state)
            self._unsure(state, where, f"what {name} says is known at boot only")
        elif name in commands.SETTING_ONE:
            chosen = commands.SETTING_ONE[name] or (rest[0].text if rest else "")
            doubt = Doubt(where, f"what {name} says is known at boot only")
            state.set(chosen, Value(None, doubt=doubt))
            self._unsure(state, where, doubt.why)
        elif name in commands.LOADERS:
            files = [word.text for word in rest if not word.text.startswith("-")]
            words = tuple(files[1:])
            state.loaded = Loaded(name, (files or [""])[0], words, (), None, where, _doubts(rest))
            self._unsure(state, where, f"whether {name} succeeds is known at boot only")
        elif name in commands.LEAVING:
            return Leaves(name, where)
        elif name in commands.OTHER_MENU:
            return Leaves(f"{name} goes on with another menu", where)
        elif name in commands.ADDING:
            state.context.items.append(
                More(Doubt(where, f"{name} adds entries, which are not read"))
            )
            self._unsure(state, where, f"whether {name} succeeds is known at boot only")
        elif name in commands.RUNNING_TEXT:
            state.forget(Doubt(where, f"{name} runs a text that is put together at boot"))
        else:
            return self._function(name, arguments, node, state, scope)
        return None

    def _function(
        self, name: str, arguments: list[Argument], node: Command, state: State, scope: _Scope
    ) -> Signal | None:
        body = state.functions.get(name)
        if body is None and state.context.forgotten and "=" not in name:
            body = state.context.forgotten
        if isinstance(body, Doubt):
            state.forget(Doubt(node.where, f"{name} is not known: {body}"))
            return None
        if body is not None:
            doubt = _doubts(arguments)
            if doubt and _uses_arguments(body):
                return self._call_unsure(body, arguments, doubt, state)
            return self._call(body, [word.text for word in arguments[1:]], state)
        if "=" in name:
            self._assign(arguments[0], node.where, state)
        # GRUB cannot find the command, says so and takes it for a success
        self._status(state, 0)
        return None

    def _call(self, body: Body, arguments: list[str], state: State) -> Signal | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise MenuTooLargeError(f"more than {MAX_DEPTH} functions or files inside each other")
        signal = self.run(body, state, _Scope(arguments))
        self._depth -= 1
        return None if isinstance(signal, _Return | _Break) else signal

    def _call_unsure(
        self, body: Body, arguments: list[Argument], doubt: Doubt, state: State
    ) -> Signal | None:
        """Call a function with an argument that has a few possible values: with each of them."""
        unsure = [number for number, word in enumerate(arguments) if word.doubt]
        options = arguments[unsure[0]].options
        if len(unsure) > 1 or options is None:
            state.forget(doubt)
            return None
        before, first = state.copy(), True
        signal: Signal | None = None
        for text in sorted(options):
            words = [*arguments[: unsure[0]], *([Argument(text)] if text else [])]
            words += arguments[unsure[0] + 1 :]
            if first:
                signal, first = self._call(body, [word.text for word in words[1:]], state), False
                continue
            other = before.copy()
            two = self._call(body, [word.text for word in words[1:]], other)
            signal = _joined_states(state, other, (signal, two), doubt)
        return signal

    def _assign(self, word: Argument, where: Because, state: State) -> None:
        name, _, text = word.text.partition("=")
        because = (where, *word.because)
        if word.doubt is None:
            state.set(name, Value(text, because, device=word.device if text == DEVICE else None))
            return
        is_whole = word.text == f"{name}=${text[1:]}"
        options = word.options if is_whole else None
        device = word.device if is_whole else None
        doubt = Doubt(where, str(word.doubt))
        state.set(name, Value(None, because, doubt, options, device))

    def _setting(self, arguments: list[Argument], where: Because, state: State) -> None:
        """Forget the variables that `--set=NAME`, `--set NAME`, `--set 1:NAME` or `-s NAME` set."""
        texts = [word.text for word in arguments]
        for number, text in enumerate(texts):
            option, equals, name = text.partition("=")
            if option not in ("--set", "-s"):
                continue
            if not equals:
                name = texts[number + 1] if number + 1 < len(texts) else ""
            doubt = Doubt(where, "its value is known at boot only")
            state.set(name.rpartition(":")[2], Value(None, (where,), doubt))

    def _carry_out(
        self, name: str, words: list[Argument], node: Command, state: State, scope: _Scope
    ) -> Signal | None:
        where = node.where
        match name:
            case "[" | "test":
                self._test(words, where, state)
            case "true" | "echo":
                self._status(state, 0)
            case "false":
                self._status(state, 1)
            case "set":
                if words and "=" in words[0].text:
                    self._assign(words[0], where, state)
                self._status(state, int(bool(words) and "=" not in words[0].text))
            case "unset":
                if words:
                    state.context.variables.pop(words[0].text, None)
                    state.context.exported.discard(words[0].text)
                    if state.context.forgotten:
                        state.set(words[0].text, Value(""))
                self._status(state, int(not words))
            case "export":
                for word in words:
                    if state.has(word.text) is False:
                        state.set(word.text, Value(""))
                    state.context.exported.add(word.text)
                self._status(state, int(not words))
            case "load_env":
                self._load_env(words, where, state)
            case "save_env":
                self._save_env(words, where, state)
            case "search" | "search.file" | "search.fs_label" | "search.fs_uuid":
                self._search(name, words, where, state)
            case "source" | ".":
                return self._source(words, where, state)
            case "menuentry" | "submenu":
                self._menuentry(name, words, node, state)
            case "linux" | "linux16" | "linuxefi":
                self._linux(words, where, state)
            case "initrd" | "initrd16" | "initrdefi":
                self._initrd(words, where, state)
            case "boot":
                if state.loaded:
                    return Leaves("boot", where)
                self._status(state, 1)
            case "fwsetup":
                if any(word.text == "--is-supported" for word in words):
                    self._unsure(state, where, "whether the firmware can is known at boot only")
                else:
                    return Leaves("fwsetup", where)
            case "authenticate":
                if state.has("superusers") is not False:
                    state.asks = state.asks or where
                self._unsure(state, where, "a person answers")
            case "cryptomount":
                if not any(word.text in ("-k", "--key-file", "-P") for word in words):
                    state.asks = state.asks or where
                self._unsure(state, where, "whether it succeeds is known at boot only")
            case _:
                return self._flow(name, words, state, scope)
        return None

    def _flow(self, name: str, words: list[Argument], state: State, scope: _Scope) -> Signal | None:
        """Carry out what changes the order of commands, or the arguments of a function."""
        number = words[0].text if words else "1"
        if name == "setparams":
            if scope.arguments is not None:
                scope.arguments = [word.text for word in words]
            self._status(state, 0)
        elif name == "shift":
            if scope.arguments is not None and number.isdecimal():
                scope.arguments = scope.arguments[int(number) :]
            self._status(state, 0)
        elif name == "return":
            if scope.arguments is None:
                self._status(state, 1)
                return None
            if words:
                self._status(state, strtoul(number)[0])
            return _Return()
        else:
            loops = int(number) if number.isdecimal() and len(number) < 6 else 1
            self._status(state, 0)
            return _Break(max(loops, 1), name == "continue")
        return None

    def _test(self, words: list[Argument], where: Because, state: State) -> None:
        def size(path: str) -> int | Unknown | None:
            found = self._files.size(self._files.place(path, state.get("root").device))
            return None if isinstance(found, Absent) else found

        held = evaluate(words, size)
        if isinstance(held, Doubt):
            state.set("?", Value(None, doubt=Doubt(where, held.why)))
        else:
            self._status(state, int(not held))

    # environment block

    def _block_options(self, words: list[Argument]) -> tuple[str | None, list[Argument]]:
        """Return the file that `-f` names and the words that are no options."""
        path: str | None = None
        names: list[Argument] = []
        queue = list(words)
        while queue:
            word = queue.pop(0)
            if word.text in ("-f", "--file"):
                path = queue.pop(0).text if queue else ""
            elif word.text.startswith("--file="):
                path = word.text.removeprefix("--file=")
            elif word.text.startswith("-f"):
                path = word.text[2:]
            elif not word.text.startswith("-"):
                names.append(word)
        return path, names

    def _load_env(self, words: list[Argument], where: Because, state: State) -> None:
        path, names = self._block_options(words)
        place = BLOCK if path is None else self._files.place(path, state.get("root").device)
        block = self._files.block
        wanted = {word.text for word in names}
        unsure = _doubts(words)
        if place != BLOCK or unsure or isinstance(block, Unknown):
            why = block.reason if isinstance(block, Unknown) else f"{path} is not read"
            doubt = unsure or Doubt(where, why)
            if not wanted or unsure:
                state.forget_variables(doubt)
            for name in wanted:
                state.set(name, Value(None, (where,), doubt))
            self._unsure(state, where, why)
            return
        if isinstance(block, Absent) or block.damage is not None:
            self._status(state, 1)
            return
        for name, variable in block.variables.items():
            if not wanted or name in wanted:
                state.set(name, Value(variable.value, (variable.where,)))
        self._status(state, 0)

    def _save_env(self, words: list[Argument], where: Because, state: State) -> None:
        path, names = self._block_options(words)
        place = BLOCK if path is None else self._files.place(path, state.get("root").device)
        for word in names:
            if place == BLOCK and state.has(word.text) is not False:
                value = state.get(word.text)
                state.saves[word.text] = replace(value, because=(where, *value.because))
        self._unsure(state, where, "whether GRUB can write its environment block is not known")

    # files

    def _search(self, name: str, words: list[Argument], where: Because, state: State) -> None:
        variable, kind, wanted = "root", "", ""
        queue = [word.text for word in words]
        while queue:
            text = queue.pop(0)
            if text in ("--fs-uuid", "-u", "--label", "-l", "--file", "-f"):
                kind = text
            elif text.startswith("--set="):
                variable = text.removeprefix("--set=")
            elif text in ("--set", "-s") and len(queue) > 1:
                variable = queue.pop(0)
            elif text in ("--hint", "-h") and len(queue) > 1:
                queue.pop(0)
            elif not text.startswith("-"):
                wanted = wanted or text
                if name != "search" and queue and not queue[0].startswith("-"):
                    variable = queue.pop(0)  # search.fs_uuid UUID VARIABLE
        by_uuid = kind in ("--fs-uuid", "-u") or name == "search.fs_uuid"
        doubt = Doubt(where, "GRUB's name of a device is known at boot only")
        device = wanted.lower() if by_uuid and not _doubts(words) else None
        state.set(variable, Value(None, (where,), doubt, None, device))
        self._unsure(state, where, "whether it is found is known at boot only")

    def _source(self, words: list[Argument], where: Because, state: State) -> Signal | None:
        if not words:
            self._status(state, 1)
            return None
        if words[0].doubt:
            state.forget(Doubt(where, str(words[0].doubt)))
            return None
        place = self._files.place(words[0].text, state.get("root").device)
        text = self._files.texts.get(place) if place else None
        if isinstance(text, str) and place:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise MenuTooLargeError(f"more than {MAX_DEPTH} files inside each other")
            signal = self.run(parse(place, text), state, _Scope())
            self._depth -= 1
            return None if isinstance(signal, _Return | _Break) else signal
        if isinstance(self._files.size(place), Absent):
            self._status(state, 1)
        else:
            why = text.reason if isinstance(text, Unknown) else "the file is not read"
            state.forget(Doubt(where, why))
        return None

    # entries

    def _menuentry(self, name: str, words: list[Argument], node: Command, state: State) -> None:
        users: str | None = ""
        plain: list[Argument] = []
        chosen: Argument | None = None
        unrestricted = False
        queue = list(words)
        while queue:
            word = queue.pop(0)
            option, equals, value = word.text.partition("=")
            if word.doubt is None and option in _ENTRY_OPTIONS:
                if not equals and not queue:
                    break
                given = replace(word, text=value) if equals else queue.pop(0)
                if option == "--id":
                    chosen = given
                elif option == "--users":
                    users = given.text
            elif word.doubt is None and word.text == "--unrestricted":
                unrestricted = True
            else:
                plain.append(word)
        if not plain or node.block is None:
            state.context.items.append(More(Doubt(node.where, "an entry without title or block")))
            return
        title, named = plain[0], chosen or plain[0]
        vague = title.doubt or named.doubt or _doubts(plain)
        entry = Entry(
            title=title.text,
            id=named.text,
            users=None if unrestricted else users,
            body=node.block,
            arguments=tuple(word.text for word in plain),
            submenu=name == "submenu",
            where=node.where,
            vague=Doubt(node.where, str(vague)) if vague else None,
        )
        state.context.items.append(entry)
        self._status(state, 0)

    def _linux(self, words: list[Argument], where: Because, state: State) -> None:
        if not words:
            self._status(state, 1)
            return
        image, device = words[0], state.get("root").device
        size = self._files.size(self._files.place(image.text, device))
        if image.doubt is None and (isinstance(size, Absent) or size == 0):
            state.loaded = None
            self._status(state, 1)
            return
        texts = tuple(word.text for word in words[1:])
        found = Loaded("linux", image.text, texts, (), device, where, _doubts(words))
        state.loaded = found
        self._status(state, 0)

    def _initrd(self, words: list[Argument], where: Because, state: State) -> None:
        loaded = state.loaded
        if loaded is None or not words:
            self._status(state, 1)
            return
        device = state.get("root").device
        texts = tuple(word.text for word in words)
        files = [text.split(":", 2)[2] if text.startswith("newc:") else text for text in texts]
        sizes = [self._files.size(self._files.place(file, device)) for file in files]
        if any(isinstance(size, Absent) for size in sizes):
            self._status(state, 1)
            return
        doubt = loaded.doubt or _doubts(words)
        state.loaded = replace(loaded, initrds=texts, doubt=doubt)
        self._status(state, 0)


def _after_a_pass(signal: Signal | None) -> Signal | None:
    """Return why a loop ends after a pass of its body, None when it goes on."""
    if not isinstance(signal, _Break):
        return signal
    signal.loops -= 1
    if signal.loops:
        return signal
    return None if signal.goes_on else _ENDED


def _joined_states(
    state: State, other: State, signals: tuple[Signal | None, Signal | None], doubt: Doubt
) -> Signal | None:
    """Make one state of the two that a fork led to; returns why what follows is not run."""
    state.join(other, doubt)
    if signals[0] == signals[1]:
        return signals[0]
    state.forget(doubt)
    return next((each for each in signals if isinstance(each, Leaves)), None)


def _joined(left: Argument | None, right: Argument) -> Argument:
    """Return two pieces of one word as one."""
    if left is None:
        return right
    options = None
    if left.doubt is None and not left.text:
        options = right.options
    elif right.doubt is None and not right.text:
        options = left.options
    elif left.doubt is None and left.text.endswith("=") and right.options is not None:
        options = right.options  # `set x=$y`: the options are those of the value
    return Argument(
        left.text + right.text,
        left.doubt or right.doubt,
        (*left.because, *right.because),
        options,
        left.device or right.device,
    )


def _positional(name: str, arguments: list[str] | None, *, is_quoted: bool) -> list[Argument]:
    given = arguments or []
    if arguments is None:
        return [Argument("")]
    if name == "#":
        return [Argument(str(len(given)))]
    if name.isdigit():
        number = int(name) if len(name) < 6 else 0
        given = given[number - 1 : number] if number else []
    elif name == "*" and is_quoted:
        return [Argument(" ".join(given))]
    texts = given if is_quoted else [part for text in given for part in text.split()]
    return [Argument(text) for text in texts]


def _doubts(words: Sequence[Argument]) -> Doubt | None:
    return next((word.doubt for word in words if word.doubt), None)


def _uses_arguments(body: Body) -> bool:
    """Return True if a function looks at its own arguments."""
    for node in body:
        match node:
            case Command():
                names = {piece.text for word in node.words for piece in word if _is_variable(piece)}
                if any(name.isdigit() or name in ("#", "*", "@") for name in names):
                    return True
            case If():
                inner = [part for arm in node.arms for part in arm]
                if any(_uses_arguments(part) for part in (*inner, node.otherwise)):
                    return True
            case _:
                return True
    return False


def _is_variable(piece: object) -> bool:
    return getattr(piece, "kind", None) in (Kind.VARIABLE, Kind.QUOTED_VARIABLE)
