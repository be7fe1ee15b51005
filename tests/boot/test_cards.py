"""What a card can do on a live kernel: its link, its gates, the doctor; and nobody wakes a sleeper.

The gates' answers are those of tests/ssh/test_shapes.py: a simulated rig and a running kernel with
the same damage must be judged alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import yaml

from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import LinkState, judge, presence
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from fleet.run import order
from fleet.run.engine import Engine
from lab import shapes
from lab.errors import LabError
from lab.rigshape import RigShape
from lab.uml.machine import UmlMachine
from lab.vm.cards import Cards
from tests.boot.conftest import BOOTED, Bench
from tests.ssh.conftest import Site
from tests.ssh.test_shapes import DIFFERENT, FOUR_CARDS, NO_VRAM, ONE_SLOWER

#: Closed on these machines before anything happens: no xe.disable_display=1 was booted.
CLOSED = "context-32768"
#: Where the machine's rule for sudo lies, and where it is kept meanwhile.
RULE, ASIDE = "/etc/sudoers.d/rig", "/root/rig-rule"
#: States that only exist from power-on.
CRIPPLED = replace(
    shapes.HEALTHY_GEN5,
    name="crippled",
    cards=(
        shapes.HEALTHY_GEN5.cards[0],
        shapes.SURVIVABILITY.cards[1],
        replace(shapes.SMALL_BAR.cards[1], root_bus=0xA0),
        shapes.HEALTHY_GEN5.cards[3],
    ),
)
OK, DEGRADED, DEAD = LinkState.OK, LinkState.DEGRADED, LinkState.DEAD


@dataclass(frozen=True)
class Answer:
    """What one user learns: link states, addresses that are missing, "VERDICT choice" by gate."""

    states: list[LinkState]
    missing: tuple[str, ...]
    gates: dict[str, str]


def ask(site: Site, vm: UmlMachine) -> Answer:
    """Read the cards over SSH and what the gates decide."""
    fleet = load(site.folder, {})
    spec = fleet.hosts[vm.name]
    engine = Engine(fleet)
    (facts,) = engine.run([spec], order.read(only=["gpu_link"])).visits
    assert facts.error is None, facts.error
    cards = facts.readings[GpuLinks]
    assert isinstance(cards, tuple), cards
    (judged,) = engine.run([spec], order.judge()).visits
    assert judged.error is None, judged.error
    decided = judged.decisions()
    assert not any(gate.simulated for gate in decided)
    expected = [card.bdf for card in spec.hardware.cards]
    return Answer(
        [judge(card).state for card in cards],
        presence(cards, 4, expected).missing,
        {gate.id: f"{gate.verdict} {gate.choice or ''}".strip() for gate in decided},
    )


@contextmanager
def ordinary_user(site: Site, vm: UmlMachine) -> Iterator[None]:
    """Log in as the machine's user, whom sudo refuses."""
    path = site.folder / "hosts.yaml"
    before = path.read_text()
    values = yaml.safe_load(before)
    values["hosts"][vm.name]["user"] = vm.user
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    vm.run(f"mv {RULE} {ASIDE}")
    try:
        yield
    finally:
        vm.run(f"mv {ASIDE} {RULE}")
        path.write_text(before)


def simulated(name: str) -> dict[str, str]:
    """Return what the gates of a simulated rig say unlike those of a healthy one."""
    return {gate: said for gate, said in DIFFERENT[name].items() if gate != CLOSED}


def dead_silently() -> dict[str, str]:
    """Return the same of a card that dies without a word in the kernel's log."""
    told_by_the_log = ("card-faults", "guc-version")
    told = simulated("dead-card")
    return {gate: said for gate, said in told.items() if gate not in told_by_the_log}


def moved(found: Answer, healthy: Answer) -> dict[str, str]:
    """Return the gates that answer differently than on the healthy rig."""
    return {
        gate: found.gates.get(gate, "")
        for gate in sorted({*found.gates, *healthy.gates})
        if found.gates.get(gate) != healthy.gates.get(gate)
    }


@pytest.fixture(scope="module")
def declared(site: Site, bench: Bench) -> Site:
    """Return the site with a profile whose gates look at all four cards."""
    path = site.folder / "hosts.yaml"
    values = yaml.safe_load(path.read_text())
    values["hosts"][bench.machine.name]["profile"] = FOUR_CARDS
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return site


@pytest.fixture(scope="module")
def healthy(declared: Site, bench: Bench, request: pytest.FixtureRequest) -> Answer:
    with bench.lent(BOOTED, request.session) as machine:
        machine.cards.keep_awake()
        return ask(declared, machine)


def no_user_learns_more_than_root(as_root: Answer, as_user: Answer) -> None:
    """What root cannot tell the ordinary user cannot either; what only root can tell is UNKNOWN."""
    assert as_user.states == as_root.states
    assert as_user.missing == as_root.missing
    for gate, said in as_user.gates.items():
        assert said == as_root.gates[gate] or said.startswith("UNKNOWN"), gate


@dataclass(frozen=True)
class State:
    """A damage to the second card, and what must be said of it.

    Args:
        damage: what happens.
        link: state of its link, None when it is not on the bus.
        gates: what its gates say unlike those of a healthy rig.
        undo: what makes the card healthy again.
    """

    damage: Callable[[Cards], object]
    link: LinkState | None
    gates: Mapping[str, str]
    undo: Callable[[Cards], object]


#: What one card without a driver, or asleep, leaves untold.
UNTOLD = {gate: said for gate, said in NO_VRAM.items() if gate != CLOSED}
ASLEEP = {
    **UNTOLD,
    "power-control": "FAIL",
    "bar-whole": "UNKNOWN 1",
    "downgrade-switch": "UNKNOWN",
    "function-link": "UNKNOWN",
    "link-uplink": "UNKNOWN 1",
}
STATES = {
    "degraded-x8": State(
        lambda cards: cards.retrain(1, width=8),
        DEGRADED,
        simulated("degraded-x8"),
        lambda cards: cards.retrain(1, width=16),
    ),
    "gen1": State(
        lambda cards: cards.retrain(1, gen=1),
        DEGRADED,
        {**ONE_SLOWER, "narrow-slot": "FAIL 1", "expect-gen5": "PASS", "gen3-tp": "WARN"},
        lambda cards: cards.retrain(1, gen=5),
    ),
    "downgraded": State(
        lambda cards: cards.downgrade(1),
        DEGRADED,
        simulated("downgraded"),
        lambda cards: cards.downgrade(1, False),
    ),
    # its registers read all-ones: the kernel lists the resources that it had, no capability
    "dead-card": State(
        lambda cards: cards.dead(1),
        DEAD,
        {**dead_silently(), "bar-whole": "UNKNOWN 1"},
        lambda cards: cards.dead(1, False),
    ),
    "missing-endpoint": State(
        lambda cards: cards.unplug(1),
        None,
        simulated("missing-endpoint"),
        lambda cards: cards.replug(),
    ),
    "unbound": State(
        lambda cards: cards.unbind(1),
        OK,
        {**UNTOLD, "card-driven": "FAIL"},
        lambda cards: cards.bind(1),
    ),
    # what only a waking read could tell stays untold
    "asleep": State(lambda cards: cards.suspend(1), OK, ASLEEP, lambda cards: cards.keep_awake()),
    # a link that looks degraded while its card sleeps is not judged, and opens nothing either
    "degraded-x8-asleep": State(
        lambda cards: (cards.retrain(1, width=8), cards.suspend(1)),
        LinkState.SUSPENDED,
        simulated("suspended"),
        lambda cards: (cards.keep_awake(), cards.retrain(1, width=16)),
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_what_happens_to_one_card_is_seen_and_judged_as_on_a_simulated_rig(
    declared: Site, borrowed: UmlMachine, healthy: Answer, name: str
) -> None:
    state, vm = STATES[name], borrowed
    vm.cards.keep_awake()
    state.damage(vm.cards)
    found = ask(declared, vm)
    others = [LinkState.OK] * 2
    assert found.states == [OK, *([state.link] if state.link else []), *others]
    assert found.missing == (() if state.link else (vm.cards.bdf(1),))
    assert moved(found, healthy) == state.gates
    with ordinary_user(declared, vm):
        no_user_learns_more_than_root(found, ask(declared, vm))
    if state.link and "asleep" in name:
        assert vm.cards.wakes(1) == 0, "somebody woke it"
        assert vm.cards.runtime_status(1) == "suspended"
    state.undo(vm.cards)


def findings(site: Site, vm: UmlMachine) -> list[dict[str, str]]:
    """Return what `b70 doctor` finds."""
    done = site.b70("doctor", vm.name, "--json")
    assert done.status in (ExitCode.CLEAN, ExitCode.PENDING, ExitCode.REFUSED), done.err
    found: list[dict[str, str]] = json.loads(done.out)["findings"]
    return found


def test_the_doctor_tells_firmware_power_memory_window_and_faults_of_live_cards(
    declared: Site, bench: Bench
) -> None:
    vm = bench.takes(BOOTED)
    vm.cards.keep_awake()
    vm.cards.suspend(2)
    vm.cards.unbind(1)
    vm.run("mv /lib/firmware/xe/bmg_guc_70.bin /root/")
    with pytest.raises(LabError):
        vm.cards.bind(1)
    found: dict[str, list[str]] = {}
    for item in findings(declared, vm):
        found.setdefault(item["id"], []).append(item["text"])
    assert any("GuC 70.54.0 loaded" in text for text in found["gpu-firmware"])
    assert any(vm.cards.bdf(2) in text and "suspended" in text for text in found["gpu-power"])
    assert found["one-shot-boot"][0].startswith("possible: /boot/grub is on ext4")
    assert any(f"{vm.cards.bdf(1)}: 1 x firmware since boot" in t for t in found["gpu-faults"])
    assert vm.cards.wakes(2) == 0


def test_what_cards_are_from_power_on_is_judged_as_on_simulated_rigs(
    declared: Site, bench: Bench, healthy: Answer
) -> None:
    """The second card is in survivability mode, the third has a small BAR."""
    vm = power_on(bench, CRIPPLED)
    found = ask(declared, vm)
    assert found.states == [OK, LinkState.SURVIVABILITY, OK, OK]
    assert moved(found, healthy) == {**simulated("survivability"), **simulated("small-bar")}
    with ordinary_user(declared, vm):
        no_user_learns_more_than_root(found, ask(declared, vm))
    told = [item["text"] for item in findings(declared, vm)]
    assert any(f"{vm.cards.bdf(1)}: survivability mode" in text for text in told)
    assert any(f"{vm.cards.bdf(2)}: BAR2 is only 256 MiB" in text for text in told)


def test_a_switch_uplink_limits_every_card_behind_it(
    declared: Site, bench: Bench, healthy: Answer
) -> None:
    vm = power_on(bench, shapes.SWITCH_GEN1)
    before = (declared.folder / "hosts.yaml").read_text()
    try:
        declare_addresses(declared, vm)
        found = ask(declared, vm)
        assert found.states == [LinkState.UPLINK_LIMITED] * 4
        assert moved(found, healthy) == simulated("switch-gen1")
        vm.cards.retrain_uplink(gen=4)
        assert moved(ask(declared, vm), healthy) == simulated("switch-gen4")
    finally:
        (declared.folder / "hosts.yaml").write_text(before)


def power_on(bench: Bench, shape: RigShape) -> UmlMachine:
    """Show other cards; that takes a cold start."""
    machine = bench.switches_on(BOOTED, lambda machine: machine.show(shape))
    machine.cards.keep_awake()
    return machine


def declare_addresses(site: Site, vm: UmlMachine) -> None:
    """Declare the addresses that the cards have now."""
    path = site.folder / "hosts.yaml"
    values = yaml.safe_load(path.read_text())
    for number, card in enumerate(values["hosts"][vm.name]["hardware"]["cards"]):
        card["bdf"] = vm.cards.bdf(number)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
