"""Which declared mount options the live mount lacks, and which of them a remount may set. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from facts.disks.mountinfo import Mount

#: Options that change on a mounted file system without any effect on who uses it.
_SAFE: Final = frozenset(
    {"noatime", "relatime", "nodiratime", "strictatime", "lazytime", "discard", "nodiscard"}
)
#: Options for mount(8), systemd and fsck; the kernel never shows them.
_UNSEEN: Final = frozenset({"defaults", "nofail", "auto", "noauto", "user", "nouser", "_netdev"})
_UNSEEN_PREFIX: Final = ("x-", "X-", "comment=")


@dataclass(frozen=True, slots=True)
class Drift:
    """What the live mount lacks.

    Attributes:
        remount: options that a remount may set now.
        later: options that wait for the next boot.
    """

    remount: tuple[str, ...]
    later: tuple[str, ...]


def drift(declared: Iterable[str], live: Mount) -> Drift:
    """Compare declared options with a live mount."""
    shown = {*live.options, *live.super_options}
    missing = [
        option
        for option in declared
        if option not in shown
        and option not in _UNSEEN
        and not option.startswith(_UNSEEN_PREFIX)
        # the kernel leaves out what is its default
        and option not in ("rw", "exec", "suid", "dev", "atime", "relatime", "nodiscard")
    ]
    # never on a file system that an error turned read-only
    safe = [option for option in missing if option in _SAFE and not live.read_only]
    return Drift(tuple(safe), tuple(option for option in missing if option not in safe))
