"""A serving profile: what it needs from a host, and the values that gates may lower.

Part of it is only used by the serving layers; the needs are checked when the inventory is read.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from declaration.base import Declared


class Needs(Declared):
    """What a host must have for this profile."""

    cards: int = Field(default=1, ge=0, le=8)
    #: tensor parallel size; 1 = independent replicas
    tensor_parallel: int = Field(default=1, ge=1, le=8)
    #: PCIe x lanes at the slot
    min_width: int = Field(default=1, ge=1, le=16)
    min_memory_gib: int = Field(default=0, ge=0)


class Profile(Declared):
    """How one model is served."""

    name: str
    title: str = ""
    family: Literal["minimax", "gemma4", "quark", "qwen36-27b", "generic"] = "generic"
    needs: Needs = Needs()
    max_model_len: int = Field(default=24_576, ge=1)
    max_num_seqs: int = Field(default=1, ge=1)
    max_num_batched_tokens: int = Field(default=512, ge=1)
    gpu_memory_utilization: float = Field(default=0.95, gt=0, le=1)
    compile_sizes: tuple[int, ...] = ()
    #: as the served model is quantised: int4, int8, fp8 ... (empty = not quantised)
    quantization: str = ""
    #: graph capture mode; empty = vLLM's own default
    graph_mode: Literal["", "off", "PIECEWISE", "FULL_DECODE_ONLY"] = ""
    #: tokens that speculative decoding proposes per step (MTP); 0 = off
    speculative_tokens: int = Field(default=0, ge=0)
    env: dict[str, str] = Field(default_factory=dict)
    #: byte-exact output is required at up to this many concurrent requests (0 = not required)
    exact_concurrency: int = Field(default=0, ge=0)
    container_memory_gib: float | None = None
    container_memory_swap_gib: float | None = None
    model_path: str = ""
