"""Where a word of the kernel's command line comes from. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from facts.boot.loader import Boot
from facts.value import known
from fleet.preflight.model import Context


def places(context: Context, words: Sequence[str]) -> str:
    """Return where GRUB's settings have these words, as an addition to a next step."""
    boot = known(context.given[Boot])
    if boot is None:
        return ""
    found = [
        f"{word} stands in {line.path}:{line.number}"
        for word in words
        for line in boot.lines
        if re.search(rf"(?<![^\s\"'=]){re.escape(word)}(?![^\s\"'])", line.text)
    ]
    return f" ({'; '.join(found)})" if found else ""
