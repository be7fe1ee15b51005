"""The running kernel, the way back to the one before, and how the next one can be tried. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.disks.block import Block
from facts.value import Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check
from gates.boot_state import unproven_boot
from gates.one_shot import one_shot


@check("secure-boot", "boot")
def _secure_boot(context: Context) -> Iterator[Finding]:
    """With Secure Boot on, a self-built kernel or module loads only when its key is enrolled."""
    kernel = known(context.given[Kernel])
    if kernel is not None and kernel.secure_boot is True:
        yield context.warning(
            "Secure Boot is on: unsigned kernels and modules will not load",
            "turn it off in the firmware, or enrol a key (mokutil --import)",
        )


@check("b70-alias", "boot")
def _alias(context: Context) -> Iterator[Finding]:
    """The running kernel's xe module has no alias for 8086:e223, so it will never bind a B70."""
    kernel = known(context.given[Kernel])
    if kernel is None or not context.spec.hardware.cards or kernel.knows_b70 is True:
        return
    reason = kernel.knows_b70.reason if isinstance(kernel.knows_b70, Unknown) else "no alias"
    yield context.critical(
        f"kernel {kernel.release} does not know the B70 (8086:e223): {reason}",
        "install a kernel whose `modinfo xe` lists d0000E223 "
        "(Ubuntu 24.04: linux-generic-hwe-24.04)",
    )


@check("nomodeset", "boot")
def _nomodeset(context: Context) -> Iterator[Finding]:
    """`nomodeset` on the kernel command line keeps xe from binding any card."""
    kernel = known(context.given[Kernel])
    if kernel is not None and isinstance(kernel.tokens, tuple) and "nomodeset" in kernel.tokens:
        yield context.critical(
            "the running kernel was booted with nomodeset",
            "remove the token from /etc/default/grub, update-grub, reboot",
        )


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
