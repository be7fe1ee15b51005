"""GRUB's menu: written anew when it lags behind, and read back before anybody may reboot."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from pyinfra import host

from declaration.boot import Cmdline, covers
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState, MenuEntry
from facts.reader import read
from facts.value import Absent, Unknown, known
from operations.boot.boot_scripts import SET_DEFAULT, UPDATE_MENU
from operations.boot.grub_defaults import defaults_text, edited
from operations.operation import Commands, differs, operation
from operations.require import path_state, require
from operations.script import Script

#: What GRUB reads at boot.
MENU: Final = "/boot/grub/grub.cfg"
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
    yield Script(
        UPDATE_MENU,
        "b70-menu",
        release,
        " ".join(cmdline.present),
        " ".join(map(_expression, cmdline.absent)),
        *update,
        shown=update,
    )


def _expression(pattern: str) -> str:
    """Return an `absent` entry as an extended regular expression over one token."""
    key, has_value, value = pattern.partition("=")
    name = re.sub(r"[-_]", "[-_]", re.escape(key).replace(r"\-", "-"))
    return f"^{name}={re.escape(value)}$" if has_value else f"^{name}(=.*)?$"


@operation()
def grub_default(release: str) -> Commands:
    """Make the wanted kernel the one that boots when nobody chooses; read it back.

    + release: the wanted kernel
    """
    boot = require(read(Boot), "GRUB's menu")
    path = default_path(boot, release)
    saved = require(boot.saved_entry, "GRUB's default entry")
    if path and saved == path:
        host.noop(f"default is {path}")
        return
    differs("default entry", release, saved_release(boot))
    yield Script(
        SET_DEFAULT,
        "b70-default",
        release,
        path,
        shown=("grub-set-default", path or f"(the entry of {release})"),
    )
