"""GRUB's menu: written anew when it lags behind, and read back before anybody may reboot."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Final

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.boot import Cmdline, covers
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState, MenuEntry
from facts.reader import read
from facts.value import Absent, Unknown
from operations.boot.boot_scripts import SET_DEFAULT, UPDATE_MENU
from operations.boot.grub_defaults import defaults_text, edited
from operations.operation import operation
from operations.require import path_state
from operations.script import Script

#: What GRUB reads at boot.
MENU: Final = "/boot/grub/grub.cfg"


def faults(boot: BootState, release: str, cmdline: Cmdline) -> tuple[str, ...]:
    """Return what keeps the menu from booting a release as declared. Pure."""
    if isinstance(boot.entries, Unknown):
        return (f"{MENU} is UNKNOWN: {boot.entries.reason}",)
    if isinstance(boot.entries, Absent):
        return (f"there is no {MENU}",)
    entries = boot.entries_of(release)
    if not entries:
        return (f"no entry loads {release}",)
    return tuple(fault for entry in entries for fault in _entry_faults(entry, release, cmdline))


def _entry_faults(entry: MenuEntry, release: str, cmdline: Cmdline) -> list[str]:
    found = []
    if not any(path.endswith(f"/initrd.img-{release}") for path in entry.initrds):
        found.append(f"{entry.path} loads no initial RAM disk of {release}")
    found += [f"{entry.path} has no {t}" for t in cmdline.present if t not in entry.tokens]
    for pattern in cmdline.absent:
        found += [f"{entry.path} has {token}" for token in entry.tokens if covers(pattern, token)]
    return found


def default_path(boot: BootState, release: str) -> str:
    """Return the entry that always means this release, empty when there is none. Pure.

    The entry at the top means whatever kernel is the newest, so it is no lasting choice.
    """
    named = [e.path for e in boot.entries_of(release) if release in e.path.rpartition(">")[2]]
    return named[-1] if named else ""


@operation()
def grub_menu(
    release: str, cmdline: Cmdline, settings: Mapping[str, str], update: Sequence[str]
) -> Generator[StringCommand, None, None]:
    """Keep GRUB's menu up to date with its settings and the wanted kernel.

    + release: the wanted kernel
    + cmdline: tokens that its entries must have and must not have
    + settings: variables of /etc/default/grub
    + update: command line that writes the menu
    """
    boot = read(Boot)
    menu, defaults = (path_state(path) for path in (MENU, GRUB_DEFAULT))
    text = defaults_text()
    if isinstance(boot, Unknown):
        raise OperationError(f"GRUB's menu is UNKNOWN: {boot.reason}")
    if isinstance(boot.entries, Unknown):
        raise OperationError(f"GRUB's menu is UNKNOWN: {boot.entries.reason}")
    why = list(faults(boot, release, cmdline))
    if edited(text, cmdline, settings) != text:
        why.append(f"{GRUB_DEFAULT} changes")
    if menu is not None and defaults is not None and defaults.mtime > menu.mtime:
        why.append(f"{GRUB_DEFAULT} is younger")
    if not why:
        host.noop(f"{default_path(boot, release)} boots {release} as declared")
        return
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
def grub_default(release: str) -> Generator[StringCommand, None, None]:
    """Make the wanted kernel the one that boots when nobody chooses; read it back.

    + release: the wanted kernel
    """
    boot = read(Boot)
    if isinstance(boot, Unknown):
        raise OperationError(f"GRUB's menu is UNKNOWN: {boot.reason}")
    saved, path = boot.saved_entry, default_path(boot, release)
    if isinstance(saved, Unknown):
        raise OperationError(f"GRUB's default entry is UNKNOWN: {saved.reason}")
    if path and saved == path:
        host.noop(f"default is {path}")
        return
    yield Script(
        SET_DEFAULT,
        "b70-default",
        release,
        path,
        shown=("grub-set-default", path or f"(the entry of {release})"),
    )
