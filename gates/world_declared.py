"""The declared part of the world: inventory, stack and profile. Pure; knows no facts."""

from __future__ import annotations

from typing import Final

from declaration.host import HostSpec
from declaration.profile import Profile
from declaration.stack import Stack
from facts.value import ABSENT, Reading
from gates.vocabulary import TermValue

#: Environment variables that pin threads to processors (OpenMP's and the collective library's own).
_PINNING: Final = (
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "VLLM_CPU_OMP_THREADS_BIND",
)


def declared(spec: HostSpec) -> dict[str, Reading[TermValue]]:
    """Return the declared names of a host."""
    found: dict[str, Reading[TermValue]] = {
        "host.name": spec.name,
        "declared.cards": len(spec.hardware.cards),
    }
    if spec.stack is not None:
        found |= _stack(spec.stack)
    if spec.profile is not None:
        found |= _profile(spec.profile)
    return found


def _stack(stack: Stack) -> dict[str, Reading[TermValue]]:
    return {
        "stack.kernels": stack.kernels or ABSENT,
        "stack.device_name": stack.device_name or ABSENT,
        "stack.loader_owner": stack.loader.owner if stack.loader else ABSENT,
        "stack.loader_version": stack.loader.version if stack.loader else ABSENT,
    }


def _profile(profile: Profile) -> dict[str, Reading[TermValue]]:
    memory, swap = profile.container_memory_gib, profile.container_memory_swap_gib
    return {
        **{f"profile.env.{name}": value for name, value in profile.env.items()},
        "profile.family": profile.family,
        "profile.cards": profile.needs.cards,
        "profile.tensor_parallel": profile.needs.tensor_parallel,
        "profile.max_model_len": profile.max_model_len,
        "profile.max_num_seqs": profile.max_num_seqs,
        "profile.max_num_batched_tokens": profile.max_num_batched_tokens,
        "profile.gpu_memory_utilization": profile.gpu_memory_utilization,
        "profile.compile_sizes": tuple(str(size) for size in profile.compile_sizes),
        "profile.exact_concurrency": profile.exact_concurrency,
        "profile.speculative_tokens": profile.speculative_tokens,
        "profile.quantization": profile.quantization or ABSENT,
        "profile.container_memory_gib": ABSENT if memory is None else memory,
        "profile.container_memory_swap_gib": ABSENT if swap is None else swap,
        "profile.empty_env": tuple(sorted(n for n, value in profile.env.items() if not value)),
        "profile.cpu_pinning": tuple(name for name in _PINNING if name in profile.env),
    }
