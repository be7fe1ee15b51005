"""The kinds of machines that the lab has: what sets them apart for a fleet, one row per kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of machine.

    Args:
        name: what `b70 lab status` calls it.
        title: one of them in a sentence, with its article.
        group: group of its machines in the fleet directory.
        simulated: it shows a tree of files where a machine has its cards in /sys.
        logs_in_as_root: its host entries log in as root; under emulation one sudo takes seconds.
        connect_timeout_s: seconds that a connection may take; None = as the product has it.
    """

    name: str
    title: str
    group: str
    simulated: bool = False
    logs_in_as_root: bool = False
    connect_timeout_s: int | None = None


NSPAWN: Final = Kind("nspawn", "an nspawn machine", "lab", simulated=True)
#: An emulated CPU takes its time over the handshake.
VM: Final = Kind("vm", "a virtual machine", "vm", logs_in_as_root=True, connect_timeout_s=60)
#: A kernel that runs as a process; root logs in as on an emulated machine, so that tests can share.
UML: Final = Kind("uml", "a User-mode Linux machine", "uml", logs_in_as_root=True)
