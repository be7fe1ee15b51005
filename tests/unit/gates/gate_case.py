"""What the three worlds of a gate's test are, and the values that many of them share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One row's three worlds, with the verdicts, choices and bans that they must give."""

    holds: dict[str, Any]
    fails: dict[str, Any]
    lost: tuple[str, ...]
    verdicts: tuple[str, str]
    choices: tuple[str | None, str | None, str | None] = (None, None, None)
    given: dict[str, Any] = field(default_factory=dict)
    #: words that the reason of the failing world must contain
    says: tuple[str, ...] = ()
    #: actions that must be forbidden in the failing and in the UNKNOWN world
    forbids: tuple[str, ...] = ()


GEMMA = {"profile.family": "gemma4", "profile.max_num_batched_tokens": 4096}
QUARK = {"profile.family": "quark", "profile.max_num_batched_tokens": 8192}
FP8 = {"profile.quantization": "fp8", "profile.tensor_parallel": 2, "profile.family": "generic"}
REPLICAS = {"profile.tensor_parallel": 1}
BOX = {"profile.container_memory_gib": 12.0, "profile.container_memory_swap_gib": 12.0}
DEGRADED = {
    "card.link_state": "degraded",
    "card.link": "16.0 GT/s x8",
    "card.link_possible": "32.0 GT/s x16",
    "card.link_gts": 16.0,
    "card.link_width": 8,
    "cards.mixed_links": True,
}
GEN4 = {"cards:card.link_gts": 16.0, "cards:card.link": "16.0 GT/s x16"}
TUNED = "E=256,N=384,device_name={},dtype=int4_w4a16.json"
B70 = TUNED.format("Intel(R)_Arc(TM)_Pro_B70_Graphics")
