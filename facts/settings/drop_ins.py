"""What other files say about the settings that this product writes, for every such program.

Must not know which values are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, script
from facts.settings.effective import SettingFiles, collect
from facts.settings.programs import PROGRAMS
from facts.shelltext import shell_text

_SCRIPT: Final = shell_text(__file__)

#: Lines that may say something in one of the syntaxes. A line with an `@` is left on the host: it
#: may hold the login of a proxy, and none of the settings needs one.
_SAYING: Final = r"^[[:space:]]*([^#/@[:space:]]|/[^/@]|#clear|#include)[^@]*$"


class DropIns(HostFact[Mapping[str, SettingFiles]]):
    """Files of settings by program; only the keys that this product writes are kept."""

    domain = "drop_ins"

    @override
    def script(self, probe_root: str = "") -> str:
        mains = [path for row in PROGRAMS.values() for path in (*row.mains, *row.above)]
        folders = [folder for program in PROGRAMS.values() for folder in program.folders]
        return script(_SCRIPT, saying=_SAYING, mains=" ".join(mains), folders=" ".join(folders))

    @override
    def parse(self, text: str) -> Mapping[str, SettingFiles]:
        files = Parts(text).files("settings")
        return {
            name: collect(program, files.lines, files.denied) for name, program in PROGRAMS.items()
        }
