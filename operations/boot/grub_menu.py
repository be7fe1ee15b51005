"""GRUB's menu: written anew when it lags behind, and judged by what it would boot.

Nobody may reboot into a menu that does not have the set's entry exactly once, as declared. What the
distribution's tools write lies in memory first; a host whose power goes before it reaches the disk
boots the old menu or finds a torn file, so the script flushes the file system.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet, covers
from declaration.onhost import BOOT_COMMIT, BOOT_SETS
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState, MenuEntry
from facts.boot.sets import BootSets, HostSets, Manifest
from facts.reader import read
from facts.shelltext import shell_text
from facts.value import Absent, Unknown
from gates.boot_state import SET_WORD
from operations.operation import Commands, comes_later, differs, operation, will_write, writes
from operations.require import path_state, require
from operations.script import Script

#: What GRUB reads at boot.
MENU: Final = "/boot/grub/grub.cfg"
_WRITE: Final = shell_text(__file__)
#: Property, expected, seen.
Fault: TypeAlias = tuple[str, str | None, str | None]


def entry_faults(boot: BootState, wanted: BootSet) -> tuple[Fault, ...]:
    """Return what keeps the menu from booting a set as declared, each fault once. Pure."""
    name = f"entry of {wanted.set_id}"
    if isinstance(boot.entries, Unknown):
        return ((name, "once", f"UNKNOWN: {boot.entries.reason}"),)
    entries = () if isinstance(boot.entries, Absent) else boot.entries
    own = [entry for entry in entries if entry.path.rpartition(">")[2] == wanted.set_id]
    if len(own) != 1:
        return ((name, "once", f"{len(own)} times" if own else None),)
    # an id alone means an entry of the top level, for GRUB
    if own[0].path != wanted.set_id:
        return ((name, "at the top level", own[0].path),)
    return tuple(dict.fromkeys(_faults_of(own[0], wanted)))


def _faults_of(entry: MenuEntry, wanted: BootSet) -> Iterator[Fault]:
    folder = f"/b70fleet/{wanted.set_id}"
    if not entry.kernel.endswith(f"{folder}/vmlinuz"):
        yield "kernel in the menu", f"{BOOT_SETS}/{wanted.set_id}/vmlinuz", entry.kernel or None
    if not entry.initrds or not entry.initrds[-1].endswith(f"{folder}/initrd"):
        loaded = ", ".join(entry.initrds) or None
        yield "initial RAM disk in the menu", f"{BOOT_SETS}/{wanted.set_id}/initrd", loaded
    if entry.restricted:
        yield "password for the entry", None, "asked for at every boot"
    if entry.doubt:
        yield "entry in the menu", "surely as written", entry.doubt
    line = "kernel command line in the menu"
    for word in (*wanted.words, f"{SET_WORD}={wanted.set_id}"):
        if word not in entry.tokens:
            yield line, word, None
    own = set(wanted.words)
    for pattern in wanted.left_out:
        for token in entry.tokens:
            if token not in own and covers(pattern, token):
                yield line, None, token


def set_faults(boot: BootState, sets: HostSets) -> tuple[Fault, ...]:
    """Return the sets whose entry is missing, and the entries whose set is gone. Pure."""
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    listed = {entry.path for entry in entries if entry.path.startswith("b70-")}
    there = {name for name, found in sets.sets.items() if isinstance(found.manifest, Manifest)}
    return (
        *((f"entry of {name}", "once", None) for name in sorted(there - listed)),
        *((f"entry of {name}", None, "its set is gone") for name in sorted(listed - there)),
    )


@operation()
def grub_menu(wanted: BootSet, inputs: Sequence[str], update: Sequence[str]) -> Commands:
    """Keep GRUB's menu up to date with its settings, its scripts and the boot sets.

    + wanted: the declared set; its entry must be there once and boot it as declared
    + inputs: files that go into the menu; it must be younger than each
    + update: command line that writes the menu to the file that is named behind it
    """
    loader, listed = read(Boot), read(BootSets)
    menu = path_state(MENU)
    boot = require(loader, "GRUB's menu")
    sets = require(listed, "which boot sets there are")
    require(boot.entries, "GRUB's menu")
    found = dict.fromkeys((*entry_faults(boot, wanted), *set_faults(boot, sets)))
    why = list(found)
    for path in (GRUB_DEFAULT, *inputs):
        state = path_state(path)
        if will_write(path):
            why.append(("menu", f"younger than {path}", "the file is written first"))
        elif menu is not None and state is not None and state.mtime > menu.mtime:
            why.append(("menu", f"younger than {path}", "older"))
    if not why:
        host.noop(f"the entry of {wanted.set_id} boots it as declared")
        return
    for fault in why:
        differs(*fault)
    writes(MENU)
    yield written_menu(update)


def written_menu(update: Sequence[str], gone: Sequence[str] = ()) -> Script:
    """Return the command that writes the menu and puts it in its place whole.

    Args:
        update: command line that writes it to the file that is named behind it.
        gone: boot sets that must not be in it any more.
    """
    return Script(_WRITE, "b70-menu", " ".join(gone), *update, shown=(*update, MENU))


@operation()
def boot_entry(wanted: BootSet) -> Commands:
    """Refuse a set that is not complete or that the menu does not boot as declared.

    Due whenever the set or the menu is written in the same run: what was written is then read back,
    every hash of it.

    + wanted: the declared set
    """
    boot = require(read(Boot), "GRUB's menu")
    found = entry_faults(boot, wanted)
    first = [path for path in (MENU, manifest_path(wanted.set_id)) if will_write(path)]
    if found and not first and not comes_later():
        raise OperationError(refusal(found))
    if not first:
        host.noop(f"{wanted.set_id} can boot")
        return
    differs("proof of the boot set", "every file read back", f"{', '.join(first)} is written first")
    yield StringCommand(BOOT_COMMIT, "check", QuoteString(wanted.set_id))


def manifest_path(set_id: str) -> str:
    """Return where the manifest of a set lies."""
    return f"{BOOT_SETS}/{set_id}/manifest"


def refusal(found: Sequence[Fault]) -> str:
    """Return the sentence that names every fault of a menu. Pure."""
    reasons = []
    for what, expected, seen in found:
        if expected is None:
            reasons.append(f"{what}: {seen} must not be there")
        elif seen is None:
            reasons.append(f"{what}: {expected} is missing")
        else:
            reasons.append(f"{what}: {expected} is expected and not {seen}")
    return f"{MENU}: {'; '.join(reasons)}: the host must not be rebooted"
