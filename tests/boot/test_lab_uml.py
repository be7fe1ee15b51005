"""Specification of the lab's User-mode Linux machines: GRUB's own code, real kernels, true ids."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from facts.pci.gpu_card import Card
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_link_state import LinkState, judge
from lab import cgroups, disk, shapes
from lab.cgroups import BOX, Group
from lab.lab import Lab
from lab.uml import disks
from lab.uml.image import UmlImages
from lab.uml.machine import UmlMachine
from lab.vm.kernels import Kernel
from tests.boot.conftest import BOOTED, Bench
from tests.boot.menu import entry
from tests.machines import four_healthy_cards_are_found, over_ssh
from tests.ssh.conftest import Site
from tests.ssh.controllers import wait_for

T = TypeVar("T")

#: The healthy rig with the second slot empty.
ONE_MISSING = replace(
    shapes.HEALTHY_GEN5,
    name="one-missing",
    cards=tuple(
        replace(card, health="missing") if number == 1 else card
        for number, card in enumerate(shapes.HEALTHY_GEN5.cards)
    ),
)
#: Seconds that a machine which is up and answers may take to do so again after a boot.
BACK_WITHIN_S = 120


def cards(vm: UmlMachine, user: str = "root") -> tuple[Card, ...]:
    """Read the link fact on the machine's real /sys, as this user."""
    script = shlex.quote(GpuLinks().script())
    return GpuLinks().parse(vm.run(f"runuser -u {user} -- sh -c {script}").stdout)


def of_each(vm: UmlMachine, look: Callable[[int], T]) -> list[T]:
    """Return what is seen of each process of a machine; some end while they are looked at."""
    found = []
    for pid in Group(vm.unique).pids(BOX):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(look(pid))
    return found


def tracer(pid: int) -> int:
    """Return the process that traces this one, 0 for none."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"TracerPid:\s+(\d+)", status)[0])


def kernels(lab: Lab) -> tuple[Kernel, Kernel]:
    """Return the kernel of the image and the newer one of the mirror."""
    image = UmlImages(lab.settings).load()
    assert image is not None
    return image.installed, image.newer


# -- what a machine is, from the first boot of each worker: nothing here changes it ---------------


def test_a_machine_comes_up_through_grub_on_the_older_kernel(
    lab: Lab, pristine: UmlMachine
) -> None:
    installed, _ = kernels(lab)
    assert pristine.run("uname -r").stdout.strip() == installed.release
    shown = pristine.read("/proc/cmdline").split()
    assert shown[0] == f"BOOT_IMAGE=/boot/vmlinuz-{installed.release}"
    hidden = ("ubd", "vec0", "lpj")
    assert not [word for word in shown if "b70lab" in word or word.startswith(hidden)]
    assert "(skipped) preset value" in pristine.run("dmesg").stdout, "its speed is not measured"
    assert pristine.run("systemctl --failed --no-legend").stdout == ""


def test_a_machine_and_its_processes_take_turns_on_one_cpu(pristine: UmlMachine) -> None:
    assert pristine.kernel_pid() in Group(pristine.unique).pids(BOX)
    cpus = of_each(pristine, lambda pid: sorted(os.sched_getaffinity(pid)))
    assert len(cpus) > 10, "the guest's processes are processes here"
    assert cpus == [cpus[0]] * len(cpus)
    assert len(cpus[0]) == 1


def test_it_answers_as_its_unprivileged_user_with_the_identity_that_is_pinned(
    pristine: UmlMachine,
) -> None:
    said = over_ssh(pristine, "id -un; sudo -n id -un; hostname; cat /etc/machine-id")
    assert said.split() == ["rig", "root", pristine.name, pristine.machine_id]


def test_facts_of_a_live_kernel_find_four_healthy_cards_and_nothing_simulated(
    site: Site, pristine: UmlMachine
) -> None:
    four_healthy_cards_are_found(site.folder, pristine)


def test_the_extra_disks_are_blank_and_found_by_their_serial_number(pristine: UmlMachine) -> None:
    for serial, size in (("system", "6G"), ("extra1", "1G"), ("extra2", "320M"), ("extra3", "1G")):
        disk = f"/dev/disk/by-id/virtio-{serial}"
        assert pristine.run(f"lsblk -dno SIZE {disk}").stdout.strip() == size
    blank = pristine.run("blkid -p /dev/disk/by-id/virtio-extra1", check=False)
    assert blank.returncode == 2


def test_reading_the_links_wakes_no_card_and_reading_the_downgrade_state_does(
    pristine: UmlMachine,
) -> None:
    before = pristine.cards.wakes(2)
    pristine.cards.suspend(2)
    cards(pristine)
    assert pristine.cards.wakes(2) == before
    assert pristine.cards.runtime_status(2) == "suspended"
    file = f"/sys/bus/pci/devices/{pristine.cards.bdf(2)}/auto_link_downgrade_status"
    assert pristine.run(f"cat {file}").stdout == "0\n"
    assert pristine.cards.wakes(2) == before + 1


def test_the_driver_lets_a_bound_card_sleep_whatever_was_set_before(pristine: UmlMachine) -> None:
    pristine.cards.unbind(0)
    pristine.cards.power_control(0, "on")
    pristine.cards.bind(0)
    assert pristine.cards.power_control(0) == "auto"


def test_the_initramfs_carries_the_driver_and_its_firmware(pristine: UmlMachine) -> None:
    listed = pristine.run("lsinitramfs /boot/initrd.img-$(uname -r)").stdout
    for name in ("updates/xe.ko", "firmware/xe/bmg_guc_70.bin", "firmware/xe/bmg_huc.bin"):
        assert name in listed


def test_a_frozen_network_swallows_packets_while_the_machine_lives(pristine: UmlMachine) -> None:
    pristine.freeze()
    try:
        with pytest.raises(TimeoutError):
            socket.create_connection((pristine.address, pristine.port), timeout=2)
        assert pristine.run("echo still here").stdout == "still here\n"
    finally:
        pristine.thaw()
    pristine.wait_ready()


# -- power ----------------------------------------------------------------------------------------


def test_a_reboot_a_reset_and_a_power_cut_each_start_a_new_boot_of_the_same_machine(
    borrowed: UmlMachine,
) -> None:
    vm = borrowed
    boots = [vm.boot_id()]
    vm.write("/root/kept", "kept\n")
    vm.run("sync; echo gone >/root/gone")
    vm.reset()
    vm.wait_ready(not_boot_id=boots[-1])
    boots.append(vm.boot_id())
    assert vm.run("cat /root/gone", check=False).stdout != "gone\n", "nobody had flushed it"
    vm.reboot()
    boots.append(vm.boot_id())
    vm.run("echo safe >/root/safe; sync; echo gone >/root/gone")
    vm.kill9()
    assert not vm.is_running()
    vm.start()
    vm.wait_ready()
    boots.append(vm.boot_id())
    assert len(set(boots)) == 4
    assert vm.read("/root/kept") == "kept\n"
    assert vm.read("/root/safe") == "safe\n"
    assert vm.run("cat /root/gone", check=False).stdout != "gone\n"
    assert [boot.end for boot in vm.boots()][-2:] == ["RESET", "REBOOT"]
    assert over_ssh(vm, "cat /etc/machine-id").strip() == vm.machine_id


def test_a_kernel_that_panics_starts_over_when_its_setting_says_so_and_else_stands_still(
    borrowed: UmlMachine,
) -> None:
    vm = borrowed
    before, count = vm.boot_id(), len(vm.boots())
    # the live setting counts, not the command line
    vm.run("sysctl -q kernel.panic=1")
    vm.panic()
    vm.wait_ready(BACK_WITHIN_S, not_boot_id=before)
    vm.run("sysctl -q kernel.panic=0")
    vm.panic()
    wait_for(lambda: len(vm.boots()) == count + 2, "the kernel has given up")
    assert [boot.end for boot in vm.boots()[-2:]] == ["PANIC", "PANIC"]
    assert vm.is_running()
    assert not Group(vm.unique).pids(BOX), "nothing of it runs"
    vm.reset()
    vm.wait_ready(BACK_WITHIN_S)


def test_a_machine_that_hangs_is_silent_until_its_watchdog_or_a_person_resets_it(
    borrowed: UmlMachine,
) -> None:
    vm = borrowed
    before = vm.boot_id()
    vm.hang()
    with pytest.raises(TimeoutError), socket.create_connection((vm.address, 22), 2) as connection:
        connection.recv(4)
    # what a watchdog on the board does: it asks nobody
    kernel = vm.kernel_pid()
    assert kernel is not None
    os.kill(kernel, signal.SIGKILL)
    vm.wait_ready(BACK_WITHIN_S, not_boot_id=before)
    assert vm.boots()[-1].end == "RESET"


def test_a_saved_state_is_its_disks_and_going_back_to_it_is_a_boot(
    borrowed: UmlMachine,
) -> None:
    vm = borrowed
    boot = vm.boot_id()
    vm.write("/root/later", "x\n")
    vm.snapshot("later")
    assert vm.boot_id() == boot, "it goes on running"
    vm.restore(BOOTED)
    assert vm.run("test -e /root/later", check=False).returncode == 1
    vm.kill9()
    vm.restore("later")
    assert vm.read("/root/later") == "x\n"
    assert vm.boot_id() != boot
    assert (
        vm.run(
            "fsck.ext4 -n /dev/disk/by-id/virtio-system-part1 2>&1 | grep -c 'recovering'",
            check=False,
        ).stdout.strip()
        == "0"
    )


def test_a_machine_whose_kernel_file_is_gone_stands_still_with_grubs_words_on_its_console(
    bench: Bench,
) -> None:
    vm = bench.takes(BOOTED)
    vm.run("rm /boot/vmlinuz-* && sync")
    vm.reset()
    wait_for(lambda: vm.boots()[-1].end == "DEAD", "GRUB has given up")
    assert "not found" in vm.serial()[-3000:]
    assert vm.is_running()


def test_a_kernel_without_seccomp_mode_runs_its_processes_by_ptrace(bench: Bench) -> None:
    """Sources older than 6.16 have no other mode."""
    able = bench.machine.record

    def unable(machine: UmlMachine) -> None:
        machine.record = replace(able, seccomp=False)

    try:
        vm = bench.switches_on(BOOTED, unable)
        tracers = set(of_each(vm, tracer))
        assert tracers == {0, vm.kernel_pid()}
        assert over_ssh(vm, "id -un").strip() == "rig"
    finally:
        bench.machine.record = able


def test_a_machine_that_is_switched_off_stays_off(vm: UmlMachine) -> None:
    vm.stop()
    assert not vm.is_running()
    assert vm.boots()[-1].end == "OFF"


# -- what boots -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(lab: Lab, bench: Bench) -> str:
    """Return the state in which both kernels are installed and the older one is the default."""
    vm = bench.owns(BOOTED)
    installed, newer = kernels(lab)
    source = lab.mirror.sources(kind=vm.kind)["kernels-uml"]
    vm.write("/etc/apt/keyrings/kernels.asc", source.armored)
    found = []
    for snapshot in (source.snapshots[0], source.snapshots[-1]):
        vm.write(
            "/etc/apt/sources.list.d/kernels.sources",
            f"Types: deb\nURIs: {source.url.replace('{snapshot}', snapshot)}\n"
            f"Suites: {source.suite}\nComponents: {source.component}\n"
            "Signed-By: /etc/apt/keyrings/kernels.asc\n",
        )
        vm.run("apt-get -q update")
        found.append(set(vm.run("apt-cache pkgnames linux-image").stdout.split()))
    assert newer.package not in found[0], "the older snapshot is from before it came out"
    assert {installed.package, newer.package} <= found[1]
    vm.run(f"apt-get -q -y install {newer.modules}", timeout_s=300)
    vm.run("echo GRUB_DEFAULT=saved >>/etc/default/grub && update-grub")
    vm.run(f"grub-set-default '{entry(vm, installed.release)}'")
    bench.saved("both")
    return "both"


def test_a_one_shot_entry_boots_once_and_the_next_boot_is_the_saved_one(
    lab: Lab, bench: Bench, both: str
) -> None:
    vm = bench.takes(both)
    installed, newer = kernels(lab)
    vm.run(f"grub-reboot '{entry(vm, newer.release)}'")
    vm.reboot()
    assert vm.run("uname -r").stdout.strip() == newer.release
    assert "next_entry=\n" in vm.run("grub-editenv - list").stdout + "\n"
    vm.reboot()
    assert vm.run("uname -r").stdout.strip() == installed.release


def test_a_card_may_be_missing_under_the_new_kernel_only_or_in_one_boot_only(
    lab: Lab, bench: Bench, both: str
) -> None:
    _, newer = kernels(lab)

    def fit(machine: UmlMachine) -> None:
        machine.show_when(ONE_MISSING, kernel=f"*{newer.release}")
        machine.show_when(shapes.DEGRADED_X8, boots=(3,))

    vm = bench.switches_on(both, fit)
    present = [card.bdf for card in cards(vm)]
    assert len(present) == 4
    vm.run(f"grub-reboot '{entry(vm, newer.release)}'")
    vm.reboot()
    assert [card.bdf for card in cards(vm)] == [present[0], *present[2:]]
    vm.reboot()
    vm.cards.keep_awake()
    assert [judge(card).state for card in cards(vm)].count(LinkState.DEGRADED) == 1


# -- more than one, and what is left --------------------------------------------------------------


def test_disks_come_and_go_with_the_power(vm: UmlMachine) -> None:
    vm.run("mkfs.ext4 -q -L kept /dev/disk/by-id/virtio-extra1")
    vm.pull_disk(1)
    vm.stop()
    vm.start()
    vm.wait_ready()
    assert vm.run("ls /dev/disk/by-id/virtio-extra1", check=False).returncode == 2
    vm.plug_disk(1)
    vm.stop()
    vm.start()
    vm.wait_ready()
    label = vm.run("blkid -s LABEL -o value /dev/disk/by-id/virtio-extra1").stdout
    assert label == "kept\n"


@contextmanager
def started_by_somebody_else(lab: Lab, name: str) -> Iterator[UmlMachine]:
    """Let a process of its own start a machine and be killed."""
    code = f"from lab.lab import Lab; Lab.open().up_uml({name!r}); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
    yield next(machine for machine in lab.umls() if machine.name == name)


def test_a_machine_whose_maker_was_killed_runs_on_and_is_removed_without_a_trace(
    lab: Lab, bench: Bench
) -> None:
    name = f"{bench.machine.name}-orphan"
    with started_by_somebody_else(lab, name) as orphan:
        assert over_ssh(orphan, "hostname").strip() == name
        assert [orphan.name] == lab.down([name])
        assert not orphan.folder.exists()
        assert not [left for left in cgroups.leftovers(lab.settings.bridge) if name in left]
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True)
        assert f"{lab.settings.bridge}v{orphan.record.number}:" not in links.stdout
        processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert not [words for words in processes if str(orphan.folder).encode() in words]


def test_the_room_for_disks_is_cheap_to_copy_in_and_is_taken_away_whole(
    lab: Lab, tmp_path: Path
) -> None:
    settings = replace(lab.settings, root=tmp_path)
    disks.make_room(settings)
    try:
        assert disks.room_is_ready(settings)
        disk_file = settings.uml / "one.raw"
        disk_file.write_bytes(os.urandom(1 << 20) * 64)
        subprocess.run(["sync", "-f", disk_file], check=True)
        before = os.statvfs(settings.uml).f_bavail
        disks.copy(disk_file, settings.uml / "two.raw")
        subprocess.run(["sync", "-f", disk_file], check=True)
        after = os.statvfs(settings.uml)
        assert (before - after.f_bavail) * after.f_frsize < 8 << 20, "64 MiB are shared"
        assert (settings.uml / "two.raw").read_bytes() == disk_file.read_bytes()
    finally:
        disk.unmount(settings.root)
    assert disk.mounted_below(settings.root) == []
