"""The kernel's PCIe power-saving policy. Read only: writing it at runtime has destroyed devices."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.value import Absent, Unknown

_SCRIPT: Final = 'val policy "$root/sys/module/pcie_aspm/parameters/policy"\n'
_CURRENT: Final = re.compile(r"\[(\w+)\]")


class AspmPolicy(HostFact[str | Absent | Unknown]):
    """`default`, `performance`, `powersave` or `powersupersave`; ABSENT without ASPM support."""

    domain: ClassVar[str] = "aspm"
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root)

    @override
    def parse(self, text: str) -> str | Absent | Unknown:
        return convert(Parts(text).reading("policy"), _current)


def _current(line: str) -> str:
    match = _CURRENT.search(line)
    if match is None:
        raise ParseError("no policy is marked")
    return match[1]
