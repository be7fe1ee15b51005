"""Asks xpu-smi, the witness beside sysfs, what it knows of every card.

On demand only, as root, while nothing serves: it starts the GPU stack, wakes idle cards (45 -> 88
W, repository nacolias/intel-arc-llm-tuning) and has stalled a running vLLM
(steveseguin/llm-optimizations, notes/2026-05-10-minimax-xpusmi-live-trace.md). Never part of an
audit, never polled. What its words are worth is in witness.
"""

from __future__ import annotations

from typing import ClassVar, Final

from typing_extensions import override

from facts.base import HostFact
from facts.pci.bounded import bounded
from facts.pci.xpu_smi_parse import XpuSmiReport, parse_report
from facts.shelltext import shell_text
from facts.value import Absent, Unknown

_PROBE: Final = shell_text(__file__)
#: Seconds for one command; it answers in about one second when the driver is well.
COMMAND_LIMIT_S: Final = 10


class XpuSmi(HostFact[XpuSmiReport | Absent | Unknown]):
    """What xpu-smi reports; ABSENT when it is not installed."""

    domain: ClassVar[str] = "xpu_smi"
    timeout_s: ClassVar[int] = 120
    on_demand: ClassVar[bool] = True
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return bounded(_PROBE, probe_root=probe_root, limit=COMMAND_LIMIT_S)

    @override
    def parse(self, text: str) -> XpuSmiReport | Absent | Unknown:
        return parse_report(text)
