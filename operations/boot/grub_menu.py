"""GRUB's menu and default entry: written anew when they lag behind.

The menu is judged by the facts alone, before the default entry is set: nobody may reboot into a
menu that does not boot the wanted kernel as declared. What the distribution's tools write lies in
memory first; a host whose power goes before it reaches the disk boots the old menu or finds a torn
file, so each script flushes the file system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import Cmdline, covers
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState, MenuEntry
from facts.reader import read
from facts.shelltext import shell_text
from facts.value import Absent, Unknown, known
from operations.boot.grub_defaults import defaults_text, edited
from operations.operation import Commands, comes_later, differs, operation, will_write, writes
from operations.require import path_state, require
from operations.script import Script

#: What GRUB reads at boot.
MENU: Final = "/boot/grub/grub.cfg"
# the command that writes the menu
_WRITE: Final = f"""\
"$@" || {{ echo "$1 failed: the host must not be rebooted" >&2; exit 1; }}
sync -f {MENU}
"""
_SET_DEFAULT: Final = shell_text(__file__, "_default")
#: Property, expected, seen.
Fault: TypeAlias = tuple[str, str | None, str | None]


def faults(boot: BootState, release: str, cmdline: Cmdline) -> tuple[Fault, ...]:
    """Return what keeps the menu from booting a release as declared, each fault once. Pure."""
    if isinstance(boot.entries, Unknown):
        return (("menu", f"one that boots {release}", f"UNKNOWN: {boot.entries.reason}"),)
    if isinstance(boot.entries, Absent):
        return (("menu", f"one that boots {release}", None),)
    entries = boot.entries_of(release)
    if not entries:
        return ((f"menu entry of {release}", "one that loads it", None),)
    found = (fault for entry in entries for fault in _entry_faults(entry, release, cmdline))
    return tuple(dict.fromkeys(found))


def _entry_faults(entry: MenuEntry, release: str, cmdline: Cmdline) -> list[Fault]:
    found: list[Fault] = []
    if not any(path.endswith(f"/initrd.img-{release}") for path in entry.initrds):
        loaded = ", ".join(entry.initrds) or None
        found.append(("initial RAM disk in the menu", f"initrd.img-{release}", loaded))
    line = "kernel command line in the menu"
    found += [(line, token, None) for token in cmdline.present if token not in entry.tokens]
    for pattern in cmdline.absent:
        found += [(line, None, token) for token in entry.tokens if covers(pattern, token)]
    return found


def default_path(boot: BootState, release: str) -> str:
    """Return the entry that always means this release, empty when there is none. Pure.

    The entry at the top means whatever kernel is the newest, so it is no lasting choice.
    """
    named = [e.path for e in boot.entries_of(release) if release in e.path.rpartition(">")[2]]
    return named[-1] if named else ""


def obstacles(boot: BootState, release: str, cmdline: Cmdline) -> tuple[Fault, ...]:
    """Return what keeps a release from being the lasting default as declared. Pure."""
    found = faults(boot, release, cmdline)
    if boot.entries_of(release) and not default_path(boot, release):
        return (*found, ("default entry", f"one that is named after {release}", None))
    return found


def refusal(release: str, found: Iterable[Fault]) -> str:
    """Return the sentence that names every fault of a menu. Pure."""
    reasons = []
    for what, expected, seen in found:
        if expected is None:
            reasons.append(f"{what}: {seen} must not be there")
        elif seen is None:
            reasons.append(f"{what}: {expected} is missing")
        else:
            reasons.append(f"{what}: {expected} is expected and not {seen}")
    return (
        f"{MENU} does not boot {release} as declared ({'; '.join(reasons)}): "
        "the host must not be rebooted"
    )


def saved_release(boot: BootState) -> str | None:
    """Return the release that the default entry always means, else the entry's path. Pure.

    None: no default entry is saved.
    """
    saved = known(boot.saved_entry)
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    for entry in entries:
        release = entry.kernel.rpartition("/")[2].partition("-")[2]
        if entry.path == saved and release and release in entry.path.rpartition(">")[2]:
            return release
    return saved


@operation()
def grub_menu(
    release: str, cmdline: Cmdline, settings: Mapping[str, str], update: Sequence[str]
) -> Commands:
    """Keep GRUB's menu up to date with its settings and the wanted kernel.

    Whether the new menu is as declared is for `grub_default` to judge, which comes behind it.

    + release: the wanted kernel
    + cmdline: tokens that its entries must have and must not have
    + settings: variables of /etc/default/grub
    + update: command line that writes the menu
    """
    loader = read(Boot)
    menu, defaults = (path_state(path) for path in (MENU, GRUB_DEFAULT))
    text = defaults_text()
    boot = require(loader, "GRUB's menu")
    require(boot.entries, "GRUB's menu")
    why = list(faults(boot, release, cmdline))
    if edited(text, cmdline, settings) != text:
        why.append(("menu", f"younger than {GRUB_DEFAULT}", "the file is written first"))
    elif menu is not None and defaults is not None and defaults.mtime > menu.mtime:
        why.append(("menu", f"younger than {GRUB_DEFAULT}", "older"))
    if not why:
        host.noop(f"{default_path(boot, release)} boots {release} as declared")
        return
    for fault in why:
        differs(*fault)
    writes(MENU)
    yield Script(_WRITE, "b70-menu", *update, shown=update)


@operation()
def grub_default(release: str, cmdline: Cmdline) -> Commands:
    """Make the wanted kernel the one that boots when nobody chooses; read it back.

    Fails when the menu does not boot that kernel as declared. A menu that an earlier resource
    writes is judged when it is written, so this resource is due whenever the menu is.

    + release: the wanted kernel
    + cmdline: tokens that its menu entries must have and must not have
    """
    boot = require(read(Boot), "GRUB's menu")
    saved = require(boot.saved_entry, "GRUB's default entry")
    path = default_path(boot, release)
    found = obstacles(boot, release, cmdline)
    menu_first = will_write(MENU)
    if found and not menu_first and not comes_later():
        raise OperationError(refusal(release, found))
    right = bool(path) and saved == path
    if right and not menu_first:
        host.noop(f"default is {path}")
        return
    differs("default entry", release, "the menu is written first" if right else saved_release(boot))
    target = "" if found else path
    yield Script(
        _SET_DEFAULT,
        "b70-default",
        target,
        shown=("grub-set-default", target or f"(the entry of {release})"),
    )
