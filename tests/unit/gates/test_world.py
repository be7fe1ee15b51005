"""From declaration and facts to the world, and on to decisions a rig owner can act on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from declaration.hardware import CardSlot, Hardware
from declaration.host import Connection, HostSpec
from declaration.profile import Needs
from declaration.stack import LevelZeroLoader
from facts.disks.block import Block, Device, Disks
from facts.disks.mountinfo import Mount
from facts.disks.swap import SwapArea, SwapState
from facts.packages.apt_policy import AptPolicy, Policy
from facts.packages.dpkg import Loader, PackageState
from facts.pci.clinfo import ClDevice, Clinfo, ClPlatform
from facts.pci.gpu import Gpu, GpuState, Vram
from facts.pci.gpu_card import B70
from facts.pci.gpu_fault import Fault
from facts.pci.gpu_log import CardLog, KernelLog
from facts.registry import batch_facts
from facts.system.memory import MemoryState
from facts.system.units import Unit, UnitState
from facts.value import ABSENT, Unknown
from gates.model import Verdict
from gates.needed import FACTS, KEYED
from gates.world import World, build
from tests.given import given
from tests.unit import gpu_tree
from tests.unit.gates.gate_rig import (
    GIB,
    VRAM,
    cards_of,
    decisions,
    good,
    measurements,
    offer,
    readings,
    rig,
)


def test_every_needed_fact_is_part_of_the_normal_batch() -> None:
    assert {fact.domain for fact in FACTS} <= set(batch_facts())
    assert AptPolicy in KEYED


def test_a_healthy_rig_opens_its_gates(tmp_path: Path) -> None:
    made = decisions(rig(), readings(good(tmp_path)))
    expected = ("cards-present", "link-judgeable", "link-trained", "tp4-slots", "power-control")
    assert {made[name].verdict for name in expected} == {Verdict.PASS}
    assert made["expect-gen5"].choice == "27.9"
    assert made["context-32768"].choice == "32768"
    assert made["moe-config"].choice == (
        "E=256,N=384,device_name=Intel(R)_Arc(TM)_Pro_B70_Graphics,dtype=int4_w4a16.json"
    )
    assert not any(decision.simulated for decision in made.values())


def test_a_gen4_board_is_healthy_and_left_alone(tmp_path: Path) -> None:
    board = gpu_tree.Spec(link=(4, 16), port=(4, 16))
    made = decisions(rig(), readings(cards_of(tmp_path, *[board] * 4)))
    assert made["link-trained"].verdict is Verdict.PASS
    assert made["expect-gen4"].choice == "13.8"
    assert "link-control" in made["expect-gen4"].forbid


def test_a_degraded_slot_is_named_with_both_links(tmp_path: Path) -> None:
    bad = gpu_tree.Spec(link=(4, 8))
    made = decisions(
        rig(), readings(cards_of(tmp_path, gpu_tree.Spec(), bad, gpu_tree.Spec(), gpu_tree.Spec()))
    )
    decision = made["link-trained"]
    assert decision.verdict is Verdict.FAIL
    assert decision.reason == (
        "A slot link did not train. "
        "slot 2 (0000:83:00.0) trained at 16.0 GT/s x8, both ends can 32.0 GT/s x16."
    )
    assert "reseat the card" in decision.next_step
    assert decision.facts["card.link_state"] == (
        "slot 1 (0000:03:00.0): ok; slot 2 (0000:83:00.0): degraded; "
        "slot 3 (0000:a3:00.0): ok; slot 4 (0000:e3:00.0): ok"
    )


def test_a_missing_card_is_known_from_the_inventory(tmp_path: Path) -> None:
    made = decisions(rig(), readings(good(tmp_path, 3)))
    assert made["cards-present"].verdict is Verdict.FAIL
    assert "slot 4 (0000:e3:00.0)" in made["cards-present"].reason
    assert "slot 1" not in made["cards-present"].reason
    assert made["card-count"].choice == "1"
    assert made["power-control"].verdict is Verdict.UNKNOWN
    assert made["context-32768"].choice == "24576"


def test_a_missing_card_without_a_pinned_address_blames_no_slot(tmp_path: Path) -> None:
    slots = Hardware(cards=(CardSlot(slot="1"), CardSlot(slot="2")))
    spec = rig(2, hardware=slots)
    made = decisions(spec, readings(good(tmp_path, 1)))
    assert "1 missing, 0 undeclared" in made["cards-present"].reason
    assert "a declared card without a pinned address" in made["cards-present"].reason


def test_a_root_port_also_pins_a_slot(tmp_path: Path) -> None:
    slots = Hardware(cards=(CardSlot(slot="6", bdf="0000:00:01.1"),))
    world = build(rig(1, hardware=slots), given(readings(good(tmp_path, 1))))
    assert world.label(0) == "slot 6 (0000:03:00.0)"
    assert world.read("cards.missing") == 0


def test_an_undeclared_card_is_refused(tmp_path: Path) -> None:
    made = decisions(rig(2), readings(good(tmp_path, 3)))
    assert made["cards-present"].verdict is Verdict.FAIL
    assert "0000:a3:00.0" in made["cards-present"].reason
    assert made["link-judgeable"].verdict is Verdict.FAIL


def test_an_unreadable_bus_leaves_every_card_unknown(tmp_path: Path) -> None:
    made = decisions(rig(), readings((), gpu_link=Unknown("exit status 1: no /sys")))
    for name in ("cards-present", "link-judgeable", "link-trained", "power-control", "tp4-slots"):
        assert made[name].verdict is Verdict.UNKNOWN
        assert "no /sys" in made[name].reason
        assert "serve" in made[name].forbid or made[name].choice == "1"


def test_a_sleeping_card_is_not_called_degraded(tmp_path: Path) -> None:
    asleep = gpu_tree.Spec(link=(4, 8), bridge_status="suspended")
    made = decisions(rig(1), readings(cards_of(tmp_path, asleep)))
    assert made["link-trained"].verdict is not Verdict.FAIL
    assert made["link-judgeable"].verdict is Verdict.FAIL


def test_what_a_sleeping_card_reads_closes_a_gate_as_untold_not_as_measured(
    tmp_path: Path,
) -> None:
    asleep = gpu_tree.Spec(link=(4, 8), gpu_status="suspended")
    made = decisions(rig(2), readings(cards_of(tmp_path, gpu_tree.Spec(), asleep)))
    for name in ("narrow-slot", "expect-gen5", "p2p-links", "odd-card"):
        assert made[name].verdict is Verdict.UNKNOWN, name
        assert "is suspended" in made[name].reason
    assert (made["p2p-links"].choice, made["odd-card"].choice) == ("0", "1")


def test_cards_behind_one_switch_share_a_root(tmp_path: Path) -> None:
    found = cards_of(tmp_path, gpu_tree.Spec(), gpu_tree.Spec(), uplink=(5, 16))
    world = build(rig(2), given(readings(found)))
    assert world.read("cards.same_root") is True


def test_cards_on_their_own_root_ports_do_not_share_one(tmp_path: Path) -> None:
    world = build(rig(2), given(readings(good(tmp_path, 2))))
    assert world.read("cards.same_root") is False
    assert world.read("cards.acs_detour") is False


def test_a_slow_uplink_forbids_tensor_parallelism_though_the_slot_link_is_perfect(
    tmp_path: Path,
) -> None:
    found = cards_of(tmp_path, gpu_tree.Spec(), gpu_tree.Spec(), uplink=(1, 16))
    made = decisions(rig(2), readings(found))
    assert made["link-uplink"].verdict is Verdict.FAIL
    assert made["link-trained"].verdict is Verdict.PASS
    assert "tensor-parallel" in made["link-uplink"].forbid


def test_the_data_test_of_another_boot_does_not_force_peer_to_peer(tmp_path: Path) -> None:
    result = {"result": "passed", "every_pair": True}
    now = readings(good(tmp_path), measurements=measurements(p2p_data=result))
    old = now | {"measurements": measurements(p2p_data=result | {"boot": "another"})}
    assert decisions(rig(), now)["p2p-separate-roots"].choice == "1"
    assert decisions(rig(), old)["p2p-separate-roots"].choice == "0"


def test_vram_of_a_loaded_model_is_no_idle_reading(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    busy = GpuState("xe", (Gpu(cards[0].bdf, B70, "xe", Vram(VRAM, 31 * GIB, 32656)),))
    found = readings(cards, gpu=busy)
    assert decisions(rig(1), found)["context-32768"].choice == "24576"
    assert decisions(rig(1), found)["context-32768"].verdict is Verdict.UNKNOWN
    idle = {cards[0].bdf: 26}
    remembered = found | {"measurements": measurements(idle_vram=idle)}
    assert decisions(rig(1), remembered)["context-32768"].choice == "32768"


def test_a_desktop_on_a_card_lowers_the_context(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    desktop = GpuState("xe", (Gpu(cards[0].bdf, B70, "xe", Vram(VRAM, 656 << 20, 32656)),))
    made = decisions(rig(1), readings(cards, gpu=desktop))
    assert (made["context-32768"].verdict, made["context-32768"].choice) == (Verdict.WARN, "24576")
    assert "656 MiB in use" in made["context-32768"].reason


def test_taken_vram_is_only_an_orphan_while_nothing_serves(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    taken = GpuState("xe", (Gpu(cards[0].bdf, B70, "xe", Vram(VRAM, 31 * GIB, 32656)),))
    unit = Unit("loaded", "active", "running", "enabled", False, 0)
    serving = UnitState({"b70-vllm-slot.service": unit}, ())
    assert decisions(rig(1), readings(cards, gpu=taken))["vram-free"].verdict is Verdict.FAIL
    assert "vram-free" not in decisions(rig(1), readings(cards, gpu=taken, units=serving))


def test_ecc_is_unknown_until_xpu_smi_or_a_record_of_this_boot_tells(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    assert decisions(rig(1), readings(cards))["vram-utilization"].verdict is Verdict.UNKNOWN
    told = readings(cards, measurements=measurements(ecc={cards[0].bdf: False}))
    assert decisions(rig(1), told)["vram-utilization"].verdict is Verdict.PASS


def test_a_wedged_card_and_old_firmware_come_from_the_kernel_log(tmp_path: Path) -> None:
    cards = good(tmp_path, 1)
    bdf = cards[0].bdf
    log = CardLog(bdf, "70.44.1", "70.54.0", ABSENT, (Fault(bdf, "wedged", 1, "declared wedged"),))
    made = decisions(rig(1), readings(cards, gpu_log=KernelLog(True, 0, (), (log,))))
    assert made["card-wedged"].verdict is Verdict.FAIL
    assert "GuC 70.44.1, recommended 70.54.0" in made["guc-version"].reason


@pytest.mark.parametrize(
    ("policy", "verdict", "choice"),
    [
        (offer("1.28.0-1~24.04~ppa1"), Verdict.PASS, "shim"),
        (offer("1.27.0-1", "1.28.2-1~24.04~ppa1"), Verdict.PASS, "real"),
        # the installed shim is no offer of an archive
        (offer("1.28.0-1~24.04~ppa1", local="1.28.2-local1"), Verdict.PASS, "shim"),
        (offer(local="1.28.2-local1"), Verdict.UNKNOWN, None),
    ],
)
def test_the_loader_shim_depends_on_what_the_archive_offers(
    tmp_path: Path, policy: Policy, verdict: Verdict, choice: str | None
) -> None:
    made = decisions(rig(1), readings(good(tmp_path, 1), apt_policy={"libze1": policy}))
    assert (made["loader-shim"].verdict, made["loader-shim"].choice) == (verdict, choice)
    assert ("loader-change" in made["loader-shim"].forbid) == (verdict is Verdict.UNKNOWN)


def test_a_stack_whose_loader_is_libze1_needs_no_shim(tmp_path: Path) -> None:
    stack = rig().stack
    assert stack is not None
    real = stack.model_copy(
        update={"loader": LevelZeroLoader(owner="libze1", version="1.28.2-1~24.04~ppa1")}
    )
    made = decisions(rig(1, stack=real), readings(good(tmp_path, 1)))
    assert made["loader-shim"].choice == "real"


def test_two_owners_of_the_loader_are_refused_and_none_is_fine(tmp_path: Path) -> None:
    found = readings(good(tmp_path, 1))
    state = found["packages"]
    assert isinstance(state, PackageState)
    both = replace(state, loader=Loader(("level-zero", "libze1"), {}, ()))
    made = decisions(rig(1), found | {"packages": both})
    assert made["loader-owner"].verdict is Verdict.FAIL
    assert made["loader-version"].verdict is Verdict.UNKNOWN
    fresh = replace(state, loader=Loader((), {}, ()))
    made = decisions(rig(1), found | {"packages": fresh})
    assert made["loader-owner"].verdict is made["loader-version"].verdict is Verdict.PASS


def test_clinfo_overrules_what_the_stack_says_about_the_device_name(tmp_path: Path) -> None:
    old = "Intel(R) Graphics [0xe223]"
    device = ClDevice(old, ("CL_DEVICE_TYPE_GPU",), ABSENT)
    platforms = (ClPlatform("Intel(R) OpenCL Graphics", "Intel(R) Corporation", (device,)),)
    made = decisions(rig(1), readings(good(tmp_path, 1), **{Clinfo.domain: platforms}))
    assert made["moe-config"].verdict is Verdict.WARN
    assert made["moe-config"].choice == (
        "E=256,N=384,device_name=Intel(R)_Graphics_[0xe223],dtype=int4_w4a16.json"
    )


def test_another_userspace_than_the_stacks_leaves_the_device_name_unknown(tmp_path: Path) -> None:
    found = readings(good(tmp_path, 1))
    state = found["packages"]
    assert isinstance(state, PackageState)
    bare = replace(state, installed={})
    made = decisions(rig(1), found | {"packages": bare})
    assert (made["moe-config"].verdict, made["moe-config"].choice) == (Verdict.UNKNOWN, None)


def test_host_copies_are_judged_by_the_vram_that_the_profile_fills(tmp_path: Path) -> None:
    cards = good(tmp_path, 2)
    small = MemoryState(15 * GIB, 9 * GIB, 0, ABSENT, ABSENT, ())
    assert decisions(rig(2), readings(cards))["host-copies"].verdict is Verdict.PASS
    made = decisions(rig(2), readings(cards, memory=small))
    assert made["host-copies"].choice == "1"
    assert made["host-copies-off"].choice == "0"
    assert "403.9 % of RAM" in made["host-copies"].reason


def test_a_memory_test_of_less_ram_than_today_does_not_count(tmp_path: Path) -> None:
    state = MemoryState(125 * GIB, 99 * GIB, 0, ABSENT, False, ())
    cards = good(tmp_path, 1)
    for tested, verdict in ((120, Verdict.PASS), (60, Verdict.WARN)):
        log = measurements(memory_test={"result": "passed", "tested_gib": tested})
        made = decisions(rig(1), readings(cards, memory=state, measurements=log))
        assert made["dram-trust"].verdict is verdict


def test_a_working_set_counts_for_its_own_profile_only(tmp_path: Path) -> None:
    profile = rig(1).profile
    assert profile is not None
    boxed = profile.model_copy(
        update={"container_memory_gib": 12.0, "container_memory_swap_gib": 12.0}
    )
    for name, verdict in (("minimax-m27-c1", Verdict.PASS), ("other", Verdict.UNKNOWN)):
        log = measurements(working_set={"profile": name, "anon_gib": 8.34})
        made = decisions(
            rig(1, profile=boxed), readings(good(tmp_path / name, 1), measurements=log)
        )
        assert made["container-cap"].verdict is verdict


def test_swap_in_main_memory_does_not_count_it_twice(tmp_path: Path) -> None:
    state = MemoryState(96 * GIB, 90 * GIB, 0, ABSENT, True, ())
    packed = SwapArea("/dev/zram0", "partition", 48 * GIB, 0, 100, ("zram0",))
    on_disk = SwapArea("/dev/sda3", "partition", 48 * GIB, 0, -2, ("sda3",))
    for area, size, lane in ((packed, 96, "partial"), (on_disk, 144, "full")):
        found = readings(good(tmp_path / area.below[0], 1), memory=state)
        found["swap"] = SwapState((area,), ())
        assert build(rig(1), given(found)).read("memory.with_swap_gib") == size
        assert decisions(rig(1), found)["build-memory"].choice == lane


def test_the_card_that_faulted_starts_last(tmp_path: Path) -> None:
    profile = rig(2).profile
    assert profile is not None
    replicas = profile.model_copy(update={"needs": Needs(cards=2, tensor_parallel=1)})
    log = measurements(faults={"bdf": gpu_tree.gpu_address(0), "boot": "the boot before"})
    made = decisions(rig(2, profile=replicas), readings(good(tmp_path, 2), measurements=log))
    assert made["start-order"].choice == "1 0"
    assert made["start-stagger"].choice == "60"


def test_a_fact_that_was_not_read_is_unknown_not_a_default(tmp_path: Path) -> None:
    made = decisions(rig(1), {})
    assert made["power-control"].verdict is Verdict.UNKNOWN
    assert "the fact gpu_link was not read" in made["power-control"].reason
    assert made["loader-shim"].choice is None


def test_losing_any_one_fact_never_opens_a_gate(tmp_path: Path) -> None:
    cards = good(tmp_path)
    log = measurements(ecc=dict.fromkeys((card.bdf for card in cards), False))
    full = readings(cards, measurements=log)
    before = decisions(rig(), full)
    for domain in full:
        after = decisions(rig(), full | {domain: Unknown("lost")})
        for name, decision in before.items():
            if decision.verdict is not Verdict.PASS:
                assert after[name].verdict is not Verdict.PASS, (domain, name)
            assert set(decision.forbid) <= set(after[name].forbid), (domain, name)


def test_what_rests_on_a_lab_machines_probe_root_is_marked_simulated(tmp_path: Path) -> None:
    spec = rig(1, kind="lab", probe_root="/var/lib/fake")
    made = decisions(spec, readings(good(tmp_path, 1)))
    assert made["link-trained"].simulated
    assert made["kernel-allowed"].simulated
    assert not made["loader-shim"].simulated
    assert not made["batch-minimax"].simulated


def test_a_host_without_cards_or_profile_is_asked_little(tmp_path: Path) -> None:
    spec = HostSpec(name="plain", connection=Connection(address="192.0.2.9"))
    assert decisions(spec, readings(())) == {}


def test_the_world_refuses_names_and_types_that_nobody_described() -> None:
    with pytest.raises(ValueError, match=r"did you mean cards\.found"):
        World({"cards.fuond": 4}, ())
    with pytest.raises(ValueError, match="not a number"):
        World({"cards.found": "4"}, ())
    with pytest.raises(ValueError, match="not a number"):
        World({"cards.found": True}, ())


def test_storage_of_the_model_is_found_through_its_mount(tmp_path: Path) -> None:
    def storage(fstype: str, transport: str, disk: str) -> Disks:
        part = Device(
            f"{disk}1", "part", fstype, ABSENT, ABSENT, ABSENT, ABSENT, 1, ABSENT, ABSENT, ABSENT,
            ("/mnt/fast-ai",), False, (),
        )  # fmt: skip
        whole = replace(part, name=disk, type="disk", transport=transport, children=(part,))
        root = Mount("/", "/dev/sda1", "ext4", "8:1", "/", (), ())
        mount = Mount("/mnt/fast-ai", f"/dev/{disk}1", fstype, "9:1", "/", (), ())
        return Disks((whole,), (root, mount), {}, (), False)

    cards = good(tmp_path, 1)
    made = decisions(rig(1), readings(cards, **{Block.domain: storage("ext4", "nvme", "nvme0n")}))
    assert made["model-storage"].verdict is Verdict.PASS
    made = decisions(rig(1), readings(cards, **{Block.domain: storage("fuseblk", "usb", "sdb")}))
    assert made["model-storage"].verdict is Verdict.FAIL
    assert "fuseblk (usb)" in made["model-storage"].reason
