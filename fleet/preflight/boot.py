"""The running kernel, the way back to the one before, and how the next one can be tried. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.value import Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.kernel_words import places
from fleet.preflight.model import Context, check
from fleet.preflight.release import table
from gates.boot_obstacles import FORBID_REBOOT, obstacles, scene_of
from gates.boot_state import unproven_boot
from gates.boots import Boots, boots_now
from gates.one_shot import one_shot

#: A word by which no graphics driver starts, and the settings that bring it into every entry.
_NO_DRIVER: Final = "nomodeset"
_CMDLINE: Final = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
#: Long texts of `b70 explain ID`: what stands in the way of a boot.
_OBSTACLES: Final = {
    "foreign-one-shot": """An entry that this product did not arm is armed for the next boot.

    GRUB boots what `next_entry` names once, whatever the default is. A reboot would start that
    entry and not the declared boot set.""",
    "armed-for-ever": """A one-shot entry is armed where GRUB cannot take it back.

    GRUB clears `next_entry` by writing its environment block, which it can on a plain partition
    alone. On LVM, RAID, encryption, btrfs or ZFS every boot starts that entry again.""",
    "boot-password": """GRUB asks for a password before it boots the default.

    With `superusers` set, an entry without --unrestricted waits for a person, and so does every
    entry inside a submenu without it.""",
    "boot-waits": """GRUB waits for a person at every boot.

    The menu has no time after which it boots, or the entry's kernel is missing and no fallback is
    named. A rig without a keyboard stays there.""",
    "saves-default": """Any entry that is booted becomes the default.

    GRUB_SAVEDEFAULT=true lets each boot write its own entry into the environment block: one look
    at a recovery entry changes the default for good.""",
    "vanished-default": """The saved default names an entry that the menu does not have.

    GRUB then boots the first entry without a word. A kernel was removed or an entry renamed.""",
    "recovery-default": """The default is a recovery entry.

    It boots without the declared command line, often with nomodeset, so that no card is driven.""",
    "foreign-default": """The default is another system's entry.

    os-prober or a person put another system into the menu, and it is what boots.""",
    "default-not-ours": """The default is not the declared boot set.

    It is an entry of this host, but of another kernel.""",
    "positional-default": """The default is named by its place or its title, not by an id.

    The next menu update may put another entry in that place or change the title; an id stays.""",
    "doubled-entry": """Two entries of the menu have one name.

    GRUB takes the first of them, so the second one can never be the default.""",
    "menu-stale": """The generated menu is not what the settings ask for.

    The settings were changed and the menu was not written since, a kernel was installed and a hook
    was skipped, or a file that is read later overrides the settings.""",
    "flavour-change": """The next menu update boots a kernel of another flavour.

    The menu sorts by version first: a newer generic kernel takes the place of another flavour.""",
    "next-menu-unknown": """What boots after the next menu update could not be worked out.

    The update is tried in memory, unless os-prober would mount the disks of other systems.""",
    "efi-boot-next": """The firmware starts something else at the next boot (BootNext).""",
    "efi-other-loader": """The firmware starts a boot loader other than the GRUB that is known here.

    Its own menu decides then, and that is not read.""",
    "boot-unknown": """What boots next is not known.

    The menu has a form that is not understood where it decides. UNKNOWN is never taken for good:
    this product does not reboot such a host.""",
    "hibernation-image": """A hibernated system lies in the swap area.

    The next boot may resume it, with file systems that have changed since.""",
}


@check("secure-boot", "boot")
def _secure_boot(context: Context) -> Iterator[Finding]:
    """With Secure Boot on, a self-built kernel or module loads only when its key is enrolled.

    A kernel that is locked down without it (`lockdown=` on its command line) takes no unsigned
    module either.
    """
    kernel = known(context.given[Kernel])
    if kernel is None:
        return
    if kernel.secure_boot is True:
        yield context.warning(
            "Secure Boot is on: unsigned kernels and modules will not load",
            "turn it off in the firmware, or enrol a key (mokutil --import)",
        )
    elif kernel.lockdown in ("integrity", "confidentiality"):
        yield context.warning(
            f"the kernel is locked down ({kernel.lockdown}): unsigned modules will not load",
            "remove lockdown= from the kernel command line, update-grub, reboot",
        )


@check("b70-alias", "boot")
def _alias(context: Context) -> Iterator[Finding]:
    """The running kernel's xe module has no alias for 8086:e223, so it will never bind a B70."""
    kernel = known(context.given[Kernel])
    if kernel is None or not context.spec.hardware.cards or kernel.knows_b70 is True:
        return
    if isinstance(kernel.knows_b70, Unknown):
        yield context.unknown(
            f"whether kernel {kernel.release} knows the B70 (8086:e223) is UNKNOWN: "
            f"{kernel.knows_b70.reason}",
            f"b70 facts {context.spec.name} kernel",
        )
        return
    release = table(context)
    newest = f" ({release.newest_kernel})" if release is not None and release.newest_kernel else ""
    yield context.critical(
        f"kernel {kernel.release} does not know the B70 (8086:e223): no alias",
        f"install a kernel whose `modinfo xe` lists d0000E223{newest}",
    )


@check("nomodeset", "boot")
def _nomodeset(context: Context) -> Iterator[Finding]:
    """`nomodeset` on the kernel command line keeps xe from binding any card.

    GRUB's settings count too, unless the declared boot set leaves the word out: the next boot has
    it then.
    """
    remedy = f"take the word out of the kernel's command line{places(context, (_NO_DRIVER,))}; "
    remedy += "then, on the host: update-grub, and reboot"
    kernel, boot = known(context.given[Kernel]), known(context.given[Boot])
    if kernel is not None and isinstance(kernel.tokens, tuple) and _NO_DRIVER in kernel.tokens:
        yield context.critical(f"the running kernel was booted with {_NO_DRIVER}", remedy)
        return
    stack = context.spec.stack
    left_out = stack.boot.cmdline.absent if stack and stack.boot else ()
    if boot is None or _NO_DRIVER in left_out:
        return
    found = [name for name in _CMDLINE if _NO_DRIVER in (known(boot.setting_tokens(name)) or ())]
    if found:
        text = (
            f"GRUB's {' and '.join(found)} has {_NO_DRIVER}: after the next boot no card is driven"
        )
        yield context.warning(text, remedy)


@check("fallback-kernel", "boot")
def _fallback(context: Context) -> Iterator[Finding]:
    """With one kernel on disk a new one that does not boot leaves nothing to go back to."""
    boot = known(context.given[Boot])
    declared = context.spec.stack.boot if context.spec.stack else None
    if boot is None or declared is None or len(boot.kernels) > 1:
        return
    if set(boot.kernels) <= {declared.kernel.uname}:
        yield context.warning(
            f"{', '.join(boot.kernels) or 'no kernel'} is all there is in /boot: no fallback",
            "install a second kernel and name it in stack.boot.kernel.fallbacks",
        )


@check("boot-unproven", "boot")
def _unproven(context: Context) -> Iterator[Finding]:
    """Part of the declared boot set cannot be compared with what runs: no proof, no drift."""
    for text in unproven_boot(context.spec, context.given):
        yield context.unknown(
            text,
            f"b70 facts {context.spec.name} kernel gpu_log",
        )


@check("one-shot-boot", "boot")
def _one_shot(context: Context) -> Iterator[Finding]:
    """A kernel is tried by an entry that GRUB boots once; for that GRUB must write its environment.

    It can on a plain partition, not on LVM, RAID, encryption, ZFS or btrfs: there the entry would
    stay armed, and a kernel that hangs would be booted again and again.
    """
    if Boot not in context.given or Block not in context.given:
        return
    found = one_shot(context.given[Boot], context.given[Block])
    declared = context.spec.stack.boot if context.spec.stack else None
    if found.possible is True:
        yield context.info(f"possible: {found.why}")
    else:
        word = "UNKNOWN" if isinstance(found.possible, Unknown) else "not possible"
        text = f"{word}: {found.why}"
        if declared:
            yield context.warning(text, "put /boot on a plain ext4 partition")
        else:
            yield context.info(text)


@check("what-boots", "boot", _OBSTACLES)
def _what_boots(context: Context) -> Iterator[Finding]:
    """Which entry boots if the power goes now, and the line that decides it."""
    boot = context.given[Boot]
    if isinstance(boot, Unknown):
        return
    scene = scene_of(context.spec, context.given)
    now = boots_now(boot, scene.efi)
    if isinstance(now, Boots):
        once = ", once" if now.once else ""
        yield context.info(f"{now.entry.title!r} boots now{once}: {now.line}")
    has_boot_set = context.spec.stack is not None and context.spec.stack.boot is not None
    for obstacle in obstacles(scene):
        place = f" ({obstacle.where})" if obstacle.where else ""
        named = replace(context, id=obstacle.id)
        text = f"{obstacle.text}{place}"
        if "unknown" in obstacle.id:
            yield named.unknown(text, obstacle.remedy)
        elif obstacle.id in FORBID_REBOOT:
            yield named.critical(text, obstacle.remedy)
        elif has_boot_set:
            yield named.warning(text, obstacle.remedy)
        else:
            yield named.info(text)
