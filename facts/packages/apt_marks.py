"""Which packages came in only as a dependency: what `apt autoremove` may take away.

Must not know which packages are wanted.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, script

# a stanza per package: Package, Architecture, Auto-Installed; `apt-mark showauto` takes ten times
# longer, since it builds the whole cache first
_SCRIPT: Final = r"""
part automatic
if [ -e /var/lib/apt/extended_states ]; then
  awk '$1 == "Package:" { name = $2 }
       $1 == "Auto-Installed:" && $2 == 1 { print name }' /var/lib/apt/extended_states || exit 3
fi
"""


class AutomaticPackages(HostFact[frozenset[str]]):
    """Names of the packages that apt marked as installed automatically."""

    domain = "apt_marks"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> frozenset[str]:
        return frozenset(Parts(text).lines("automatic"))
