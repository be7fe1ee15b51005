"""The profiles that ship: none asks for what the product's own gates refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from facts.readings import Readings
from fleet.config import load
from gates.engine import decide
from gates.model import Verdict
from gates.rows import load as load_rows
from gates.world import build
from tests.places import ROOT

ROOM = ROOT / "group_data" / "profiles"
PROFILES = sorted(path.stem for path in ROOM.glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_no_gate_refuses_a_shipped_profile_for_what_it_declares(name: str, tmp_path: Path) -> None:
    needs = yaml.safe_load((ROOM / f"{name}.yaml").read_text())["profile"]["needs"]
    cards = [{"slot": str(n), "bdf": f"0000:{n:02x}:00.0"} for n in range(1, needs["cards"] + 1)]
    host = {"address": "192.0.2.1", "profile": name, "hardware": {"cards": cards}}
    (tmp_path / "hosts.yaml").write_text(yaml.safe_dump({"hosts": {"rig-a": host}}))
    world = build(load(tmp_path, {}).hosts["rig-a"], Readings())
    # nothing was read on a host: whatever fails, fails for the declaration alone
    refused = [d.id for d in decide(load_rows(), world) if d.verdict is Verdict.FAIL]
    assert refused == []
