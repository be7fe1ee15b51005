"""A fleet without its vendors' keys hears so before anything is planned, with the commands."""

from __future__ import annotations

from declaration.apt import AptSource
from declaration.host import HostSpec
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from fleet.preflight.apt_keys import MISSING_KEY
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
    return [each for each in inspect(spec, given(HEALTHY)) if each.id == MISSING_KEY]


def test_every_missing_key_is_named_at_once_with_commands_to_paste() -> None:
    (found,) = findings(
        a=source(file="keys/a.asc", url="https://x.example/?a&b"),
        b=source(file="keys/b.asc", url="https://x.example/b"),
        c=source(armored="a key", file="keys/c.asc"),
    )
    assert (found.severity, found.inhibits) == (Severity.CRITICAL, True)
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
