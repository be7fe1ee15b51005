"""Specification of the command lines and texts that the lab makes, without running any of them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from lab import archive, debs, demo, image, network, shapes, standins, store, supervisor
from lab.archive import Face
from lab.errors import LabError
from lab.releases import Origin
from lab.settings import CONTROLLER_NUMBER, Settings, from_environment

SETTINGS = Settings(Path("/srv/lab"), "b70lab0", IPv4Network("10.70.0.0/24"), 8070)


def box() -> supervisor.Box:
    folder = Path("/srv/lab/machines/lab1")
    return supervisor.Box(
        name="b70lab0-lab1",
        hostname="lab1",
        root=folder / "root",
        probe=folder / "probe",
        probe_inside=Path("/var/lib/b70lab-probe"),
        netns=Path("/run/netns/b70lab0-lab1"),
        folder=folder,
    )


def test_the_settings_come_from_the_environment() -> None:
    settings = from_environment({"B70_LAB_DIR": "/x", "B70_LAB_NET": "10.71.0.0/16"})
    assert settings.root == Path("/x")
    assert str(settings.controller) == "10.71.0.1"
    assert str(settings.address(300)) == "10.71.1.44"


@pytest.mark.parametrize(
    "environ",
    [
        {"B70_LAB_NET": "8.8.8.0/24"},
        {"B70_LAB_NET": "10.70.0.0/30"},
        {"B70_LAB_NET": "10.70.0.1/24"},
        {"B70_LAB_BRIDGE": "a-much-too-long-name"},
        {"B70_LAB_MIRROR_PORT": "http"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(LabError):
        from_environment(environ)


def test_a_range_without_room_names_the_setting_to_change() -> None:
    with pytest.raises(LabError) as caught:
        SETTINGS.address(255)
    assert "B70_LAB_NET" in caught.value.hint


def test_a_range_that_is_already_routed_is_a_conflict() -> None:
    routes = [{"dst": "default", "dev": "eth0"}, {"dst": "10.0.0.0/8", "dev": "vpn0"}]
    assert network.conflict(SETTINGS.network, "b70lab0", routes) == "10.0.0.0/8 dev vpn0"


def test_a_default_route_and_the_labs_own_bridge_are_no_conflict() -> None:
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.70.0.0/24", "dev": "b70lab0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
    ]
    assert network.conflict(SETTINGS.network, "b70lab0", routes) == ""


def test_nothing_is_forwarded_from_the_bridge() -> None:
    commands = network.bridge_up(SETTINGS)
    forwarding = commands.index(["sysctl", "-qw", "net.ipv4.conf.b70lab0.forwarding=0"])
    assert forwarding < commands.index(["ip", "link", "set", "b70lab0", "up"])


def test_the_controllers_hardware_address_does_not_change_with_the_ports() -> None:
    add = network.bridge_up(SETTINGS)[0]
    assert add[add.index("address") + 1] == network.mac(CONTROLLER_NUMBER)


def test_a_machine_has_unreachable_routes_for_the_whole_internet() -> None:
    commands = network.plug_in(SETTINGS, network.Port("lab1", 11))
    routes = [command[5:] for command in commands if "unreachable" in command]
    assert routes == [["unreachable", "0.0.0.0/1"], ["unreachable", "128.0.0.0/1"]]


def test_link_names_fit_the_kernel_for_the_largest_range() -> None:
    longest = Settings(Path("/x"), "b" * 10, IPv4Network("10.0.0.0/20"), 1)
    assert len(network.link(longest, 4094)) <= 15


def test_a_machine_boots_its_own_root_in_its_own_network() -> None:
    words = supervisor.nspawn_command(box())
    assert "--directory=/srv/lab/machines/lab1/root" in words
    assert "--network-namespace-path=/run/netns/b70lab0-lab1" in words
    assert "--bind=/srv/lab/machines/lab1/probe:/var/lib/b70lab-probe" in words


def supervise(folder: Path, nspawn: str) -> subprocess.CompletedProcess[str]:
    """Run a supervisor whose systemd-nspawn is a script of the test's own."""
    (folder / "probe/proc/sys/kernel/random").mkdir(parents=True)
    program = folder / "bin/systemd-nspawn"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{nspawn}\n")
    program.chmod(0o755)
    machine = supervisor.Box("x", "lab1", folder, folder / "probe", folder, folder, folder)
    return subprocess.run(
        ["sh", "-c", supervisor.script(machine, "")],
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_the_supervisor_starts_again_after_a_reboot_and_only_then(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    done = supervise(tmp_path, f"echo run >>{runs}; [ $(wc -l <{runs}) = 3 ] || exit 133; exit 7")
    assert runs.read_text().count("run") == 3
    assert done.stderr.splitlines() == ["machine ended with 133"] * 2 + ["machine ended with 7"]
    assert not (tmp_path / "nspawn.pid").exists()


def test_every_start_of_a_machine_is_a_new_boot(tmp_path: Path) -> None:
    boot_id = tmp_path / "probe/proc/sys/kernel/random/boot_id"
    seen = tmp_path / "seen"
    supervise(tmp_path, f"cat {boot_id} >>{seen}; [ $(wc -l <{seen}) = 2 ] || exit 133; exit 0")
    first, second = seen.read_text().split()
    assert first != second
    assert len(first) == 36


def test_debootstrap_takes_mirror_and_keyring_of_this_computer() -> None:
    recipe = image.Recipe("debian", "bookworm", ("main",), ("sudo", "dbus"), (), (), "")
    origin = Origin("http://mirror.example/debian", "/k.gpg")
    words = image.debootstrap_command(recipe, origin, Path("/t"))
    assert words[1:5] == [
        "--variant=minbase",
        "--keyring=/k.gpg",
        "--components=main",
        "--include=sudo,dbus",
    ]
    assert words[-3:] == ["bookworm", "/t", "http://mirror.example/debian"]


def test_another_recipe_is_another_image() -> None:
    one = image.Recipe("debian", "bookworm", ("main",), ("sudo",), (), (), "")
    two = image.Recipe("debian", "bookworm", ("main",), ("sudo", "jq"), (), (), "")
    assert one.digest == image.Recipe("debian", "bookworm", ("main",), ("sudo",), (), (), "").digest
    assert one.digest != two.digest


def test_a_release_file_carries_origin_suite_and_sums() -> None:
    face = Face("LP-PPA-kobuk-team-intel-graphics", "intel-graphics", "noble")
    text = archive.release(
        face, {"main/binary-amd64/Packages": b"x"}, datetime(2026, 5, 23, tzinfo=UTC)
    )
    assert "Origin: LP-PPA-kobuk-team-intel-graphics\n" in text
    assert "Date: Sat, 23 May 2026 00:00:00 GMT\n" in text
    assert text.endswith(" 1 main/binary-amd64/Packages\n")


def test_a_built_package_is_what_it_says(tmp_path: Path) -> None:
    package = debs.Package(
        "libze1", "1.28.2-1~24.04~ppa1", "libc6", {"/usr/lib/x": debs.Content("hi\n")}
    )
    path = debs.build(package, tmp_path)
    shown = subprocess.run(
        ["dpkg-deb", "-f", str(path)], capture_output=True, text=True, check=True
    )
    assert "Version: 1.28.2-1~24.04~ppa1\n" in shown.stdout
    assert "Depends: libc6\n" in shown.stdout
    content = subprocess.run(
        ["dpkg-deb", "-c", str(path)], capture_output=True, text=True, check=True
    )
    assert "./usr/lib/x" in content.stdout
    assert f"Size: {path.stat().st_size}\n" in debs.index_entry(package.control(), path, "pool/x")


def test_both_origins_own_the_loader_in_every_snapshot() -> None:
    loader = "/usr/lib/x86_64-linux-gnu/libze_loader.so.1"
    for origin, owner in (("intel-graphics", "libze1"), ("oneapi", "level-zero")):
        for snapshot, packages in standins.load()[origin].snapshots.items():
            owners = [package.name for package in packages if loader in package.files]
            assert owners == [owner], (origin, snapshot)


def test_the_two_known_good_generations_are_on_the_mirror() -> None:
    snapshots = standins.load()["intel-graphics"].snapshots

    def versions(snapshot: str) -> dict[str, str]:
        return {package.name: package.version for package in snapshots[snapshot]}

    may10, may23 = versions("20260510T000000Z"), versions("20260523T000000Z")
    assert may10["intel-opencl-icd"] == may10["libze-intel-gpu1"] == "26.14.37833.4-0"
    assert may10["intel-igc-core-2"] == "2.32.7"
    assert may10["libze1"] == "1.28.0-1~24.04~ppa1"
    assert may23["libze-intel-gpu1"] == "26.18.38308.1-0"
    assert may23["intel-igc-opencl-2"] == "2.34.4"
    assert may23["libze1"] == "1.28.2-1~24.04~ppa1"
    assert may23["libigdgmm12"] == "22.10.0"
    assert may10["xpu-smi"] == may23["libxpum1"] == "1.3.6-1~24.04~ppa1"


def test_no_stand_in_keeps_an_unfilled_placeholder() -> None:
    for origin in standins.load().values():
        for packages in origin.snapshots.values():
            for package in packages:
                assert "{" not in package.version + package.depends, package


def test_the_demo_shows_one_healthy_and_one_degraded_rig() -> None:
    rigs = demo.load().rigs
    assert rigs == {"lab1": shapes.HEALTHY_GEN5, "lab2": shapes.DEGRADED_X8}


def test_a_larger_fleet_starts_with_the_demo_and_goes_on_healthy() -> None:
    rigs = demo.fleet(64, demo.load())
    assert len(rigs) == 64
    assert rigs["lab2"] == shapes.DEGRADED_X8
    assert rigs["lab64"] == shapes.HEALTHY_GEN5


def test_an_unknown_shape_lists_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump({"rigs": {"a": {"shape": "gen9"}}, "snapshot": "x"}))
    with pytest.raises(LabError) as caught:
        demo.load(file)
    assert "degraded-x8" in caught.value.hint


def test_a_freed_number_is_given_again() -> None:
    assert store.free_number({11, 13}) == 12


def test_a_torn_record_is_no_machine(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text('{"name": "lab1", "num')
    assert store.load(tmp_path, store.Record) is None
