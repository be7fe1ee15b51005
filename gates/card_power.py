"""What may have switched a card off: words on the command line, a policy of the kernel. Pure."""

from __future__ import annotations

from typing import Final

from declaration.driver_words import effective, powers_off
from facts.boot.kernel import RunningKernel
from facts.value import Reading, Unknown

#: The policy of the kernel under which cards were lost (docs/evidence.md#aspm).
DEEPEST: Final = "powersupersave"


def causes(kernel: RunningKernel | None) -> tuple[str, ...]:
    """Return the words that let the kernel switch a card off, as they stand on its command line."""
    if kernel is None or not isinstance(kernel.tokens, tuple):
        return ()
    return tuple(token for token in effective(kernel.tokens) if powers_off(token))


def told(kernel: RunningKernel | Unknown, policy: Reading[str]) -> Reading[tuple[str, ...]]:
    """Return the same for a gate: UNKNOWN unless both the command line and the policy were read."""
    if isinstance(kernel, Unknown):
        return kernel
    if isinstance(kernel.tokens, Unknown):
        return kernel.tokens
    if isinstance(policy, Unknown):
        return policy
    words = causes(kernel)
    return (*words, f"policy {DEEPEST}") if policy == DEEPEST and not words else words


def way_back(kernel: RunningKernel | None, policy: Reading[str]) -> str:
    """Return what a person does with a card that was switched off: the cause first, then a boot."""
    words = causes(kernel)
    if words:
        return (
            f"take {' and '.join(words)} off the kernel's command line, write the menu anew "
            "(update-grub), then power off and boot cold; a boot with it loses the card again"
        )
    if policy == DEEPEST:
        release = kernel.release if kernel else "RELEASE"
        return (
            f"boot cold with pcie_aspm.policy=default: no word of the command line asks for "
            f"{DEEPEST}, so it is the kernel's own (grep PCIEASPM /boot/config-{release}), or a "
            "program wrote it (grep -rsi pcie_aspm /etc/tmpfiles.d /etc/udev/rules.d /etc/tuned "
            "/etc/tlp.conf /etc/tlp.d /etc/sysfs.conf /etc/sysfs.d /etc/rc.local)"
        )
    return (
        "save `journalctl -k -b`, power off and boot cold; if the card stays away, reseat it and "
        "its power cables"
    )
