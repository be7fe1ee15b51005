"""Cards and bridges that may fall asleep are kept awake, live. Writing `on` wakes and harms none.

What keeps them so at the next boot is a udev rule. `auto` is never written here.
"""

from __future__ import annotations

from typing import Final

from pyinfra import host

from facts.pci.runtime_pm import RuntimePm
from facts.reader import read
from facts.shelltext import shell_text
from operations.operation import Commands, differs, operation
from operations.require import require
from operations.script import Script

_ON: Final = shell_text(__file__)


@operation()
def kept_awake() -> Commands:
    """Write `on` to power/control of each B70 and of the bridges above it, where it says `auto`."""
    functions = require(read(RuntimePm), "power control of the cards")
    asleep = list(dict.fromkeys(f.bdf for f in functions if f.control == "auto"))
    if not asleep:
        cards = sum(function.is_card for function in functions)
        host.noop(f"{cards} cards and the bridges above them are on")
        return
    for bdf in asleep:
        differs(f"power control of {bdf}", "on", "auto")
    yield Script(_ON, "b70-awake", *asleep, shown=("echo on >power/control of", *asleep))
