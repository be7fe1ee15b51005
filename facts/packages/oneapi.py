"""oneAPI compilers on the host, and shell start files that would choose one for everybody.

`setvars.sh` picks the newest compiler; an extension that was built for another one crashes on
import (docs/evidence.md#oneapi-selection). Must not know which compilers are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Line, Parts, script
from facts.shelltext import shell_text

#: Files that every login or service of this host reads; people's dot files are their own affair.
START_FILES: Final = (
    "/etc/profile",
    "/etc/profile.d/*",
    "/etc/bash.bashrc",
    "/etc/environment",
    "/etc/zsh/*",
    "/etc/skel/.*rc",
    "/root/.bashrc",
    "/root/.profile",
    "/var/lib/b70/.bashrc",
    "/var/lib/b70/.profile",
)
COMPILERS: Final = "/opt/intel/oneapi/compiler"

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class OneApi:
    """oneAPI as it stands on the host.

    Args:
        compilers: versions that have env/vars.sh (the `latest` link is not one).
        setvars: lines of shell start files that source setvars.sh.
        denied: start files that may not be read.
    """

    compilers: tuple[str, ...]
    setvars: tuple[Line, ...]
    denied: tuple[str, ...]


class OneApiState(HostFact[OneApi]):
    """oneAPI compilers and who sources setvars.sh."""

    domain: ClassVar[str] = "oneapi"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, compilers=COMPILERS, files=" ".join(START_FILES))

    @override
    def parse(self, text: str) -> OneApi:
        parts = Parts(text)
        files = parts.files("setvars")
        return OneApi(tuple(parts.lines("compilers")), files.lines, files.denied)
