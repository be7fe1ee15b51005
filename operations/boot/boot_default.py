"""Which entry boots when nobody chooses: the host's own program changes it and reads it back."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand

from declaration.boot import BootSet
from declaration.onhost import BOOT_COMMIT
from facts.boot.loader import Boot, BootState
from facts.boot.sets import BootSets, HostSets
from facts.reader import read
from facts.value import known
from operations.operation import Commands, differs, operation
from operations.require import require


@operation()
def saved_entry() -> Commands:
    """Make what boots now the saved entry, before the menu begins to boot the saved entry.

    A saved entry that nobody looked at until now may be years old.
    """
    boot = require(read(Boot), "GRUB's menu")
    saved, boots_now = known(boot.saved_entry), ""
    if not boots_now or saved == boots_now:
        host.noop("the saved entry is what boots")
        return
    differs("saved entry, once the menu boots it", boots_now, saved)
    yield _call("keep", boots_now)


@operation()
def boot_default(
    wanted: BootSet, fallback: str, waits_for: Sequence[str], no_return: str = ""
) -> Commands:
    """Make a set the default, and what was the default the one to go back to.

    + wanted: the set
    + fallback: set to go back to when none is recorded; empty = there is none
    + waits_for: why the set cannot be made the default yet; empty = it can
    + no_return: why it becomes the default before it has booted; empty = it has booted
    """
    boot = require(read(Boot), "GRUB's environment")
    sets = require(read(BootSets), "which boot sets there are")
    found = default_of(boot, sets)
    if found == wanted.set_id:
        host.noop(f"{wanted.set_id} is the default, {sets.fallback or 'nothing'} the fallback")
        return
    if waits_for:
        host.noop(f"waits for the first boot of {wanted.set_id}: {'; '.join(waits_for)}")
        return
    differs("default entry", wanted.set_id, found or None)
    if no_return:
        differs("automatic return", "one boot, then the old entry", f"none: {no_return}")
    yield _call("commit", wanted.set_id, fallback)


def default_of(boot: BootState, sets: HostSets) -> str:
    """Return the default entry; a set counts only when the host also has its role on record. Pure.

    What is recorded in one place alone was cut off half way.
    """
    saved = known(boot.saved_entry) or ""
    if saved in sets.sets and saved != sets.default:
        return f"{saved}, not recorded"
    return saved


def _call(*words: str) -> StringCommand:
    return StringCommand(BOOT_COMMIT, *map(QuoteString, words))
