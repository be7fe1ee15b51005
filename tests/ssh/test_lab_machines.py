"""Specification of the lab itself, on real systemd-nspawn machines. Needs root."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from lab import shapes
from lab.errors import LabError
from lab.lab import Lab
from lab.machines import Machine
from lab.mirror import Mirror, Source
from lab.network import conflict
from lab.settings import Settings
from lab.shell import run
from tests.ssh.conftest import MirrorGuard
from tests.ssh.controllers import wait_for

pytestmark = pytest.mark.ssh

#: Longest time that anything here may take, in seconds; only ever waited for as long as needed.
PATIENCE_S = 60


@pytest.fixture(scope="module")
def pair(rigs: Callable[..., list[Machine]]) -> list[Machine]:
    return rigs({"1": shapes.HEALTHY_GEN5, "2": shapes.DEGRADED_X8})


@pytest.fixture
def rig(pair: list[Machine]) -> Machine:
    """Return the first machine as new."""
    pair[0].reset()
    return pair[0]


def over_ssh(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        machine.ssh_command(command),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def use_mirror(machine: Machine, sources: dict[str, Source], snapshot: str) -> None:
    for source in sources.values():
        key = f"/etc/apt/keyrings/{source.name}.asc"
        machine.write(key, source.armored)
        machine.write(
            f"/etc/apt/sources.list.d/{source.name}.sources",
            f"Types: deb\nURIs: {source.url.replace('{snapshot}', snapshot)}\n"
            f"Suites: {source.suite}\nComponents: {source.component}\nSigned-By: {key}\n",
        )
    machine.run("apt-get update", timeout_s=PATIENCE_S)


def test_a_rig_answers_as_its_unprivileged_user_with_sudo(rig: Machine) -> None:
    answer = over_ssh(rig, "id -un; sudo -n id -un; hostname; cat /etc/machine-id")
    assert answer.stdout.split() == ["rig", "root", rig.name, rig.machine_id]


def test_systemd_runs_the_machine_without_a_failed_unit(rig: Machine) -> None:
    rig.run("systemctl is-system-running --wait", timeout_s=PATIENCE_S)
    assert rig.run("systemctl --failed --no-legend").stdout == ""
    assert rig.run("cat /proc/1/comm").stdout == "systemd\n"


def test_machines_have_identities_of_their_own(pair: list[Machine]) -> None:
    assert pair[0].machine_id != pair[1].machine_id
    assert pair[0].host_key != pair[1].host_key


def test_a_pinned_host_key_of_another_machine_is_refused(pair: list[Machine]) -> None:
    command = pair[0].ssh_command("true")
    (pair[0].folder / "known_hosts").write_text(f"{pair[0].address} {pair[1].host_key}\n")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 255
    assert "Host key verification failed" in answer.stderr


def test_a_machine_reaches_its_neighbours_and_nobody_else(pair: list[Machine]) -> None:
    reach = "timeout 5 bash -c '</dev/tcp/{}/{}'"
    assert pair[0].run(reach.format(pair[1].address, 22), check=False).returncode == 0
    outside = pair[0].run(reach.format("192.0.2.1", 80), check=False)
    assert outside.returncode == 1
    assert "No route to host" in outside.stderr


def test_the_interface_of_the_default_route_can_be_found(rig: Machine) -> None:
    assert "dev host0" in rig.run("ip route show default").stdout


def test_each_machine_sees_its_own_fake_cards(pair: list[Machine]) -> None:
    width = "cat /var/lib/b70lab-probe/sys/bus/pci/devices/0000:81:00.0/current_link_width"
    assert [machine.run(width).stdout.strip() for machine in pair] == ["16", "8"]


def test_link_downgrade_state_needs_root_on_the_machine(rig: Machine) -> None:
    file = "/var/lib/b70lab-probe/sys/bus/pci/devices/0000:83:00.0/auto_link_downgrade_status"
    assert over_ssh(rig, f"cat {file}").returncode == 1
    assert over_ssh(rig, f"sudo cat {file}").stdout == "0\n"


def test_a_kernel_setting_of_one_machine_touches_nobody_else(pair: list[Machine]) -> None:
    real = Path("/proc/sys/vm/swappiness").read_text()
    pair[0].run("sysctl -w vm.swappiness=3")
    assert pair[0].read("/proc/sys/vm/swappiness") == "3\n"
    assert (pair[0].probe / "proc/sys/vm/swappiness").read_text() == "3\n"
    assert pair[1].read("/proc/sys/vm/swappiness") == "60\n"
    assert Path("/proc/sys/vm/swappiness").read_text() == real


def test_a_reboot_brings_the_machine_back_with_its_disk_and_a_new_boot_id(rig: Machine) -> None:
    rig.write("/root/kept", "kept\n")
    boot_id = rig.probe / "proc/sys/kernel/random/boot_id"
    before = boot_id.read_text()
    over_ssh(rig, "sudo systemctl reboot")
    wait_for(lambda: boot_id.read_text() not in (before, ""), "the machine reboots", PATIENCE_S)
    rig.wait_ready()
    assert rig.read("/root/kept") == "kept\n"
    assert "machine ended with 133" in (rig.folder / "console.log").read_text()


def test_a_reset_forgets_the_disk_and_keeps_the_identity(rig: Machine) -> None:
    pinned = (rig.host_key, rig.machine_id, rig.address)
    rig.write("/root/gone", "x")
    rig.run("userdel --remove --force rig", check=False)
    rig.reset()
    assert rig.run("test -e /root/gone", check=False).returncode == 1
    assert (rig.host_key, rig.machine_id, rig.address) == pinned
    assert over_ssh(rig, "cat /etc/machine-id").stdout.strip() == pinned[1]


def test_a_frozen_network_swallows_packets_until_it_thaws(rig: Machine) -> None:
    held = subprocess.Popen(
        rig.ssh_command("read line; echo got $line"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    over_ssh(rig, "true")
    rig.freeze()
    with pytest.raises(TimeoutError):
        socket.create_connection((rig.address, rig.port), timeout=2)
    assert rig.run("echo still here").stdout == "still here\n"
    assert held.poll() is None
    rig.thaw()
    assert held.communicate("through\n", timeout=PATIENCE_S)[0] == "got through\n"


def test_a_killed_machine_is_gone_and_comes_up_again_with_its_disk(lab: Lab, rig: Machine) -> None:
    rig.write("/root/kept", "kept\n")
    rig.kill()
    assert not rig.is_running()
    with pytest.raises(LabError, match="does not run"):
        rig.run("true")
    assert lab.up(rig.name).read("/root/kept") == "kept\n"


def test_both_loader_packages_fight_over_one_file(
    lab: Lab, rig: Machine, guard: MirrorGuard
) -> None:
    with guard.using():
        use_mirror(rig, lab.mirror.sources(), "20260510T000000Z")
        rig.run("apt-get install -y libze1")
        fight = rig.run("apt-get install -y level-zero", check=False)
    assert fight.returncode == 100
    said = fight.stdout + fight.stderr
    assert "trying to overwrite '/usr/lib/x86_64-linux-gnu/libze_loader.so.1'" in said
    assert "which is also in package libze1 1.28.0-1~24.04~ppa1" in said


def test_the_gpu_packages_of_a_snapshot_install_and_xpu_smi_replays(
    lab: Lab, rig: Machine, guard: MirrorGuard
) -> None:
    with guard.using():
        use_mirror(rig, lab.mirror.sources(), "20260523T000000Z")
        rig.run(
            "apt-get install -y xpu-smi intel-opencl-icd libze-intel-gpu1 "
            "intel-oneapi-dpcpp-cpp-2025.3 intel-oneapi-dpcpp-cpp-2026.0 curl",
            timeout_s=PATIENCE_S,
        )
    version = rig.run("dpkg-query -W -f '${Version}' libze-intel-gpu1").stdout
    assert version == "26.18.38308.1-0"
    assert '"pcie_generation": "5"' in rig.run("xpu-smi discovery -d 0 -j").stdout
    assert '"pcie_generation": "-1"' in over_ssh(rig, "xpu-smi discovery -d 0 -j").stdout
    calls = rig.read("/var/log/b70lab-xpu-smi.log").splitlines()
    assert calls == ["uid=0 discovery -d 0 -j", "uid=1000 discovery -d 0 -j"]
    compiler = ". /opt/intel/oneapi/compiler/2025.3/env/vars.sh; icpx --version"
    assert "2025.3.2" in rig.run(compiler).stdout


def test_a_corrupt_package_is_refused_until_it_is_restored(rig: Machine, mirror: Mirror) -> None:
    use_mirror(rig, mirror.sources(), "20260523T000000Z")
    mirror.corrupt("libigdgmm12")
    refused = rig.run("apt-get install -y libigdgmm12", check=False)
    assert refused.returncode == 100
    assert "Hashes of received file" in refused.stdout + refused.stderr
    mirror.restore()
    rig.run("apt-get install -y libigdgmm12")


def test_a_source_with_another_key_is_refused(lab: Lab, rig: Machine, guard: MirrorGuard) -> None:
    with guard.using():
        use_mirror(rig, lab.mirror.sources(), "20260523T000000Z")
        rig.write("/etc/apt/keyrings/oneapi.asc", lab.mirror.signer("stranger").armored())
        refused = rig.run("apt-get update 2>&1", check=False).stdout
    assert "NO_PUBKEY" in refused


def test_a_stopped_mirror_refuses_and_a_started_one_serves(rig: Machine, mirror: Mirror) -> None:
    use_mirror(rig, mirror.sources(), "20260523T000000Z")
    mirror.stop()
    assert "Connection refused" in rig.run("apt-get update 2>&1", check=False).stdout
    mirror.start()
    assert "Hit:" in rig.run("apt-get update 2>&1").stdout


def test_the_fleet_directory_names_identities_and_sources(
    lab: Lab, pair: list[Machine], tmp_path: Path
) -> None:
    first, second = (machine.name for machine in pair)
    lab.inventory(tmp_path, [first, second])
    hosts = yaml.safe_load((tmp_path / "hosts.yaml").read_text())["hosts"]
    assert list(hosts) == [first, second]
    assert hosts[second]["identity"]["host_keys"] == [pair[1].host_key]
    assert [card["bdf"] for card in hosts[second]["hardware"]["cards"]][1] == "0000:83:00.0"
    values = yaml.safe_load((tmp_path / "group_data/groups/lab.yaml").read_text())
    gpu = values["apt"]["sources"]["intel-graphics"]
    assert gpu["snapshot"] == "20260523T000000Z"
    assert "BEGIN PGP PUBLIC KEY" in (tmp_path / gpu["key"]["file"]).read_text()


def spare_network() -> IPv4Network:
    """Return a range that nothing on this computer routes."""
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]).stdout)
    ranges = (IPv4Network(f"10.99.{third}.0/24") for third in range(256))
    return next(spare for spare in ranges if not conflict(spare, "", routes))


def test_a_purge_leaves_nothing_behind_even_after_a_crash(lab: Lab, tmp_path: Path) -> None:
    """A second lab beside the first loses its records and its supervisor, then is purged."""
    bridge = f"{lab.settings.bridge[:9]}x"
    settings = Settings(tmp_path / "lab", bridge, spare_network(), lab.settings.mirror_port)
    Lab(settings).purge()  # what a run that was killed in the middle of this test left
    settings.root.mkdir()
    settings.images.symlink_to(lab.settings.images)
    other = Lab(settings)
    machine = other.up("stray")
    limit = Path("/proc/sys/fs/inotify/max_user_instances").read_text()
    (machine.folder / "machine.json").unlink()
    (machine.folder / "nspawn.pid").unlink()
    other.purge()
    assert not settings.root.exists()
    assert lab.settings.images.is_dir()
    said = subprocess.run(
        "ip -br link; ip netns; cat /proc/mounts; "
        f"find /sys/fs/cgroup -name '{bridge}*'; grep -la '{bridge}-' /proc/[0-9]*/cmdline",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    own = f"/proc/{os.getpid()}/"
    assert bridge not in said.replace(own, "")
    assert str(settings.root) not in said
    assert Path("/proc/sys/fs/inotify/max_user_instances").read_text() == limit
