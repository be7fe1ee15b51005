"""Readings as a test writes them down: by the domains of their facts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from facts.base import HostFact
from facts.packages.apt_policy import AptPolicy
from facts.readings import Readings
from facts.registry import all_facts


@cache
def _facts() -> dict[str, type[HostFact[Any]]]:
    return {**all_facts(), AptPolicy.domain: AptPolicy}


def given(values: Mapping[str, object]) -> Readings:
    """Return readings; a domain that no fact has is an error of the test."""
    return Readings({_facts()[domain]: value for domain, value in values.items()})
