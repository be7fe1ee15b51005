"""Every rig that the lab can show, through `b70 gates` over SSH: what its gates say and choose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine
from lab.rigshape import RigShape
from tests.ssh.conftest import Site

pytestmark = pytest.mark.ssh

FOUR_CARDS = "minimax-m27-c1"
TWO_CARDS = "gemma4-26b-two-b70"
#: Links at 16 GT/s x16 everywhere: nothing is wrong, other figures are to be expected.
GEN4 = {"expect-gen5": "PASS", "expect-gen4": "PASS 13.8"}
#: What cannot be told without one of the four slot links.
NO_LINK = {
    "link-judgeable": "FAIL",
    "function-link": "UNKNOWN",
    "narrow-slot": "UNKNOWN 1",
    "expect-gen5": "UNKNOWN",
    "expect-gen4": "UNKNOWN",
    "gen3-tp": "UNKNOWN",
    "p2p-links": "UNKNOWN 0",
}
#: What cannot be told without the VRAM of one card.
NO_VRAM = {
    "context-32768": "UNKNOWN 24576",
    "vram-free": "UNKNOWN",
    "host-copies": "UNKNOWN 1",
    "host-copies-off": "UNKNOWN 0",
}
#: What a card closes whose driver failed, as the kernel log says.
NOT_DRIVEN = {"card-driven": "FAIL", "card-faults": "FAIL", "guc-version": "UNKNOWN"}
#: What one card with another link than its neighbours closes.
ONE_SLOWER = {
    "link-trained": "FAIL",
    "link-uplink": "FAIL 1",
    "p2p-links": "WARN 0",
    "odd-card": "FAIL 1",
}
SHARED_ROOT = {"p2p-separate-roots": "", "p2p-same-root": "WARN 0"}

#: Rig -> gates that answer differently than on the healthy rig: verdict and chosen value.
DIFFERENT: Mapping[str, Mapping[str, str]] = {
    "gen4-x16": GEN4,
    "degraded-x8": {
        **ONE_SLOWER,
        "tp4-slots": "FAIL 1",
        "narrow-slot": "FAIL 1",
        "expect-gen5": "PASS",
    },
    "downgraded": {**ONE_SLOWER, **GEN4, "downgrade-switch": "WARN"},
    "missing-endpoint": {
        **NO_LINK,
        **NO_VRAM,
        "cards-present": "FAIL",
        "card-count": "FAIL 1",
        "tp4-slots": "FAIL 1",
        "card-driven": "UNKNOWN",
        "card-faults": "UNKNOWN",
        "card-wedged": "UNKNOWN",
        "link-uplink": "UNKNOWN 1",
        "downgrade-switch": "UNKNOWN",
        "bar-whole": "UNKNOWN 1",
        "power-control": "UNKNOWN",
        "runtime-status": "UNKNOWN",
        "guc-version": "UNKNOWN",
    },
    "suspended": {
        **NO_LINK,
        **NO_VRAM,
        "power-control": "FAIL",
        "link-uplink": "UNKNOWN 1",
        "downgrade-switch": "UNKNOWN",
        "bar-whole": "UNKNOWN 1",
        "tp4-slots": "UNKNOWN 1",
        "odd-card": "UNKNOWN 1",
    },
    "survivability": {**NO_VRAM, **NOT_DRIVEN, "link-judgeable": "FAIL"},
    "small-bar": {"bar-whole": "FAIL 1"},
    "dead-card": {**NO_LINK, **NOT_DRIVEN, "tp4-slots": "UNKNOWN 1", "odd-card": "UNKNOWN 1"},
    "switch-gen1": {**GEN4, **SHARED_ROOT, "link-uplink": "FAIL 1"},
    "switch-gen4": {**GEN4, **SHARED_ROOT},
    "b70-console": {"context-32768": "WARN 24576"},
    "old-guc": {"guc-version": "WARN"},
}


@dataclass(frozen=True)
class Answer:
    """What `b70 gates` said: exit status, and "VERDICT choice" by gate."""

    status: int
    gates: dict[str, str]
    simulated: bool


def ask(lab: Lab, site: Site, machine: Machine, shape: RigShape, profile: str) -> Answer:
    """Show another rig, declare what it has, and ask for its gates."""
    machine.set_shape(shape)
    lab.inventory(site.folder, [machine.name])
    path = site.folder / "hosts.yaml"
    values = yaml.safe_load(path.read_text())
    values["hosts"][machine.name]["profile"] = profile
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    done = site.b70("gates", machine.name, "--json")
    assert done.out, done.err
    gates = json.loads(done.out)["gates"]
    return Answer(
        done.status,
        {gate["id"]: f"{gate['verdict']} {gate['gate']['value'] or ''}".strip() for gate in gates},
        any(gate["simulated"] for gate in gates),
    )


@pytest.fixture(scope="module")
def healthy(lab: Lab, site: Site, machine: Machine) -> Answer:
    return ask(lab, site, machine, shapes.HEALTHY_GEN5, FOUR_CARDS)


@pytest.fixture
def unprivileged(site: Site, machine: Machine) -> Iterator[Site]:
    """Return the site while sudo refuses its user."""
    machine.set_shape(shapes.DEGRADED_X8)
    machine.run("mv /etc/sudoers.d/rig /root/rig-rule")
    yield site
    machine.run("mv /root/rig-rule /etc/sudoers.d/rig")


def test_every_rig_of_the_lab_has_its_answers_written_down() -> None:
    assert set(shapes.ALL) == {*DIFFERENT, "gen5-x16", "two-cards"}


def test_nothing_stops_a_healthy_rig_and_its_verdicts_are_marked_as_simulated(
    healthy: Answer,
) -> None:
    assert not [gate for gate, said in healthy.gates.items() if said.startswith("FAIL")]
    chosen = {"context-32768": "PASS 32768", "p2p-links": "PASS 1", "expect-gen5": "PASS 27.9"}
    assert chosen.items() <= healthy.gates.items()
    assert healthy.simulated


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_gates_of_a_rig_say_what_is_wrong_with_it_and_nothing_else(
    lab: Lab, site: Site, machine: Machine, healthy: Answer, name: str
) -> None:
    found = ask(lab, site, machine, shapes.by_name(name), FOUR_CARDS)
    gates = sorted({*found.gates, *healthy.gates})
    moved = {
        gate: found.gates.get(gate, "")
        for gate in gates
        if found.gates.get(gate) != healthy.gates.get(gate)
    }
    assert moved == DIFFERENT[name]


def test_a_rig_with_two_cards_passes_with_a_profile_for_two(
    lab: Lab, site: Site, machine: Machine
) -> None:
    found = ask(lab, site, machine, shapes.TWO_CARDS, TWO_CARDS)
    assert not [gate for gate, said in found.gates.items() if said.startswith("FAIL")]
    assert found.gates["cards-present"] == "PASS"
    assert found.gates["card-count"] == "PASS"


def test_a_blocking_gate_that_fails_is_the_exit_status(
    lab: Lab, site: Site, machine: Machine
) -> None:
    """Without a profile nothing needs xpu-smi, so no blocking gate is UNKNOWN beside it."""
    machine.set_shape(shapes.SURVIVABILITY)
    lab.inventory(site.folder, [machine.name])
    assert site.b70("gates", machine.name).status == ExitCode.REFUSED


def test_links_are_read_by_the_ordinary_user_and_what_needs_root_is_unknown(
    unprivileged: Site, machine: Machine
) -> None:
    done = unprivileged.b70("facts", machine.name, "gpu_link", "--json")
    assert done.status == ExitCode.CLEAN, done.err
    cards = json.loads(done.out)["facts"]["gpu_link"]
    assert [card["hops"][-1]["current"] for card in cards] == [
        {"gen": 5, "width": 16},
        {"gen": 5, "width": 8},
        {"gen": 5, "width": 16},
        {"gen": 5, "width": 16},
    ]
    assert all("needs root" in json.dumps(card["downgrade_status"]) for card in cards)


def test_a_doctor_without_sudo_still_says_what_stands_in_the_way(
    unprivileged: Site, machine: Machine
) -> None:
    done = unprivileged.b70("doctor", machine.name)
    assert done.status == ExitCode.REFUSED
    assert "sudo is refused for rig" in done.out
