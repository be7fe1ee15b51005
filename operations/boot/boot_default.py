"""Which entry boots when nobody chooses: the host's own program changes it and reads it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from declaration.onhost import BOOT_COMMIT
from facts.boot.loader import Boot, BootState
from facts.boot.sets import BootSets, HostSets
from facts.reader import read
from facts.value import ABSENT, Unknown, known
from gates.boots import boots_by_default
from operations.operation import Commands, differs, operation
from operations.require import require


@operation()
def saved_entry() -> Commands:
    """Make what boots now the saved entry, before the menu begins to boot the saved entry.

    A saved entry that nobody looked at until now may be years old. Once a boot set is on record as
    the default, that is another resource's.
    """
    boot = require(read(Boot), "GRUB's menu")
    sets = require(read(BootSets), "which boot sets there are")
    if sets.default or known(boot.settings.get("GRUB_DEFAULT", ABSENT)) == "saved":
        host.noop("the menu boots the saved entry already")
        return
    now = require(boots_by_default(boot), "what boots when nobody chooses")
    leads_to, wanted = led_to(boot), now.entry.path
    if leads_to == wanted:
        host.noop(f"the saved entry leads to {wanted}")
        return
    differs("saved entry, once the menu boots it", wanted, leads_to or None)
    yield _call("keep", wanted)


def led_to(boot: BootState) -> str:
    """Return the entry that a menu would boot that takes the saved one, "" for none. Pure."""
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    saved = known(boot.saved_entry)
    paths = [entry.path for entry in entries]
    if saved in paths:
        return saved
    return paths[0] if paths else ""


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
    boots = boots_by_default(boot)
    found = default_of(boot, sets)
    if found == wanted.set_id:
        if not isinstance(boots, Unknown) and boots.entry.path != wanted.set_id:
            raise OperationError(
                f"{wanted.set_id} is the saved entry, but {boots.entry.path} boots: "
                f"{boots.line.path}:{boots.line.line} decides it ({boots.line.text.strip()})"
            )
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
    """Return the default entry; a set counts only when its role is on record everywhere. Pure.

    What is recorded in one place alone was cut off half way, or lost there.
    """
    saved = known(boot.saved_entry) or ""
    block = boot.environment if isinstance(boot.environment, Mapping) else {}
    if saved not in sets.sets:
        return saved
    recorded = (sets.default, block.get("b70fleet_default", ""))
    if recorded != (saved, saved) or sets.fallback != block.get("b70fleet_fallback", ""):
        return f"{saved}, not on record everywhere"
    return saved


def _call(*words: str) -> StringCommand:
    return StringCommand(BOOT_COMMIT, *map(QuoteString, words))
