"""The menu that the next update would write: what the distribution's tool would make of it now.

On demand: it takes seconds, for the tool looks at every kernel and file system. It is written into
a private folder in memory, and removed. Where os-prober is on, nothing is tried: it mounts the file
systems of other systems. Must not know what is wanted.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.boot.loader import LONGEST_MENU, numbered_text
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

_SCRIPT: Final = shell_text(__file__)


class NextMenu(HostFact[Reading[str]]):
    """The text of grub.cfg after the next update; absent on a host without GRUB."""

    domain = "next_menu"
    timeout_s = 90
    on_demand = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, longest=str(LONGEST_MENU + 1))

    @override
    def parse(self, text: str) -> Reading[str]:
        return convert(Parts(text).reading("menu"), numbered_text)
