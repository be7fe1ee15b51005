"""What serves is said once, on the host, and only what runs counts."""

from __future__ import annotations

import pytest

from declaration.host import SERVING_UNITS
from gates.serving import is_serving, serving
from tests.unit.base_facts import running, units


@pytest.mark.parametrize(
    ("unit", "serves"),
    [
        ("b70-slot-a.service", True),
        ("b70fleet-serve@1.service", True),
        ("vllm.service", True),
        ("llama-server.service", True),
        ("ssh.service", False),
        ("vllm.socket", False),
    ],
)
def test_the_usual_names_are_known(unit: str, serves: bool) -> None:
    assert is_serving(unit, SERVING_UNITS) is serves


def test_a_unit_that_is_down_does_not_serve_and_a_host_may_name_its_own() -> None:
    state = units(vllm=running(), llama=running(active="inactive"), mine=running())
    assert serving(state, SERVING_UNITS) == ["vllm.service"]
    assert serving(state, ("mine.service",)) == ["mine.service"]
