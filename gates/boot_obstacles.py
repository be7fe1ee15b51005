"""What stands in the way of a boot, by effect: each with file, line and a next step. Pure.

A problem is looked for in what boots (`gates/boots.py`), never in one file alone. The next steps
work in the state that was found, as root on the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from declaration.boot import BootSet
from declaration.host import HostSpec
from facts.boot.efi import Efi, EfiBoot
from facts.boot.grub_files import BLOCK, MENU
from facts.boot.grub_number import strtoul
from facts.boot.loader import GRUB_DEFAULT, Boot, BootState, MenuEntry
from facts.boot.next_menu import NextMenu
from facts.disks.block import Block, Disks
from facts.readings import Readings
from facts.value import ABSENT, Absent, Reading, Unknown
from gates.boots import (
    Because,
    Boots,
    Elsewhere,
    Ours,
    boots_by_default,
    boots_next,
    boots_now,
    firmware,
)
from gates.one_shot import one_shot

#: Command that takes a one-shot back.
DISARM: Final = f"grub-editenv {BLOCK} unset next_entry"
#: What a person does after a change of the settings.
_UPDATE: Final = "update-grub"
#: The file that /etc/grub.d writes the default into (00_header).
_SAVED: Final = "saved"
#: What counts as on in GRUB's settings (00_header compares with this word alone).
_ON: Final = "true"
#: Signature of a swap device that holds a system's memory (libblkid).
_SLEEPING: Final = "swsuspend"

_NOT_READ: Final = Unknown("the block devices were not read")
#: Obstacles for which no host is rebooted: what comes up then is not what anybody chose.
FORBID_REBOOT: Final = frozenset(
    (
        "foreign-one-shot",
        "armed-for-ever",
        "boot-password",
        "boot-waits",
        "foreign-default",
        "recovery-default",
        "default-not-ours",
        "boot-unknown",
        "efi-boot-next",
        "efi-other-loader",
        "hibernation-image",
    )
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing in the way.

    Args:
        id: its kind.
        text: one sentence with what was seen.
        where: the line that causes it; None where no file does.
        remedy: a next step that works in this state.
    """

    id: str
    text: str
    where: Because | None
    remedy: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that obstacles are looked for in.

    Args:
        boot: GRUB's menu, its environment and the kernels on disk.
        efi: the firmware's boot variables.
        disks: block devices and mounts.
        next_menu: grub.cfg as the next update would write it; absent: nobody asked.
        ours: whether an entry may be the default; None: nobody is asked.
        armed_by_us: whether an entry may be armed for one boot; None: none may.
    """

    boot: BootState | Unknown
    efi: Reading[EfiBoot] | Unknown = ABSENT
    disks: Disks | Unknown = _NOT_READ
    next_menu: Reading[str] = ABSENT
    ours: Ours | None = None
    armed_by_us: Ours | None = None


def scene_of(spec: HostSpec, given: Readings) -> Scene:
    """Return the scene of a host.

    Ours are the declared boot set and the one that was made the default last. While none has been,
    the default is whatever the host's own system boots.

    Args:
        spec: its declaration.
        given: what its facts said.
    """
    wanted = spec.stack.boot if spec.stack else None
    asked = NextMenu in given
    return Scene(
        boot=given[Boot],
        efi=given[Efi],
        disks=given[Block],
        next_menu=given[NextMenu] if asked else ABSENT,
        ours=_ours(wanted, given) if wanted else None,
        armed_by_us=(lambda entry: _name(entry) == wanted.set_id) if wanted else None,
    )


def _ours(wanted: BootSet, given: Readings) -> Ours:
    # GRUB's environment is written last: a commit that was cut off before has not happened
    boot = given[Boot]
    block = boot.environment if isinstance(boot, BootState) else {}
    made = block.get("b70fleet_default", "") if isinstance(block, Mapping) else ""
    if not made:
        return lambda entry: not entry.foreign
    return lambda entry: _name(entry) in (wanted.set_id, made)


def _name(entry: MenuEntry) -> str:
    return entry.path.rpartition(">")[2]


def obstacles(scene: Scene) -> tuple[Obstacle, ...]:
    """Return everything that is in the way of a boot, the next boot first."""
    boot = scene.boot
    if isinstance(boot, Unknown) or (
        isinstance(boot.choice, Absent) and isinstance(scene.efi, Absent)
    ):
        return ()  # the fact says why; a host without GRUB is another layer's matter
    now, default = boots_now(boot, scene.efi), boots_by_default(boot, scene.efi)
    found = [
        *_firmware(scene),
        *_unknown(scene, now),
        *_one_shot(scene, boot, now),
        *_waiting(boot, now, default),
        *_saving(boot, default),
        *_default(scene, default),
        *_doubled(boot, default),
        *_stale(boot, default),
        *_next(scene, default),
        *_sleeping(scene, boot),
    ]
    return tuple(dict.fromkeys(found))


def _firmware(scene: Scene) -> Iterator[Obstacle]:
    other = firmware(scene.efi, scene.boot)
    if not isinstance(other, Elsewhere):
        return
    if other.for_once:
        yield Obstacle("efi-boot-next", other.why, None, "efibootmgr --delete-bootnext")
        return
    step = "bootctl status # that boot loader's own tool chooses what boots"
    if other.order is not None:
        numbers = ",".join(f"{option.number:04X}" for option in other.order)
        step = f"efibootmgr --bootorder {numbers} # and the rest behind them"
    elif other.where is not None:
        step = "grub-install && update-grub # writes that file anew for this system"
    yield Obstacle("efi-other-loader", other.why, other.where, step)


def _unknown(scene: Scene, now: Boots | Unknown) -> Iterator[Obstacle]:
    if not isinstance(now, Unknown) or isinstance(firmware(scene.efi, scene.boot), Elsewhere):
        return
    step = f"look at that line; {_UPDATE} writes {MENU} anew without a hand's changes"
    if isinstance(scene.efi, Unknown):
        step = "efibootmgr -v # what the firmware starts"
    yield Obstacle("boot-unknown", f"what boots is UNKNOWN: {now.reason}", None, step)


def _one_shot(scene: Scene, boot: BootState, now: Boots | Unknown) -> Iterator[Obstacle]:
    armed = boot.next_entry
    if not isinstance(armed, str):
        return
    line = _variable(boot, "next_entry")
    possible = one_shot(boot, scene.disks)
    is_ours = (
        isinstance(now, Boots)
        and now.missed is None
        and scene.armed_by_us is not None
        and scene.armed_by_us(now.entry)
    )
    if possible.possible is False:
        yield Obstacle(
            "armed-for-ever",
            f"{armed} is armed for one boot and stays armed for ever: {possible.why}",
            line,
            DISARM,
        )
    if not is_ours:
        boots = f"it boots {_named(now.entry)}" if isinstance(now, Boots) else "UNKNOWN"
        if isinstance(now, Boots) and now.missed is not None:
            boots = f"the menu does not have it, so {_named(now.entry)} boots"
        yield Obstacle(
            "foreign-one-shot",
            f"somebody armed {armed} for the next boot: {boots}",
            line,
            DISARM,
        )


def _waiting(boot: BootState, now: Boots | Unknown, default: Boots | Unknown) -> Iterator[Obstacle]:
    for boots in (now, default):
        if not isinstance(boots, Boots) or boots.waits is None:
            continue
        if "password" not in boots.waits:
            yield Obstacle(
                "boot-waits",
                f"GRUB waits for a person: {boots.waits}",
                boots.line,
                f"set GRUB_TIMEOUT in {GRUB_DEFAULT} and see that the entry's kernel is there "
                f"(ls -l /boot), then {_UPDATE}",
            )
            continue
        free = next((e for e in _own(boot) if not e.restricted), None)
        step = f"add --unrestricted to CLASS in /etc/grub.d/10_linux, then {_UPDATE}"
        if free is not None and _is_saved(boot):
            step = f"grub-set-default {shlex.quote(free.path)}; or: {step}"
        yield Obstacle(
            "boot-password", f"GRUB waits at every boot: {boots.waits}", boots.line, step
        )


def _saving(boot: BootState, default: Boots | Unknown) -> Iterator[Obstacle]:
    if boot.settings.get("GRUB_SAVEDEFAULT") == _ON:
        line = _setting(boot, "GRUB_SAVEDEFAULT")
        place = line.path if line else GRUB_DEFAULT
        yield Obstacle(
            "saves-default",
            "whatever entry is booted becomes the default: GRUB_SAVEDEFAULT=true",
            line,
            f"set GRUB_SAVEDEFAULT=false in {place}, then {_UPDATE}",
        )
    elif isinstance(default, Boots) and default.entry.saves_default:
        entry = default.entry
        yield Obstacle(
            "saves-default",
            f"{_named(entry)} makes itself the default when it is booted",
            _line(entry),
            f"{_UPDATE} # the settings do not ask for it"
            if entry.file == MENU and entry.section
            else f"remove savedefault from {entry.file}, line {entry.line}",
        )


def _default(scene: Scene, default: Boots | Unknown) -> Iterator[Obstacle]:
    if not isinstance(default, Boots) or default.once:
        return
    entry, line = default.entry, default.line
    if default.missed is not None:
        yield Obstacle(
            "vanished-default",
            f"the default {default.missed} is not in the menu: GRUB boots {_named(entry)}",
            line,
            _choose(scene.boot, entry),
        )
    step = _choose_own(scene)
    if entry.foreign:
        text = f"the default is another system's entry: {_named(entry)}"
        yield Obstacle("foreign-default", text, line, step)
    elif entry.is_recovery:
        text = f"the default is a recovery entry: {_named(entry)}"
        yield Obstacle("recovery-default", text, line, step)
    elif scene.ours is not None and not scene.ours(entry):
        text = f"the default is not the declared boot set: {_named(entry)}"
        yield Obstacle("default-not-ours", text, line, step)
    if default.missed is None and (kind := _moves(default)):
        yield Obstacle(
            "positional-default",
            f"the default is named by {kind} ({default.wanted}): it may mean another entry after "
            f"the next menu update; now it is {_named(entry)}",
            line,
            _choose(scene.boot, entry),
        )


def _moves(boots: Boots) -> str | None:
    """Return by what an entry is named that is no lasting name; None for an id."""
    wanted, path = boots.wanted, boots.entry.path
    if wanted in ("", "0", path):
        return None  # the first entry is the distribution's own rule, not a pin
    if strtoul(wanted)[1]:
        return "its number"
    return "a submenu" if path.startswith(f"{wanted}>") else "its title"


def _doubled(boot: BootState, default: Boots | Unknown) -> Iterator[Obstacle]:
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    first: dict[tuple[str, str], MenuEntry] = {}
    for entry in entries:
        menu = entry.path.rpartition(">")[0]
        names = [(entry.path, "id")]
        if isinstance(default, Boots) and default.wanted.rpartition(">")[2] == entry.title:
            names.append((f"{menu}>{entry.title}", "title"))
        for name, kind in names:
            other = first.setdefault((name, kind), entry)
            if other is not entry:
                yield Obstacle(
                    "doubled-entry",
                    f"two entries have one {kind}, {name}: GRUB takes the one in line {other.line} "
                    f"of {other.file}",
                    _line(entry),
                    f"give it another id in {entry.section or entry.file}, then {_UPDATE}",
                )


def _stale(boot: BootState, default: Boots | Unknown) -> Iterator[Obstacle]:
    entries = boot.entries
    if isinstance(entries, tuple):
        for release, kernel in boot.kernels.items():
            if kernel.modules and not boot.entries_of(release):
                yield Obstacle(
                    "menu-stale",
                    f"{kernel.image.path} is not in the menu: it was not written since",
                    None,
                    _UPDATE,
                )
    setting = boot.settings.get("GRUB_DEFAULT", "0")
    if not isinstance(default, Boots) or not isinstance(setting, str) or not default.because:
        return
    line = default.because[0]
    in_effect = _SAVED if "saved_entry" in line.text else default.wanted
    if in_effect == (setting or "0"):
        return
    origin = _setting(boot, "GRUB_DEFAULT")
    asked = f"GRUB_DEFAULT is {setting or '0'}" + (f" ({origin.path})" if origin else "")
    step = _UPDATE
    if line.path != MENU:
        step = f"remove `set default` from {line.path}, line {line.line}"
    yield Obstacle("menu-stale", f"{asked}, and {line.path} sets {line.text!r}", line, step)


def _next(scene: Scene, default: Boots | Unknown) -> Iterator[Obstacle]:
    if isinstance(scene.next_menu, Absent):
        return
    after = boots_next(scene.next_menu, scene.boot, scene.efi)
    if isinstance(after, Unknown):
        if firmware(scene.efi, scene.boot, once=False) is None:
            yield Obstacle(
                "next-menu-unknown",
                f"what boots after the next menu update is UNKNOWN: {after.reason}",
                None,
                f"grub-mkconfig -o /run/menu.cfg; diff {MENU} /run/menu.cfg",
            )
        return
    if not isinstance(default, Boots) or after.entry.kernel == default.entry.kernel:
        return
    before_flavour, after_flavour = flavour(default.entry), flavour(after.entry)
    if before_flavour == after_flavour:
        return
    yield Obstacle(
        "flavour-change",
        f"the next menu update changes the kernel's flavour from {before_flavour} to "
        f"{after_flavour}: {_named(default.entry)} boots now, then {_named(after.entry)}",
        after.line,
        _keep_flavour(scene.boot, default.entry, before_flavour),
    )


def _keep_flavour(boot: BootState | Unknown, entry: MenuEntry, kept: str) -> str:
    if isinstance(boot, BootState) and boot.knows_flavours is True:
        return (
            f"echo 'GRUB_FLAVOUR_ORDER=\"{kept}\"' > /etc/default/grub.d/95-flavour.cfg, "
            f"then {_UPDATE}"
        )
    return _choose(boot, entry)


def _sleeping(scene: Scene, boot: BootState) -> Iterator[Obstacle]:
    found = list(boot.sleeping)
    disks = scene.disks
    if isinstance(disks, Disks) and isinstance(disks.devices, tuple):
        walked = (each for device in disks.devices for each in device.walk())
        found += [f"/dev/{each.name}" for each in walked if each.fstype == _SLEEPING]
    for place in dict.fromkeys(found):
        yield Obstacle(
            "hibernation-image",
            f"{place} holds the memory of a hibernated system: the next boot may go back to it "
            "and undo what was written since",
            None,
            f"mkswap {shlex.quote(place)} # throws that system's memory away",
        )


def flavour(entry: MenuEntry) -> str:
    """Return the flavour of the kernel that an entry loads: what its release ends with."""
    last = entry.kernel.rpartition("/")[2].rpartition("-")[2]
    return last if last and not last[0].isdigit() else "none"


def _own(boot: BootState) -> tuple[MenuEntry, ...]:
    entries = boot.entries if isinstance(boot.entries, tuple) else ()
    return tuple(e for e in entries if e.kernel and not e.foreign and not e.is_recovery)


def _choose_own(scene: Scene) -> str:
    """Return the command that makes an entry the default which is the host's own."""
    boot = scene.boot
    own = _own(boot) if isinstance(boot, BootState) else ()
    liked = [entry for entry in own if scene.ours is None or scene.ours(entry)]
    named = [e for e in liked if not e.restricted and ">" in e.path] or liked
    if not named:
        return f"{_UPDATE} # no entry of the menu is this host's own"
    return _choose(boot, named[0])


def _choose(boot: BootState | Unknown, entry: MenuEntry) -> str:
    """Return the command that makes an entry the default by its id."""
    path = shlex.quote(entry.path)
    if isinstance(boot, BootState) and _is_saved(boot):
        return f"grub-set-default {path}"
    return f"set GRUB_DEFAULT=saved in {GRUB_DEFAULT}, then {_UPDATE} && grub-set-default {path}"


def _is_saved(boot: BootState) -> bool:
    return boot.settings.get("GRUB_DEFAULT") == _SAVED


def _named(entry: MenuEntry) -> str:
    kernel = entry.kernel.rpartition("/")[2]
    return f"{entry.title!r}" + (f" ({kernel})" if kernel and kernel not in entry.title else "")


def _line(entry: MenuEntry) -> Because:
    return Because(entry.file, entry.line, f"menuentry {entry.title!r}")


def _variable(boot: BootState, name: str) -> Because | None:
    block = boot.block
    if isinstance(block, Absent | Unknown):
        return None
    found = block.variables.get(name)
    return found.where if found else None


def _setting(boot: BootState, name: str) -> Because | None:
    """Return the last line that sets a variable of update-grub."""
    lines = [line for line in boot.lines if line.text.strip().startswith(f"{name}=")]
    return Because(lines[-1].path, lines[-1].number, lines[-1].text.strip()) if lines else None
