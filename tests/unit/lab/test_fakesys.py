"""Specification of the fake rigs: what each shape shows to a reader of /sys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lab import fakepci, fakesys, rigshape, shapes, tree
from lab.rigshape import RigShape

BOOT = "11111111-2222-3333-4444-555555555555"


def planted(shape: RigShape, root: Path) -> Path:
    tree.write(fakesys.tree(shape, BOOT), root)
    return root


def attribute(root: Path, bdf: str, name: str) -> str:
    return (root / "sys/bus/pci/devices" / bdf / name).read_text().strip()


def ancestors(root: Path, bdf: str) -> list[Path]:
    """Return the PCI functions from the card's own up to the root port."""
    path = (root / "sys/bus/pci/devices" / bdf).resolve()
    return [entry for entry in (path, *path.parents) if (entry / "vendor").exists()]


def link_of(entry: Path) -> tuple[str, str, str, str]:
    names = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
    speed, width, top, top_width = ((entry / name).read_text().strip() for name in names)
    return speed, width, top, top_width


def upstream(root: Path, bdf: str) -> Path:
    return next(e for e in ancestors(root, bdf) if (e / "device").read_text() == "0xe2ff\n")


def test_a_healthy_rig_shows_four_cards_with_gen5_x16_slot_links(tmp_path: Path) -> None:
    root = planted(shapes.HEALTHY_GEN5, tmp_path)
    for index in range(4):
        bdf = rigshape.gpu_address(shapes.HEALTHY_GEN5, index)
        assert attribute(root, bdf, "device") == "0xe223"
        assert link_of(upstream(root, bdf)) == ("32.0 GT/s PCIe", "16", "32.0 GT/s PCIe", "16")


def test_the_endpoint_itself_always_shows_the_internal_gen1_x1_link(tmp_path: Path) -> None:
    root = planted(shapes.HEALTHY_GEN5, tmp_path)
    card = root / "sys/bus/pci/devices/0000:83:00.0"
    assert link_of(card) == ("2.5 GT/s PCIe", "1", "2.5 GT/s PCIe", "1")


def test_a_walk_upwards_meets_gpu_card_ports_and_root_port(tmp_path: Path) -> None:
    root = planted(shapes.HEALTHY_GEN5, tmp_path)
    names = [entry.name for entry in ancestors(root, "0000:83:00.0")]
    assert names == ["0000:83:00.0", "0000:82:01.0", "0000:81:00.0", "0000:80:01.1"]


def test_gen4_slots_limit_cards_that_could_do_more(tmp_path: Path) -> None:
    root = planted(shapes.GEN4_SLOTS, tmp_path)
    port = upstream(root, "0000:83:00.0")
    assert link_of(port) == ("16.0 GT/s PCIe", "16", "32.0 GT/s PCIe", "16")
    assert link_of(port.parent)[2] == "16.0 GT/s PCIe"


def test_a_degraded_card_runs_x8_between_two_x16_ends(tmp_path: Path) -> None:
    port = upstream(planted(shapes.DEGRADED_X8, tmp_path), "0000:83:00.0")
    assert link_of(port)[1::2] == ("8", "16")
    assert link_of(port.parent)[1::2] == ("8", "16")


def test_a_missing_card_leaves_an_empty_root_port(tmp_path: Path) -> None:
    root = planted(shapes.MISSING_ENDPOINT, tmp_path)
    assert not (root / "sys/bus/pci/devices/0000:83:00.0").exists()
    assert attribute(root, "0000:80:01.1", "current_link_width") == "0"


def test_behind_a_switch_only_the_uplink_is_slow(tmp_path: Path) -> None:
    root = planted(shapes.SWITCH_GEN1, tmp_path)
    bdf = rigshape.gpu_address(shapes.SWITCH_GEN1, 3)
    speeds = [link_of(entry)[0] for entry in ancestors(root, bdf)]
    assert speeds[2:] == ["16.0 GT/s PCIe", "16.0 GT/s PCIe", "2.5 GT/s PCIe", "2.5 GT/s PCIe"]


def test_a_dead_card_reads_all_ones(tmp_path: Path) -> None:
    root = planted(shapes.DEAD_CARD, tmp_path)
    for entry in ancestors(root, "0000:83:00.0")[:3]:
        assert link_of(entry) == ("Unknown", "63", "64.0 GT/s PCIe", "63")
    assert attribute(root, "0000:83:00.0", "resource2_resize") == "0000000000000000"


def test_a_suspended_card_says_so_and_its_slot_link_idles(tmp_path: Path) -> None:
    root = planted(shapes.SUSPENDED, tmp_path)
    assert attribute(root, "0000:83:00.0", "power/runtime_status") == "suspended"
    assert attribute(root, "0000:83:00.0", "power/control") == "auto"
    assert link_of(upstream(root, "0000:83:00.0"))[0] == "2.5 GT/s PCIe"


def test_a_card_in_survivability_mode_has_no_device_nodes(tmp_path: Path) -> None:
    root = planted(shapes.SURVIVABILITY, tmp_path)
    assert attribute(root, "0000:83:00.0", "survivability_mode").endswith("Boot")
    assert not (root / "sys/bus/pci/devices/0000:83:00.0/drm").exists()
    assert len(list((root / "sys/class/drm").glob("card*"))) == 3


def test_a_small_bar_shows_in_the_third_resource_line(tmp_path: Path) -> None:
    root = planted(shapes.SMALL_BAR, tmp_path)

    def bar2_mib(bdf: str) -> int:
        start, end, _ = attribute(root, bdf, "resource").splitlines()[2].split()
        return (int(end, 16) - int(start, 16) + 1) >> 20

    assert bar2_mib("0000:83:00.0") == 256
    assert bar2_mib("0000:a3:00.0") == 32_768


def test_link_downgrade_files_are_for_root_alone(tmp_path: Path) -> None:
    root = planted(shapes.DOWNGRADED, tmp_path)
    card = root / "sys/bus/pci/devices/0000:83:00.0"
    for name in ("auto_link_downgrade_capable", "auto_link_downgrade_status"):
        assert stat.S_IMODE((card / name).stat().st_mode) == 0o400
    assert attribute(root, "0000:83:00.0", "auto_link_downgrade_status") == "1"


def test_driver_links_point_both_ways(tmp_path: Path) -> None:
    root = planted(shapes.HEALTHY_GEN5, tmp_path)
    card = root / "sys/bus/pci/devices/0000:e3:00.0"
    assert (card / "driver").resolve().name == "xe"
    assert (root / "sys/bus/pci/drivers/xe/0000:e3:00.0").resolve() == card.resolve()


def test_exactly_one_console_exists_on_every_rig(tmp_path: Path) -> None:
    for shape in shapes.ALL.values():
        root = planted(shape, tmp_path / shape.name)
        consoles = [path.read_text() for path in root.glob("sys/bus/pci/devices/*/boot_vga")]
        assert consoles.count("1\n") == 1, shape.name


def test_no_tree_points_out_of_its_probe_root(tmp_path: Path) -> None:
    for shape in shapes.ALL.values():
        root = planted(shape, tmp_path / shape.name).resolve()
        for path in root.rglob("*"):
            assert path.resolve().is_relative_to(root), path


def test_the_vram_manager_text_adds_up() -> None:
    text = fakepci.vram_manager(130, 32_656)
    assert f"usage: {130 * 1024 * 1024}" in text
    assert "visible_avail: 32526MiB" in text
    assert text.splitlines()[-1] == f"man size:{32_656 * 1024 * 1024}"


def test_the_kernel_knows_the_card_and_has_its_driver_loaded(tmp_path: Path) -> None:
    root = planted(shapes.HEALTHY_GEN5, tmp_path)
    release = (root / "proc/sys/kernel/osrelease").read_text().strip()
    assert "d0000E223sv" in (root / "lib/modules" / release / "modules.alias").read_text()
    assert (root / "proc/modules").read_text().startswith("xe ")
    assert (root / "proc/sys/kernel/random/boot_id").read_text() == f"{BOOT}\n"


def test_an_old_guc_is_named_in_the_kernel_log_of_every_card() -> None:
    text = fakesys.kernel_log(shapes.OLD_GUC)
    assert text.count("GuC firmware (70.54.0) is recommended, but only (70.44.1) was found") == 4


def test_writing_a_tree_replaces_the_one_before(tmp_path: Path) -> None:
    planted(shapes.HEALTHY_GEN5, tmp_path)
    root = planted(shapes.TWO_CARDS, tmp_path)
    assert not (root / "sys/bus/pci/devices/0000:a3:00.0").exists()
    assert len(list((root / "sys/class/drm").glob("render*"))) == 2


@pytest.mark.parametrize("name", list(shapes.ALL))
def test_a_shape_survives_being_written_down(name: str) -> None:
    assert rigshape.from_json(rigshape.to_json(shapes.by_name(name))) == shapes.by_name(name)
