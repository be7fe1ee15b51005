"""What boots, by effect: the entry now, after a one-shot, and after the next menu update. Pure.

What GRUB does with its files is worked out where they are read (`facts/boot/grub_choice.py`); here
it is put beside what the firmware starts and what the host's own systems are. UNKNOWN is never a
promise: who wants to reboot has to refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from facts.boot.grub_choice import Choice, choose
from facts.boot.grub_files import BLOCK, MENU, EnvironmentBlock
from facts.boot.grub_syntax import Because
from facts.boot.loader import BootState, MenuEntry, entry_of
from facts.value import Absent, Unknown

__all__ = ["Because", "Boots", "boots_by_default", "boots_now"]

#: The line that stands for a change which this very boot makes to the environment block.
_BY_THIS_BOOT: Final = Because(BLOCK, 0, "(as this boot leaves it)")


@dataclass(frozen=True, slots=True)
class Boots:
    """What boots when nobody touches a key.

    Args:
        entry: the entry of GRUB's menu.
        once: it holds for one boot; the one after it is another matter.
        because: the lines that decide, the nearest first; none when nothing says anything and the
            first entry boots.
        waits: why a person has to do something first, so that nothing boots; None when nobody has
            to.
        missed: what was to boot but is not in the menu, so that the first entry is taken; None
            when the entry was found.
        instead: entries that come before it and cannot be loaded.
    """

    entry: MenuEntry
    once: bool
    because: tuple[Because, ...]
    waits: str | None = None
    missed: str | None = None
    instead: tuple[str, ...] = ()

    @property
    def line(self) -> Because:
        """Return the line that decides: the nearest, or the entry's own when nothing says more."""
        own = Because(self.entry.file, self.entry.line, f"menuentry '{self.entry.title}'")
        return self.because[-1] if self.because else own


def boots_now(boot: BootState | Unknown) -> Boots | Unknown:
    """Return what boots if the power goes now.

    Args:
        boot: GRUB's menu, its environment and the kernels on disk.
    """
    if isinstance(boot, Unknown):
        return boot
    choice = boot.choice
    if isinstance(choice, Absent):
        return Unknown(f"there is no {MENU}: what boots is not GRUB's menu")
    return _boots(choice, boot)


def boots_by_default(boot: BootState | Unknown) -> Boots | Unknown:
    """Return what boots once every one-shot is used up.

    Args:
        boot: GRUB's menu, its environment and the kernels on disk.
    """
    if isinstance(boot, Unknown):
        return boot
    now = boot.choice
    if isinstance(now, Absent | Unknown) or not now.armed:
        return boots_now(boot)
    block = boot.files.block
    if not isinstance(block, EnvironmentBlock):
        return boots_now(boot)
    after = replace(boot.files, block=block.changed(now.armed, _BY_THIS_BOOT))
    return _boots(choose(after), boot)


def _boots(choice: Choice | Unknown, boot: BootState) -> Boots | Unknown:
    if isinstance(choice, Unknown):
        return choice
    return Boots(
        entry=entry_of(choice, boot),
        once=choice.once,
        because=choice.because,
        waits=choice.waits,
        missed=choice.missed,
        instead=choice.instead,
    )
