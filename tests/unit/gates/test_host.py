"""Deploys under stock pyinfra meet the gates through the facts of their own host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facts.packages.apt_policy import AptPolicy
from facts.value import Unknown
from gates.host import decision, readings
from gates.model import Verdict
from gates.needed import FACTS
from tests.unit.gates.gate_rig import good, rig
from tests.unit.gates.gate_rig import readings as facts_of
from tests.unit.pyinfra_harness import stub_host


def given(tmp_path: Path) -> dict[Any, Any]:
    values = facts_of(good(tmp_path, 1))
    facts: dict[Any, Any] = {fact: values.get(fact.domain, Unknown("not given")) for fact in FACTS}
    return facts | {AptPolicy: values["apt_policy"]}


def test_a_deploy_gets_a_decision_of_its_host_by_id(tmp_path: Path) -> None:
    with stub_host(given(tmp_path), {"spec": rig(1), "probe_root": ""}):
        power, loader = decision("power-control"), decision("loader-shim")
        assert decision("no-such-gate") is None
    assert power is not None
    assert power.verdict is Verdict.PASS
    assert loader is not None
    assert loader.choice == "shim"


def test_the_same_facts_are_read_whatever_they_say(tmp_path: Path) -> None:
    with stub_host(given(tmp_path), {"spec": rig(1), "probe_root": ""}) as stub:
        readings()
        first = list(stub.reads)
    blind = {fact: Unknown("lost") for fact in (*FACTS, AptPolicy)}
    with stub_host(blind, {"spec": rig(1), "probe_root": ""}) as stub:
        loader = decision("loader-shim")
        assert stub.reads == first
    assert loader is not None
    assert loader.verdict is Verdict.UNKNOWN
