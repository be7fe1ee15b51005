"""A declared card that is not there is named by the doctor, and so is one that nobody declared."""

from __future__ import annotations

from pathlib import Path

from declaration.host import HostSpec
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from tests.given import given
from tests.unit.boot_facts import running
from tests.unit.gates import gate_rig
from tests.unit.gpu_tree import Spec

THERE, GONE = "0000:03:00.0", "0000:c3:00.0"


def found(root: Path, *slots: dict[str, str], tokens: tuple[str, ...] = ()) -> list[Finding]:
    """Return what is said of a rig with one card at THERE."""
    spec = HostSpec.model_validate(
        {
            "name": "rig-a",
            "connection": {"address": "192.0.2.1"},
            "hardware": {"cards": list(slots)},
        }
    )
    cards = gate_rig.cards_of(root, Spec())
    readings = {"gpu_link": cards, "kernel": running(tokens=tokens), "aspm": "default"}
    return [each for each in inspect(spec, given(readings)) if each.id == "card-missing"]


def test_a_declared_card_that_is_not_on_the_bus_is_critical(tmp_path: Path) -> None:
    (missing,) = found(tmp_path, {"slot": "1", "bdf": THERE}, {"slot": "2", "bdf": GONE})
    assert missing.severity is Severity.CRITICAL
    assert missing.text == f"slot 2 ({GONE}): {GONE} is declared but not on the PCI bus"
    assert (missing.remedy or "").startswith("power off, reseat the card")


def test_a_card_that_may_have_been_switched_off_is_not_reseated_first(tmp_path: Path) -> None:
    slots = {"slot": "1", "bdf": THERE}, {"slot": "2", "bdf": GONE}
    (missing,) = found(tmp_path, *slots, tokens=("pcie_aspm.policy=powersupersave",))
    assert "pcie_aspm.policy=powersupersave" in (missing.remedy or "")
    assert "reseat" not in (missing.remedy or "")


def test_a_card_that_nobody_declared_is_told(tmp_path: Path) -> None:
    said = found(tmp_path, {"slot": "2", "bdf": GONE})
    assert {each.severity for each in said} == {Severity.CRITICAL, Severity.WARNING}
    (extra,) = (each for each in said if each.severity is Severity.WARNING)
    assert THERE in extra.text
    assert "hardware.cards" in (extra.remedy or "")


def test_cards_as_declared_and_a_host_without_any_are_silent(tmp_path: Path) -> None:
    assert found(tmp_path / "a", {"slot": "1", "bdf": THERE}) == []
    assert found(tmp_path / "b") == []
