"""A fleet without its vendors' keys hears so before anything is planned, with the commands."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from declaration.apt import AptSource
from declaration.host import HostSpec
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from fleet.preflight.apt_keys import missing_keys
from fleet.run import refuse
from fleet.run.executor import OperationFailed
from fleet.run.hosterrors import Inhibited
from fleet.run.planner import PlannedOp
from fleet.run.visit import Visit
from tests.given import given
from tests.unit.fleet.preflight.test_preflight import HEALTHY, SPEC


def source(**key: str) -> AptSource:
    declared = {"fingerprint": "A" * 40, **key}
    return AptSource.model_validate(
        {"uris": ["https://x.example/y"], "suites": ["s"], "components": ["c"], "key": declared}
    )


def findings(**sources: AptSource) -> list[Finding]:
    apt = SPEC.apt.model_copy(update={"sources": sources})
    spec: HostSpec = SPEC.model_copy(update={"apt": apt})
    return [each for each in inspect(spec, given(HEALTHY)) if each.id == "apt-key-missing"]


def test_every_missing_key_is_named_at_once_with_commands_to_paste() -> None:
    (found,) = findings(
        a=source(file="keys/a.asc", url="https://x.example/?a&b"),
        b=source(file="keys/b.asc", url="https://x.example/b"),
        c=source(armored="a key", file="keys/c.asc"),
    )
    # what needs no package of theirs, such as swap for a build, goes on
    assert (found.severity, found.inhibits) == (Severity.CRITICAL, False)
    assert found.text == "the keys of apt sources a, b are missing"
    assert found.remedy == (
        "in the fleet's folder: curl -fsS --create-dirs -o keys/a.asc 'https://x.example/?a&b' && "
        "curl -fsS --create-dirs -o keys/b.asc https://x.example/b"
    )


def test_a_source_without_a_place_for_its_key_is_told_what_to_declare() -> None:
    (found,) = findings(a=source())
    assert found.text == "the key of apt source a is missing"
    assert (found.remedy or "").endswith("whoever runs https://x.example/y, declare key.file")


def test_a_fleet_with_its_keys_hears_nothing() -> None:
    assert findings(a=source(armored="a key")) == []


@pytest.mark.parametrize(("layer", "kind"), [("apt", Inhibited), ("storage", OperationFailed)])
def test_a_plan_that_a_missing_key_spoils_is_refused_with_what_gets_it(
    layer: str, kind: type[Exception]
) -> None:
    apt = SPEC.apt.model_copy(update={"sources": {"a": source(file="a.asc", url="https://x/a")}})
    spec = SPEC.model_copy(update={"apt": apt})
    visit = Mock(spec=Visit)
    visit.name, visit.spec = "rig-a", spec
    planned = Mock(spec=PlannedOp, layer=layer, error="no")
    with pytest.raises(kind) as raised:
        refuse.broken(visit, [planned])
    if kind is OperationFailed:
        assert raised.value.hint.startswith("b70 plan --limit rig-a ")  # type: ignore[attr-defined]
    assert ("curl -fsS" in getattr(raised.value, "hint", "")) is (kind is Inhibited)
    assert missing_keys(spec) is not None
