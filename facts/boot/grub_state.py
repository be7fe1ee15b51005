"""What a menu that is being run has come to: variables, entries, what an entry loads.

Pure. A value that nobody knows says why, and what else it may be. Must not know any command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from facts.boot import grub_commands as commands
from facts.boot.grub_files import MENU
from facts.boot.grub_syntax import Because, Body
from facts.boot.grub_test import Doubt

#: Values that a variable may have after a fork before they are not listed any more.
_MAX_VALUES: Final = 8
#: Variables that GRUB itself sets, to values that nobody can read on the running host.
_FROM_OUTSIDE: Final = ("net_", "pxe_", "smbios", "tpm")
_FROM_OUTSIDE_NAMES: Final = commands.names(
    "check_signatures cmdpath lockdown package_version shim_lock grub_cpu boot_time"
)


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable holds.

    Args:
        text: None when nobody knows.
        because: the lines that it comes from, the last one first.
        doubt: why it is not known.
        options: every text that it may be, where that is known at least.
        device: a file system's UUID that `search` was told to find, in lower case.
    """

    text: str | None
    because: tuple[Because, ...] = ()
    doubt: Doubt | None = None
    options: frozenset[str] | None = None
    device: str | None = None

    def possible(self) -> frozenset[str] | None:
        """Return every text that it may be; None when any."""
        return self.options if self.text is None else frozenset((self.text,))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an entry handed to the firmware's next step.

    Args:
        how: the command: `linux`, `chainloader`, `multiboot2` …
        image: path as the entry names it.
        words: what stands behind it.
        initrds: initial RAM disks; none when one of them is missing.
        device: UUID of the file system that it comes from, where that is known.
        where: the line.
        doubt: why image or words are not quite known.
    """

    how: str
    image: str
    words: tuple[str, ...]
    initrds: tuple[str, ...]
    device: str | None
    where: Because
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a menu.

    Args:
        title: as shown.
        id: what `default` may name; the title when it has none.
        users: who may start it without being a superuser; None = anybody.
        body: its commands.
        arguments: `$1` and so on for these.
        submenu: it opens another menu.
        where: its line.
        maybe: why it may be missing; None when it is surely there.
        vague: why its title or its id is not quite known.
    """

    title: str
    id: str
    users: str | None
    body: Body
    arguments: tuple[str, ...]
    submenu: bool
    where: Because
    maybe: Doubt | None = None
    vague: Doubt | None = None


@dataclass(frozen=True, slots=True)
class More:
    """Entries that come from elsewhere: nobody here knows how many and which."""

    maybe: Doubt


Item: TypeAlias = Entry | More


@dataclass(slots=True)
class Context:
    """Variables of one menu; a submenu has its own, and the exported ones of the menu above."""

    variables: dict[str, Value] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    #: why any variable may have any value
    forgotten: Doubt | None = None

    def copy(self) -> Context:
        """Return an independent copy."""
        return Context(dict(self.variables), set(self.exported), list(self.items), self.forgotten)


@dataclass(slots=True)
class State:
    """Everything that commands change."""

    contexts: list[Context] = field(default_factory=lambda: [Context()])
    functions: dict[str, Body | Doubt] = field(default_factory=dict)
    loaded: Loaded | None = None
    #: what was written into the environment block, with the line that did it
    saves: dict[str, Value] = field(default_factory=dict)
    #: a person is asked for something
    asks: Because | None = None
    #: the loaded thing may be another one
    vague: Doubt | None = None

    @property
    def context(self) -> Context:
        """Return the menu that is being read."""
        return self.contexts[-1]

    def copy(self) -> State:
        """Return an independent copy."""
        return State(
            [context.copy() for context in self.contexts],
            dict(self.functions),
            self.loaded,
            dict(self.saves),
            self.asks,
            self.vague,
        )

    def get(self, name: str) -> Value:
        """Return a variable; one that is not set is empty."""
        context = self.context
        if name in context.variables:
            return context.variables[name]
        doubt = context.forgotten
        if doubt is None and (name in _FROM_OUTSIDE_NAMES or name.startswith(_FROM_OUTSIDE)):
            doubt = Doubt(Because(MENU, 1, f"${name}"), "GRUB sets it at boot")
        return Value(None, doubt=doubt) if doubt else Value("")

    def has(self, name: str) -> bool | None:
        """Return whether a variable is set, None when nobody knows."""
        if name in self.context.variables:
            return True
        return None if self.context.forgotten else False

    def set(self, name: str, value: Value) -> None:
        """Set a variable of this menu."""
        if name and not name[0].isdigit() and name not in ("#", "*", "@"):
            self.context.variables[name] = value

    def forget(self, doubt: Doubt) -> None:
        """Take it that any variable, function and further entry may be anything."""
        self.context.variables.clear()
        self.context.forgotten = doubt
        self.functions.clear()
        self.context.items.append(More(doubt))
        self.vague = self.vague or doubt

    def forget_variables(self, doubt: Doubt) -> None:
        """Take it that any variable may be anything."""
        self.context.variables.clear()
        self.context.forgotten = doubt

    def enter(self) -> None:
        """Open a submenu's variables."""
        above = self.context
        inner = Context(forgotten=above.forgotten)
        inner.exported = {name for name in above.exported if name in above.variables}
        inner.variables = {name: above.variables[name] for name in inner.exported}
        self.contexts.append(inner)

    def join(self, other: State, doubt: Doubt) -> None:
        """Take it that this state or another one holds, which a fork led to.

        Args:
            other: from the same state as this one.
            doubt: why nobody knows which.
        """
        for mine, theirs in zip(self.contexts, other.contexts, strict=True):
            _join_contexts(mine, theirs, doubt)
        for name in {*self.functions, *other.functions}:
            if self.functions.get(name) != other.functions.get(name):
                self.functions[name] = doubt
        if self.loaded != other.loaded:
            self.vague = self.vague or doubt
            self.loaded = self.loaded or other.loaded
        self.vague = self.vague or other.vague
        for name in {*self.saves, *other.saves}:
            if self.saves.get(name) != other.saves.get(name):
                self.saves[name] = Value(None, doubt=doubt)
        self.asks = self.asks or other.asks


def _join_contexts(mine: Context, theirs: Context, doubt: Doubt) -> None:
    mine.forgotten = mine.forgotten or theirs.forgotten
    for name in {*mine.variables, *theirs.variables}:
        one, two = mine.variables.get(name), theirs.variables.get(name)
        if one == two or (one and two and one.text == two.text and one.text is not None):
            continue
        one, two = one or Value(""), two or Value("")
        values = (one.possible(), two.possible())
        options = values[0] | values[1] if values[0] is not None and values[1] is not None else None
        if options is not None and len(options) > _MAX_VALUES:
            options = None
        because = tuple(dict.fromkeys((*one.because, *two.because)))
        device = one.device if one.device == two.device else None
        mine.variables[name] = Value(None, because, doubt, options, device)
    mine.exported |= theirs.exported
    shared = 0
    while shared < min(len(mine.items), len(theirs.items)):
        if mine.items[shared] != theirs.items[shared]:
            break
        shared += 1
    different = [*mine.items[shared:], *theirs.items[shared:]]
    mine.items[shared:] = [
        replace(item, maybe=doubt) if isinstance(item, Entry) else item for item in different
    ]


def saved(values: Mapping[str, Value]) -> dict[str, str]:
    """Return what of the saved variables is known."""
    return {name: value.text for name, value in values.items() if value.text is not None}
