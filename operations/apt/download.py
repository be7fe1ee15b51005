"""How much an installation fetches: asked of apt only when a plan is about to install something."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from pyinfra import host

from declaration.onhost import APT_LISTS
from facts.packages.apt_download import AptDownload
from facts.value import Unknown
from operations.apt.apt_command import NO_RECOMMENDS
from operations.operation import downloads, planner, will_write

#: What apt says now comes from no lists, or from those of other sources.
LISTS_UNREAD: Final = Unknown("the package lists were not read yet")


def will_fetch(arguments: Sequence[str]) -> None:
    """Say how many bytes the `apt-get install` that follows fetches.

    Args:
        arguments: its flags and packages.
    """
    plan = planner()
    if plan is None or plan.registers:  # nobody looks at what is about to be executed
        return
    if will_write(APT_LISTS):
        downloads(LISTS_UNREAD)
        return
    for word in arguments:
        if will_write(word):
            downloads(Unknown(f"{word} is not on the host yet"))
            return
    words = shlex.join((NO_RECOMMENDS, *arguments))
    count: int | Unknown = host.get_fact(AptDownload, words=words)
    downloads(count)
