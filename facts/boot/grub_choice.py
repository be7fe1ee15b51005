"""Which entry GRUB boots when nobody touches a key, and which lines decide it.

Pure. Follows grub-core/normal/menu.c of GRUB 2.06 and 2.12: numbers, ids and titles, submenus,
`fallback`, passwords, the menu's time. Must not know which entry is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from facts.boot.grub_files import BLOCK, MENU, GrubFiles
from facts.boot.grub_number import strtoul
from facts.boot.grub_script import Leaves, MenuTooLargeError, Runner, Signal
from facts.boot.grub_state import Context, Entry, Item, Loaded, More, State, Value, saved
from facts.boot.grub_syntax import Because
from facts.boot.grub_test import Doubt
from facts.value import Unknown

#: Variables of the environment block that count for one boot: they are cleared when it begins.
ONCE: Final = ("next_entry", "prev_entry")
#: Submenus inside each other that are looked into.
_MAX_MENUS: Final = 8
#: Entries that are tried one after the other, with all that `fallback` names.
_MAX_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """One bootable entry of the menu, and what it would load.

    Args:
        path: ids joined by `>`, as `grub-reboot` and `grub-set-default` take it.
        title: title as shown.
        where: the line that begins it.
        loaded: what it loads; None for nothing, such as the firmware's setup.
        asks: it is not started without a password: the entry or a submenu above it is restricted.
        saves: it makes itself the default when it is started.
        maybe: why it may be missing from the menu, or may load something else.
    """

    path: str
    title: str
    where: Because
    loaded: Loaded | None
    asks: bool
    saves: bool
    maybe: Doubt | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What GRUB comes to when nobody touches a key.

    Args:
        path: of the entry, ids joined by `>`.
        title: of the entry.
        where: the line that begins it.
        loaded: what boots, once a person has done what it waits for; None for nothing.
        wanted: the value of `default`: a number, an id or a title; empty when nothing is said.
        because: the lines that decide, the nearest first; none when nothing says anything and the
            first entry boots.
        missed: what was to boot and is not in the menu, so that the first entry is taken.
        once: it holds for this boot alone.
        instead: entries that failed before this one, which `fallback` names.
        waits: why a person has to do something first; None when nobody has to.
        saves: what this boot writes into the environment block, the entry's own part included.
        armed: the part of it that is written before an entry is chosen.
    """

    path: str
    title: str
    where: Because
    loaded: Loaded | None
    wanted: str
    because: tuple[Because, ...]
    missed: str | None
    once: bool
    instead: tuple[str, ...]
    waits: str | None
    saves: Mapping[str, str]
    armed: Mapping[str, str]


class _NotKnownError(Exception):
    """The choice depends on something that is not understood."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(str(doubt))


class _NothingBootsError(Exception):
    """The entry leads elsewhere."""


@dataclass(slots=True)
class _Last:
    """The entry that was started last."""

    path: tuple[str, ...] = ()
    entry: Entry | None = None
    because: tuple[Because, ...] = ()
    missed: str | None = None


def choose(files: GrubFiles) -> Choice | Unknown:
    """Return what boots now when nobody touches a key, or why that is not known.

    Args:
        files: what GRUB can read.
    """
    runner = Runner(files)
    try:
        state = runner.start()
        signal = runner.menu(state)
        if isinstance(signal, Leaves):
            return Unknown(f"{signal.where}: {signal.how}, before a menu is shown")
        return _Power(runner, state).on()
    except MenuTooLargeError as error:
        return Unknown(f"{MENU}: {error}")
    except _NotKnownError as error:
        return Unknown(str(error))


class _Power:
    """One power-on after the menu was read."""

    def __init__(self, runner: Runner, state: State) -> None:
        self._runner = runner
        self._state = state
        self._armed = saved(state.saves)
        self._failed: list[str] = []
        self._last = _Last()
        self._tries = 0
        self._waits: str | None = None

    def on(self) -> Choice | Unknown:
        """Return the choice."""
        loaded: Loaded | None = None
        wanted = self._state.get("default").text or ""
        self._ask()
        try:
            loaded = self._menu(())
            if loaded is None:
                self._wait(_failure(self._failed))
        except _NothingBootsError as error:
            self._wait(str(error))
        entry = self._last.entry
        if entry is None:
            return Unknown(f"{MENU} has no entry")
        because = self._last.because
        names = [line.text.partition("=")[0] for line in because if line.path == BLOCK]
        return Choice(
            path=">".join(self._last.path),
            title=entry.title,
            where=entry.where,
            loaded=loaded,
            wanted=wanted,
            because=because,
            missed=wanted if self._last.missed else None,
            once=any(name in ONCE for name in names),
            instead=tuple(self._failed if loaded else self._failed[:-1]),
            waits=self._waits,
            saves=saved(self._state.saves),
            armed=self._armed,
        )

    def _wait(self, why: str) -> None:
        """Keep the first reason why a person has to do something."""
        self._waits = self._waits or why

    def _ask(self) -> None:
        if self._state.asks:
            self._wait(f"{self._state.asks}: a person is asked")

    def _menu(self, path: tuple[str, ...]) -> Loaded | None:
        """Show a menu that nobody touches; returns None when nothing of it boots.

        Args:
            path: ids of the submenus that led here.
        """
        context = self._state.context
        entry, because, missed = self._default(context)
        self._last = self._step(entry, path, because, missed)
        self._time()
        loaded = self._start(entry, path)
        while loaded is None and (following := self._fallback(context)):
            entry, because = following
            self._last = self._step(entry, path, because, None)
            loaded = self._start(entry, path)
        return loaded

    def _step(
        self, entry: Entry, path: tuple[str, ...], because: tuple[Because, ...], missed: str | None
    ) -> _Last:
        """Return what is known once an entry was chosen; what led to its submenu decides, too."""
        above = self._last if path else _Last()
        lines = tuple(dict.fromkeys((*because, *above.because)))
        return _Last((*path, _escaped(entry.id)), entry, lines, missed or above.missed)

    def _default(self, context: Context) -> tuple[Entry, tuple[Because, ...], str | None]:
        value = self._state.get("default")
        if value.text is None:
            self._give_up(value, "default")
        wanted = value.text or ""
        entry = find(context.items, wanted) if wanted else None
        missed = wanted if entry is None and wanted else None
        entry = entry or numbered(context.items, 0)
        if isinstance(entry, Doubt):
            raise _NotKnownError(entry)
        if entry is None:
            raise _NotKnownError(Doubt(Because(MENU, 1, ""), "the menu has no entry"))
        return entry, value.because, missed

    def _time(self) -> None:
        """See to it that the menu's time runs out."""
        value = self._state.get("timeout")
        possible = value.possible()
        answers = None if possible is None else {strtoul(text)[1] > 0 for text in possible}
        if answers == {True}:
            return
        if answers != {False}:
            self._give_up(value, "timeout")
        lines = "".join(f" ({line})" for line in value.because[:1])
        self._wait(f"the menu has no time after which it boots{lines}")

    def _give_up(self, value: Value, name: str) -> None:
        doubt = value.doubt or Doubt(Because(MENU, 1, f"${name}"), "it is not known")
        raise _NotKnownError(Doubt(doubt.where, f"{name} depends on it: {doubt.why}"))

    def _start(self, entry: Entry, path: tuple[str, ...]) -> Loaded | None:
        """Start an entry; returns what boots."""
        self._tries += 1
        if self._tries > _MAX_TRIES:
            raise MenuTooLargeError(f"more than {_MAX_TRIES} entries are tried")
        if entry.users is not None and self._state.has("superusers") is not False:
            lines = "".join(f" ({line})" for line in self._state.get("superusers").because[:1])
            self._wait(f"{entry.title!r} asks for a password{lines}")
        return self._run(entry, (*path, _escaped(entry.id)))

    def _run(self, entry: Entry, path: tuple[str, ...]) -> Loaded | None:
        state = self._state
        outer = state.context
        default = state.get("default")
        chosen = state.get("chosen")
        if entry.submenu:
            if len(path) > _MAX_MENUS:
                raise MenuTooLargeError(f"more than {_MAX_MENUS} submenus inside each other")
            state.enter()
            state.set("timeout", Value("0"))
        state.set("chosen", Value(">".join(path)))
        state.context.exported.add("chosen")
        rest = _rest(default.text or "")
        state.context.variables.pop("default", None)
        if rest:
            state.set("default", Value(rest, default.because))
        state.loaded, state.vague = None, None
        signal = self._runner.entry(entry, state)
        loaded = self._ended(entry, signal)
        if entry.submenu:
            if loaded is None and state.context.items:
                loaded = self._menu(path)
            state.contexts.pop()
        elif loaded is None:
            self._failed.append(">".join(path))
        outer.variables["default"], outer.variables["chosen"] = default, chosen
        outer.variables.pop("timeout", None)
        return loaded

    def _ended(self, entry: Entry, signal: Signal | None) -> Loaded | None:
        state = self._state
        if isinstance(signal, Leaves) and signal.how != "boot":
            if signal.how == "fwsetup":
                raise _NothingBootsError(f"{signal.where}: the firmware's setup opens")
            if signal.how in ("halt", "exit", "normal_exit", "reboot"):
                raise _NothingBootsError(f"{signal.where}: the entry boots nothing")
            raise _NotKnownError(Doubt(signal.where, signal.how))
        if state.vague:
            raise _NotKnownError(state.vague)
        self._ask()
        return state.loaded

    def _fallback(self, context: Context) -> tuple[Entry, tuple[Because, ...]] | None:
        """Take the next entry's number off `fallback` (numbers alone: an id ends the list)."""
        value = self._state.get("fallback")
        if value.text is None:
            self._give_up(value, "fallback")
        text = value.text or ""
        number, length = strtoul(text)
        if length == 0:
            context.variables.pop("fallback", None)
            return None
        self._state.set("fallback", Value(text[length:].lstrip(), value.because))
        entry = numbered(context.items, number)
        where = value.because[0] if value.because else Because(MENU, 1, "")
        if entry is None:
            entry = Doubt(where, f"fallback names entry {number}, which is not there")
        if isinstance(entry, Doubt):
            raise _NotKnownError(entry)
        return entry, value.because


def find(items: list[Item], wanted: str) -> Entry | Doubt | None:
    """Return the entry that a `default` names, None when there is none of that name.

    Args:
        items: one menu.
        wanted: a number, an id or a title, perhaps with `>` and more behind it.
    """
    number, length = strtoul(wanted)
    if length:
        return numbered(items, number)
    for item in items:
        if isinstance(item, More):
            return item.maybe
        if is_named(item.title, wanted) or is_named(item.id, wanted):
            return item.maybe or item.vague or item
        if item.vague:
            return item.vague
    return None


def numbered(items: list[Item], number: int) -> Entry | Doubt | None:
    """Return an entry by its number, None when the menu has fewer."""
    for item in items[: number + 1]:
        if item.maybe:
            return item.maybe  # nobody knows how far it moves those behind it
    if number >= len(items):
        return None
    found = items[number]
    return found.maybe if isinstance(found, More) else found.vague or found


def is_named(name: str, wanted: str) -> bool:
    """Return True if a wanted path begins with a name, in which each `>` is written twice."""
    left, right = 0, 0
    while right < len(wanted):
        if wanted[right] == ">":
            right += 1
            if wanted[right : right + 1] != ">":
                return left == len(name)
        if name[left : left + 1] != wanted[right]:
            return False
        left, right = left + 1, right + 1
    return left == len(name)


def _rest(default: str) -> str:
    """Return what stands behind the first single `>`."""
    at = 0
    while at < len(default):
        if default[at : at + 2] == ">>":
            at += 2
            continue
        if default[at] == ">":
            return default[at + 1 :]
        at += 1
    return ""


def _escaped(name: str) -> str:
    return name.replace(">", ">>")


def _failure(failed: list[str]) -> str:
    if not failed:
        return "the submenu is empty"
    return (
        f"{failed[-1]} cannot be loaded (its kernel is missing or empty), and there is no fallback"
    )


def listed(files: GrubFiles) -> tuple[Listed, ...] | Unknown:
    """Return every bootable entry of the menu, in its order.

    Args:
        files: what GRUB can read.
    """
    runner = Runner(files)
    try:
        state = runner.start()
        runner.menu(state)
        entries = list(_listed(runner, state, (), asks=False))
    except MenuTooLargeError as error:
        return Unknown(f"{MENU}: {error}")
    return tuple(entries)


def _listed(runner: Runner, state: State, path: tuple[str, ...], *, asks: bool) -> Iterator[Listed]:
    if len(path) > _MAX_MENUS:
        raise MenuTooLargeError(f"more than {_MAX_MENUS} submenus inside each other")
    for item in state.context.items:
        if isinstance(item, More):
            continue
        inner = (*path, _escaped(item.id))
        tried = state.copy()
        guarded = asks or (item.users is not None and tried.has("superusers") is not False)
        if item.submenu:
            tried.enter()
        tried.set("chosen", Value(">".join(inner)))
        tried.saves, tried.loaded, tried.vague = {}, None, None
        runner.entry(item, tried)
        if item.submenu:
            yield from _listed(runner, tried, inner, asks=guarded)
            continue
        yield Listed(
            path=">".join(inner),
            title=item.title,
            where=item.where,
            loaded=tried.loaded,
            asks=guarded,
            saves="saved_entry" in tried.saves,
            maybe=item.maybe or item.vague or tried.vague,
        )
