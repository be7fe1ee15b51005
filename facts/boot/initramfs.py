"""What the newest initial RAM disk carries of the GPU driver, its firmware and our own hooks.

On demand: unpacking an image takes seconds. Must not know what it should carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, convert, script
from facts.shelltext import shell_text
from facts.value import Reading

#: Files worth naming: the xe module, its firmware, module options and what this product put there.
_WORTH: Final = r"/xe\.ko|firmware/(updates/)?xe/|etc/modprobe\.d/|b70fleet"

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class InitramfsContents:
    """The newest initial RAM disk.

    Args:
        image: its path.
        files: the paths inside that concern the GPU or this product.
        count: number of all paths inside; a handful means a broken image.
    """

    image: Reading[str]
    files: Reading[tuple[str, ...]]
    count: Reading[int]


class Initramfs(HostFact[InitramfsContents]):
    """Contents of the newest initrd in /boot."""

    domain = "initramfs"
    timeout_s = 60
    on_demand = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, worth=_WORTH)

    @override
    def parse(self, text: str) -> InitramfsContents:
        parts = Parts(text)
        return InitramfsContents(
            image=parts.reading("image"),
            files=convert(parts.reading("files"), lambda names: tuple(names.split())),
            count=convert(parts.reading("count"), int),
        )
