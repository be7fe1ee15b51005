"""What a boot set needed whose removal was cut off: its manifest is gone, this is left of it."""

from __future__ import annotations

from typing import ClassVar, Final

from typing_extensions import override

from declaration.onhost import BOOT_SETS
from facts.base import HostFact, wrap
from facts.shelltext import shell_variables

#: What the manifest of a set that is being removed is called until its folder goes: with this name
#: it makes no menu entry.
PRUNED: Final = ".pruned"


class PrunedPackages(HostFact[tuple[str, ...]]):
    """Packages of a boot set that is being removed; none when it is not."""

    on_demand: ClassVar[bool] = True
    takes_arguments: ClassVar[bool] = True

    @override
    def command(self, set_id: str, probe_root: str = "") -> str:  # type: ignore[override]
        body = (
            f"{shell_variables(file=f'{BOOT_SETS}/{set_id}/{PRUNED}')}"
            'if [ -e "$file" ]; then while read -r k p _; do\n'
            '  if [ "$k" = package ]; then printf "%s\\n" "$p"; fi\n'
            'done <"$file"; fi'
        )
        return wrap(body, self.timeout_s)

    @override
    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(line for line in text.split("\n") if line)
