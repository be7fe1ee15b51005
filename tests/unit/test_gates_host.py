"""Deploys under stock pyinfra meet the gates through the facts of their own host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facts.apt_policy import AptPolicy
from facts.value import Unknown
from gates.host import decisions, readings
from gates.model import Verdict
from gates.needed import FACTS
from tests.unit.gate_rig import good, rig
from tests.unit.gate_rig import readings as facts_of
from tests.unit.pyinfra_harness import stub_host


def given(tmp_path: Path) -> dict[Any, Any]:
    values = facts_of(good(tmp_path, 1))
    facts: dict[Any, Any] = {fact: values.get(fact.domain, Unknown("not given")) for fact in FACTS}
    return facts | {AptPolicy: values["apt_policy"]}


def test_a_deploy_gets_the_decisions_of_its_host_by_id(tmp_path: Path) -> None:
    with stub_host(given(tmp_path), {"spec": rig(1), "probe_root": ""}):
        made = decisions()
    assert made["power-control"].verdict is Verdict.PASS
    assert made["loader-shim"].choice == "shim"


def test_the_same_facts_are_read_whatever_they_say(tmp_path: Path) -> None:
    with stub_host(given(tmp_path), {"spec": rig(1), "probe_root": ""}) as stub:
        readings()
        first = list(stub.reads)
    blind = {fact: Unknown("lost") for fact in (*FACTS, AptPolicy)}
    with stub_host(blind, {"spec": rig(1), "probe_root": ""}) as stub:
        made = decisions()
        assert stub.reads == first
    assert made["loader-shim"].verdict is Verdict.UNKNOWN
