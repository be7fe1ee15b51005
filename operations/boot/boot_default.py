"""Which entry boots when nobody chooses: the host's own program changes it and reads it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from declaration.onhost import BOOT_COMMIT
from facts.boot.loader import Boot, BootState, MenuEntry
from facts.boot.sets import BootSets, HostSets
from facts.reader import read
from facts.value import Unknown, known
from gates.boots import boots_by_default
from operations.boot.grub_menu import MENU
from operations.operation import Commands, comes_later, differs, operation, will_write
from operations.require import require


@operation()
def saved_entry() -> Commands:
    """Pin what boots now: the saved entry names it, whatever kernel becomes the newest.

    It comes before a kernel is installed, since the first entry of the menu is the newest one's,
    and before the menu begins to boot the saved entry, which may be years old. Once a boot set is
    on record as the default, that is another resource's.
    """
    boot = require(read(Boot), "GRUB's menu")
    sets = require(read(BootSets), "which boot sets there are")
    if sets.default:
        host.noop(f"{sets.default} is on record as the default")
        return
    now = require(boots_by_default(boot), "what boots when nobody chooses")
    if now.entry.foreign or now.entry.is_recovery:
        what = "another system's" if now.entry.foreign else "a rescue"
        raise OperationError(
            f"{now.line.path}:{now.line.line} makes {now.entry.path} the default, {what} entry; "
            "choose an entry of this system first (grub-set-default)"
        )
    wanted, saved = lasting(boot, now.entry), known(boot.saved_entry)
    if saved == wanted:
        host.noop(f"{wanted} is the saved entry")
        return
    differs("saved entry", wanted, saved)
    yield _call("keep", wanted)


def lasting(boot: BootState, entry: MenuEntry) -> str:
    """Return the path by which an entry's kernel is meant whatever is installed later. Pure.

    The entry at the top of the menu means whatever kernel is the newest.
    """
    release = entry.kernel.rpartition("/")[2].partition("-")[2]
    named = [each.path for each in boot.entries_of(release) if release in _last(each.path)]
    return entry.path if entry.path in named or not named else named[0]


def _last(path: str) -> str:
    return path.rpartition(">")[2]


@operation()
def boot_default(
    wanted: BootSet, fallback: str, waits_for: Sequence[str], no_return: str = ""
) -> Commands:
    """Make a set the default, and what was the default the one to go back to.

    + wanted: the set
    + fallback: set to go back to; empty = there is none
    + waits_for: why the set cannot be made the default yet; empty = it can
    + no_return: why it becomes the default before it has booted; empty = it has booted
    """
    boot = require(read(Boot), "GRUB's environment")
    sets = require(read(BootSets), "which boot sets there are")
    boots = boots_by_default(boot)
    found = default_of(boot, sets)
    if found == wanted.set_id:
        written_first = will_write(MENU) or comes_later()
        if (
            not isinstance(boots, Unknown)
            and boots.entry.path != wanted.set_id
            and not written_first
        ):
            raise OperationError(
                f"{wanted.set_id} is the saved entry, but {boots.entry.path} boots: "
                f"{boots.line.path}:{boots.line.line} decides it ({boots.line.text.strip()})"
            )
        if not fallback or sets.fallback == fallback:
            back = sets.fallback or "nothing"
            host.noop(f"{wanted.set_id} is the default, {back} the fallback")
            return
        differs("fallback", fallback, sets.fallback or None)
        yield _call("commit", wanted.set_id, fallback)
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
