"""Declared profile + decisions -> the values that are really used, each with its reason. Pure.

Gates lower, replace or remove; they never loosen what a profile declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from declaration.profile import Profile
from gates.keys import UNSET, Key, effects
from gates.model import Decision
from gates.resolve import Choice, choices


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a profile.

    Attributes:
        kind: `profile` (a field), `env` (an environment variable) or `other`.
        declared: as text; None = not declared.
        effective: as text; None = not set.
        by: ids of the gates that decided it; empty when the declared value stands.
        conflict: gates want different values; nothing may be started before a person decided.
    """

    name: str
    kind: str
    declared: str | None
    effective: str | None
    by: tuple[str, ...] = ()
    reason: str = ""
    conflict: bool = False

    @property
    def is_changed(self) -> bool:
        """Return True if gates changed what the profile declares."""
        return self.declared != self.effective


def effective(
    profile: Profile, decisions: Iterable[Decision], keys: Mapping[str, Key] | None = None
) -> tuple[Setting, ...]:
    """Return every setting that the profile declares or a gate chose, by kind and name."""
    targets = effects().keys if keys is None else keys
    chosen = choices(decisions, targets)
    fields = _fields(profile)
    found: list[Setting] = []
    for name in sorted({*fields, *profile.env, *chosen}):
        key, choice = targets.get(name), chosen.get(name)
        kind = "env" if name in profile.env else key.setting if key else "profile"
        declared = fields[name] if name in fields else profile.env.get(name)
        if key is None or choice is None:
            found.append(Setting(name, kind, declared, declared))
        else:
            found.append(_decided(name, kind, declared, key, choice))
    return tuple(sorted(found, key=lambda setting: (setting.kind, setting.name)))


def environment(profile: Profile, decisions: Iterable[Decision]) -> dict[str, str]:
    """Return the served model's environment; a variable has a value or is left out, never empty."""
    return {
        setting.name: setting.effective
        for setting in effective(profile, decisions)
        if setting.kind == "env" and setting.effective
    }


def _decided(name: str, kind: str, declared: str | None, key: Key, choice: Choice) -> Setting:
    if choice.value is None:
        return Setting(name, kind, declared, None, choice.by, choice.reason, conflict=True)
    value: str | None = _stricter(key, declared, choice.value)
    if value == declared:
        return Setting(name, kind, declared, declared)
    return Setting(
        name, kind, declared, None if value == UNSET else value, choice.by, choice.reason
    )


def _stricter(key: Key, declared: str | None, chosen: str) -> str:
    """Return the stricter of the declared and the chosen value; without an order the chosen one."""
    if declared is None or key.how == "value":
        return chosen
    if key.how == "level" and declared not in key.order:
        return chosen
    return key.strictest((declared, chosen)) or chosen


def _fields(profile: Profile) -> dict[str, str | None]:
    swap = profile.container_memory_swap_gib
    return {
        "max_model_len": str(profile.max_model_len),
        "max_num_seqs": str(profile.max_num_seqs),
        "max_num_batched_tokens": str(profile.max_num_batched_tokens),
        "gpu_memory_utilization": str(profile.gpu_memory_utilization),
        "tensor_parallel": str(profile.needs.tensor_parallel),
        "speculative_tokens": str(profile.speculative_tokens),
        "compile_sizes": " ".join(map(str, profile.compile_sizes)) or None,
        "graph_mode": profile.graph_mode or None,
        "container_memory_swap_gib": None if swap is None else str(swap),
    }
