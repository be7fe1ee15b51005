"""Processor idle states: their names, and on how many processors each one is off.

Must not know which states are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.shelltext import shell_text

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class IdleState:
    """One idle state over all processors.

    Args:
        name: such as POLL, C1, C2.
        off: on how many processors it is disabled.
        processors: how many processors have it.
    """

    name: str
    off: int
    processors: int


class CpuIdle(HostFact[Mapping[int, IdleState]]):
    """Number of an idle state -> where it is off; empty in a machine without cpuidle."""

    domain = "cpuidle"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root)

    @override
    def parse(self, text: str) -> Mapping[int, IdleState]:
        names: dict[int, str] = {}
        switches: dict[int, list[int]] = {}
        for line in Parts(text).lines("states"):
            number, switch, *name = line.split(" ", 2)
            if not switch.isdecimal():
                raise ParseError(f"idle state {number}: disable says {switch!r}")
            names[int(number)] = name[0] if name else ""
            # bit 0 is the user's switch; drivers use other bits for their own quirks
            switches.setdefault(int(number), []).append(int(switch) & 1)
        return {
            number: IdleState(names[number], sum(found), len(found))
            for number, found in sorted(switches.items())
        }
