"""For each row of the gate tables: three worlds, and what the row must say in each."""

from __future__ import annotations

from tests.unit.gates.gate_case import DEGRADED, Case
from tests.unit.gates.gate_cases_cards import CARD_CASES
from tests.unit.gates.gate_cases_profile import PROFILE_CASES

__all__ = ["CASES", "DEGRADED", "Case"]

CASES: dict[str, Case] = CARD_CASES | PROFILE_CASES
