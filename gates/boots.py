"""What boots, by effect: the entry now, after a one-shot, and after the next menu update. Pure.

What GRUB does with its files is worked out where they are read (`facts/boot/grub_choice.py`); here
it is put behind what the firmware starts. UNKNOWN is never a promise: who wants to reboot refuses
it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from facts.boot.efi import EfiBoot, LoadOption
from facts.boot.grub_choice import Choice, choose
from facts.boot.grub_files import BLOCK, MENU, EnvironmentBlock
from facts.boot.grub_syntax import Because
from facts.boot.loader import BootState, MenuEntry, entry_of
from facts.value import ABSENT, Absent, Reading, Unknown

__all__ = [
    "Because",
    "Boots",
    "Elsewhere",
    "Ours",
    "boots_by_default",
    "boots_next",
    "boots_now",
    "firmware",
]

#: Whether an entry is one that this product put there, or chose.
Ours: TypeAlias = Callable[[MenuEntry], bool]
#: The line that stands for a change which this very boot makes to the environment block.
_BY_THIS_BOOT: Final = Because(BLOCK, 0, "(as this boot leaves it)")
#: Boot loaders that say who they are, and are GRUB.
_GRUB: Final = "grub"


@dataclass(frozen=True, slots=True)
class Boots:
    """What boots when nobody touches a key.

    Args:
        entry: the entry of GRUB's menu.
        once: it holds for one boot; the one after it is another matter.
        because: the lines that decide, the nearest first; none when nothing says anything and the
            first entry boots.
        wanted: what they name: a number, an id or a title; empty when they name nothing.
        waits: why a person has to do something first, so that nothing boots; None when nobody has
            to.
        missed: what was to boot but is not in the menu, so that the first entry is taken; None
            when the entry was found.
        instead: entries that come before it and cannot be loaded.
    """

    entry: MenuEntry
    once: bool
    because: tuple[Because, ...]
    wanted: str = ""
    waits: str | None = None
    missed: str | None = None
    instead: tuple[str, ...] = ()

    @property
    def line(self) -> Because:
        """Return the line that decides: the last source of the value, else the entry's own line."""
        own = Because(self.entry.file, self.entry.line, f"menuentry '{self.entry.title}'")
        return self.because[-1] if self.because else own


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The firmware starts something other than the GRUB that is known here.

    Args:
        why: a sentence.
        for_once: it does so at the next boot alone.
        order: the entry that this boot came from, and the one that comes before it.
        where: the line that says so; None where a variable of the firmware does.
    """

    why: str
    for_once: bool
    order: tuple[LoadOption, LoadOption] | None = None
    where: Because | None = None


def boots_now(
    boot: BootState | Unknown, efi: Reading[EfiBoot] | Unknown = ABSENT
) -> Boots | Unknown:
    """Return what boots if the power goes now.

    Args:
        boot: GRUB's menu, its environment and the kernels on disk.
        efi: the firmware's boot variables; absent on a host without EFI.
    """
    if isinstance(boot, Unknown):
        return boot
    other = _other_loader(efi, boot, once=True)
    return _of_grub(boot) if other is None else other


def boots_by_default(
    boot: BootState | Unknown, efi: Reading[EfiBoot] | Unknown = ABSENT
) -> Boots | Unknown:
    """Return what boots once every one-shot is used up.

    Args:
        boot: GRUB's menu, its environment and the kernels on disk.
        efi: the firmware's boot variables; absent on a host without EFI.
    """
    if isinstance(boot, Unknown):
        return boot
    if (other := _other_loader(efi, boot, once=False)) is not None:
        return other
    now, block = boot.choice, boot.files.block
    if not isinstance(now, Choice) or not now.armed or not isinstance(block, EnvironmentBlock):
        return _of_grub(boot)
    after = replace(boot.files, block=block.changed(now.armed, _BY_THIS_BOOT))
    return _boots(choose(after), boot)


def boots_next(
    menu: Reading[str], boot: BootState | Unknown, efi: Reading[EfiBoot] | Unknown = ABSENT
) -> Boots | Unknown:
    """Return what would boot by default after the next menu update.

    Args:
        menu: grub.cfg as the update would write it.
        boot: GRUB's menu, its environment and the kernels on disk.
        efi: the firmware's boot variables; absent on a host without EFI.
    """
    if isinstance(boot, Unknown):
        return boot
    if isinstance(menu, Unknown):
        return menu
    if isinstance(menu, Absent):
        return Unknown(f"there is no {MENU}: what boots is not GRUB's menu")
    return boots_by_default(boot.with_menu(menu), efi)


def firmware(
    efi: Reading[EfiBoot] | Unknown, boot: BootState | Unknown, *, once: bool = True
) -> Elsewhere | Unknown | None:
    """Return what the firmware starts when it is not our GRUB; None when it is, or on BIOS.

    Args:
        efi: the firmware's boot variables.
        boot: where the menu of our GRUB lies.
        once: what holds for the next boot alone counts as well.
    """
    if isinstance(efi, Absent | Unknown):
        return efi if isinstance(efi, Unknown) else None
    if isinstance(efi.loader, str) and not efi.loader.lower().startswith(_GRUB):
        menus = f" ({efi.menus[0]} and more)" if efi.menus else ""
        return Elsewhere(
            f"{efi.loader} started this system, and its menus are not read{menus}", for_once=False
        )
    own = boot.files.uuids if isinstance(boot, BootState) else frozenset()
    current = efi.options.get(efi.current) if isinstance(efi.current, int) else None
    first = first_file(efi)
    if first is not None and current is not None and not _is_same(first, current, efi, own):
        why = f"the firmware starts {first.name} first; this boot came from {current.name}"
        return Elsewhere(why, for_once=False, order=(current, first))
    stub = efi.leads_to(current) if current is not None else None
    if stub is not None and own and stub[0] not in own:
        where = Because(stub[1].path, stub[1].number, stub[1].text)
        why = (
            f"{where.path} leads GRUB to the file system {stub[0]}, which is not this host's /boot"
        )
        return Elsewhere(why, for_once=False, where=where)
    if once and isinstance(efi.next, int) and efi.next != efi.current:
        option = efi.options.get(efi.next)
        if option is None or current is None or not _is_same(option, current, efi, own):
            named = option.name if option else f"Boot{efi.next:04X}"
            why = f"the firmware starts {named} at the next boot (BootNext)"
            return Elsewhere(why, for_once=True)
    return None


def _is_same(option: LoadOption, current: LoadOption, efi: EfiBoot, own: Collection[str]) -> bool:
    """Return True if an entry starts what this boot came from, or leads to the same menu.

    A first boot by the removable path writes an entry of its own, which is another file.
    """
    stub = efi.leads_to(option)
    return option.starts_the_same(current) or (stub is not None and stub[0] in own)


def first_file(efi: EfiBoot) -> LoadOption | None:
    """Return the first active entry that starts a file; a network card before it may fail."""
    order = efi.order if isinstance(efi.order, tuple) else ()
    options = (efi.options[number] for number in order if number in efi.options)
    return next((o for o in options if o.active and isinstance(o.path, str)), None)


def _other_loader(
    efi: Reading[EfiBoot] | Unknown, boot: BootState, *, once: bool
) -> Unknown | None:
    """Return that what boots is not this GRUB's word; None when it is."""
    other = firmware(efi, boot, once=once)
    return Unknown(other.why) if isinstance(other, Elsewhere) else other


def _of_grub(boot: BootState) -> Boots | Unknown:
    if isinstance(boot.choice, Absent):
        return Unknown(f"there is no {MENU}: what boots is not GRUB's menu")
    return _boots(boot.choice, boot)


def _boots(choice: Choice | Unknown, boot: BootState) -> Boots | Unknown:
    if isinstance(choice, Unknown):
        return choice
    return Boots(
        entry=entry_of(choice, boot),
        once=choice.once,
        because=choice.because,
        wanted=choice.wanted,
        waits=choice.waits,
        missed=choice.missed,
        instead=choice.instead,
    )
