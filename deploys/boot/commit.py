"""Makes the declared boot set the default once it has booted, and the old one the fallback.

Where GRUB cannot forget a one-shot, the set is made the default before its first boot: there is no
automatic return then, and the plan says so.
"""

from __future__ import annotations

from deploys.boot.wait import one_shot_here, unproven_here, waits_for_boot
from deploys.layer import declaration, deploy
from operations.boot.boot_default import boot_default
from operations.boot.boot_set import fallback_set


@deploy("boot default")
def boot_commit() -> None:
    """Declare what the current host boots by default; nothing without a boot set."""
    spec = declaration()
    wanted = spec.stack.boot if spec.stack else None
    if wanted is None:
        return
    once = one_shot_here()
    missing = (*waits_for_boot(spec), *unproven_here(spec))
    boot_default(
        wanted=wanted,
        fallback=fallback_set(wanted),
        waits_for=() if once.possible is False else missing,
        no_return=once.why if missing and once.possible is False else "",
        name="BootDefault[saved_entry]",
    )
