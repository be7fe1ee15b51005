"""What one installed kernel brings for the cards: alias, xe module, initial RAM disk.

Asked for by release, running or not: a kernel is looked at before anybody boots it. Listing an
initial RAM disk takes about a second. Must not know what it should carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, wrap
from facts.boot.kernel import CARD_IDS
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

#: Paths inside worth naming: the xe module, GPU firmware, module options, what this product added.
_WORTH: Final = r"/xe\.ko|firmware/.*xe/|etc/modprobe\.d/|b70fleet"
#: What uname -r may print.
_RELEASE: Final = re.compile(r"^[0-9][A-Za-z0-9.+~_-]*$")

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class KernelContents:
    """What an installed kernel carries.

    Args:
        knows_b70: its module index has the alias of 8086:e223; absent without modules.
        modules: paths of its xe module, more than one when a rebuilt one shadows it.
        initrd: paths in its initial RAM disk that concern the cards; absent when there is none.
        initrd_count: number of all paths in there; a handful means a broken image.
    """

    knows_b70: Reading[bool]
    modules: Reading[tuple[str, ...]]
    initrd: Reading[tuple[str, ...]]
    initrd_count: Reading[int]


class KernelFiles(HostFact[KernelContents]):
    """Module index, xe module and initial RAM disk of one release."""

    timeout_s: ClassVar[int] = 60

    @override
    def command(self, release: str, probe_root: str = "") -> str:  # type: ignore[override]
        if not _RELEASE.match(release):
            raise ValueError(f"not a kernel release: {release!r}")
        aliases = f"pci:v00008086d0000({'|'.join(CARD_IDS)})"
        text = script(_SCRIPT, release=release, aliases=aliases, worth=_WORTH)
        return wrap(text, self.timeout_s)

    @override
    def parse(self, text: str) -> KernelContents:
        parts = Parts(text)
        return KernelContents(
            knows_b70=convert(parts.reading("alias"), bool),
            modules=convert(parts.reading("modules"), _lines),
            initrd=convert(parts.reading("files"), _lines),
            initrd_count=convert(parts.reading("count"), int),
        )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line)
