"""Specification of what the lab's virtual machines are made of, without starting any."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from fleet.config import load
from lab import rigshape, shapes, store
from lab.changes import Changes
from lab.errors import LabError
from lab.fleet import GroupFile, write_fleet
from lab.kinds import NSPAWN, VM, Kind
from lab.lab import Lab
from lab.releases import Release
from lab.settings import Settings
from lab.vm import disks, image, modules, qemu, smbios, tap, wire
from lab.vm.cards import Cards
from lab.vm.kernels import Kernel
from lab.vm.recipe import Firmware
from lab.vm.record import BIOS, VmRecord
from lab.vm.uefi import image as uefi

SETTINGS = Settings(Path("/srv/lab"), "b70lab0", IPv4Network("10.70.0.0/24"), 8070)
FIRMWARE = Firmware("linux-firmware", "1", {"/lib/firmware/xe/bmg_guc_70.bin": "70.54.0"})
OLD = Kernel("6.1.0-50-cloud-amd64", "linux-image-6.1.0-50-cloud-amd64", "6.1.176-1", "6.1.176-1")


def hardware(**changes: object) -> qemu.Hardware:
    plain = qemu.Hardware(
        "b70lab0-v1", {"system": "system.qcow2"}, "b70lab0v11", "02:b7:00:00:00:0b", "S1", "BOARD"
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_machine_needs_no_hardware_virtualization() -> None:
    words = qemu.command(hardware())
    assert words[words.index("-accel") + 1] == "tcg,thread=multi"


def test_a_reboot_is_no_end_of_the_machine_and_switching_it_off_is(tmp_path: Path) -> None:
    """The script runs a stand-in that is reset twice and then switched off."""
    (tmp_path / "qemu-system-x86_64").write_text(
        '#!/bin/sh\necho "$@" >>runs\n'
        "[ $(wc -l <runs) -lt 3 ] && echo 'reboot: Restarting system' >>serial.log || "
        "echo 'reboot: Power down' >>serial.log\n"
    )
    (tmp_path / "qemu-system-x86_64").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    script = qemu.script(hardware(), "saved")
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=20)
    runs = (tmp_path / "runs").read_text().splitlines()
    assert ["-loadvm saved" in run for run in runs] == [True, False, False]
    assert all("-no-reboot" in run for run in runs)


def test_only_a_machine_with_uefi_has_its_variables_and_only_its_firmware_may_write_them() -> None:
    words = qemu.command(hardware(uefi=("code.fd", "vars.qcow2")))
    assert words[words.index("-machine") + 1] == "q35,smm=on"
    assert "driver=cfi.pflash01,property=secure,value=on" in words
    flash = [word for word in words if word.startswith("if=pflash")]
    assert ["readonly=on" in word for word in flash] == [True, False]
    assert "pflash" not in " ".join(qemu.command(hardware()))


def test_the_guest_sees_each_disk_by_its_serial_number() -> None:
    words = qemu.command(hardware(disks=disks.files(("2G", "1G"))))
    devices = [word for word in words if word.startswith("virtio-blk-pci")]
    assert [word.rpartition("serial=")[2] for word in devices] == ["system", "extra1", "extra2"]


def test_a_pulled_disk_leaves_the_others_their_serial_numbers() -> None:
    found = disks.files(("2G", "1G"), pulled=(1,))
    assert found == {"system": "system.qcow2", "extra2": "extra2.qcow2"}


def test_a_comma_in_an_smbios_value_is_not_taken_for_an_option() -> None:
    words = qemu.command(hardware(oem=("b70lab:cur_gen=5,4",)))
    assert "type=11,value=b70lab:cur_gen=5,,4" in words


def test_a_start_from_a_snapshot_says_so_and_an_ordinary_one_does_not() -> None:
    assert qemu.command(hardware(), "booted")[-2:] == ["-loadvm", "booted"]
    assert "-loadvm" not in qemu.command(hardware())


def test_the_link_is_a_tap_on_the_labs_bridge_that_a_purge_finds_by_its_name() -> None:
    commands = tap.plug_in_commands(SETTINGS, 11)
    assert ["ip", "tuntap", "add", "dev", "b70lab0v11", "mode", "tap"] in commands
    assert ["ip", "link", "set", "b70lab0v11", "master", "b70lab0", "up"] in commands


def test_the_guest_has_a_fixed_address_and_no_way_beyond_the_bridge() -> None:
    text = tap.guest_network(SETTINGS, 11)
    assert "MACAddress=02:b7:00:00:00:0b\n" in text
    assert "Address=10.70.0.11/24\n" in text
    assert text.count("Type=unreachable\n") == 2


def test_a_healthy_rig_is_four_cards_at_full_speed_without_one_on_the_machines_own_bus() -> None:
    tree, driver = smbios.strings(smbios.fitted(shapes.HEALTHY_GEN5, "S1"))
    assert tree == (
        "b70lab:cards=4;present=1,1,1,1;cur_gen=5,5,5,5;cur_width=16,16,16,16;rp_gen=5,5,5,5;"
        "rp_width=16,16,16,16;rebar_mb=32768,32768,32768,32768;busbase=64,128,160,224"
    )
    assert driver == (
        "b70lab-xe:dg_status=0,0,0,0;survivability=0,0,0,0;idle_vram_mib=130,24,24,24"
    )


def test_every_setting_that_is_handed_over_is_known_to_the_module_that_reads_it() -> None:
    shape = smbios.fitted(shapes.SWITCH_GEN1, "S1")
    slots = smbios.fitted(shapes.HEALTHY_GEN5, "S1")
    sources = Path(image.__file__).parent.parent / "fakeb70"
    for texts in (smbios.strings(shape, (0, 5)), smbios.strings(slots)):
        for text, source in zip(texts, ("fakeb70.c", "xe.c"), strict=True):
            prefix, _, settings = text.partition(":")
            code = (sources / source).read_text()
            assert f'"{prefix}:"' in code
            for setting in settings.split(";"):
                assert f'{{ "{setting.partition("=")[0]}", ' in code, setting


def test_a_card_that_only_falls_over_later_is_refused_at_power_on_and_the_verb_is_named() -> None:
    with pytest.raises(LabError) as caught:
        smbios.fitted(shapes.DEAD_CARD, "S1")
    assert "cards.dead" in caught.value.hint


@pytest.mark.parametrize("shape", [shapes.HEALTHY_GEN5, shapes.SWITCH_GEN1])
def test_the_addresses_of_the_inventory_are_the_ones_that_the_module_makes(
    shape: rigshape.RigShape,
) -> None:
    fitted = smbios.fitted(shape, "S1")
    found = [rigshape.gpu_address(fitted, index) for index in range(4)]
    if shape.switch:
        assert found == ["0000:45:00.0", "0000:49:00.0", "0000:4d:00.0", "0000:51:00.0"]
    else:
        assert found == ["0000:43:00.0", "0000:83:00.0", "0000:a3:00.0", "0000:e3:00.0"]


class Guest:
    """A machine of the test's own: it remembers commands and answers reads."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.commands: list[str] = []

    def __call__(self, command: str, /) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, 0, self.said, "")


def test_a_retrain_touches_one_card_and_keeps_the_others() -> None:
    guest = Guest("5,5,5,5,5,5,5,5\n")
    Cards(guest, smbios.fitted(shapes.HEALTHY_GEN5, "S1")).retrain(1, gen=3)
    assert guest.commands[-1] == "echo 5,3,5,5,5,5,5,5 >/sys/module/fakeb70/parameters/cur_gen"


def test_unplugging_removes_the_whole_card_and_not_the_gpu_alone() -> None:
    guest = Guest("")
    Cards(guest, smbios.fitted(shapes.HEALTHY_GEN5, "S1")).unplug(1)
    assert guest.commands == ["echo 1 >/sys/bus/pci/devices/0000:81:00.0/remove"]


def test_the_stand_in_firmware_carries_its_version_where_the_driver_looks() -> None:
    content = modules.blob("70.44.1")
    assert struct.unpack_from("<I", content, 64) == (70 << 16 | 44 << 8 | 1,)
    driver = (Path(image.__file__).parent.parent / "fakeb70" / "xe.c").read_text()
    assert "FIRMWARE_VERSION_AT\t64" in driver


def test_the_driver_of_a_kernel_is_a_real_package_that_tells_modprobe(tmp_path: Path) -> None:
    package = modules.driver_package(OLD, b"\x7fELF", FIRMWARE)
    path = modules.pack(package, tmp_path)
    assert path.name == "linux-modules-extra-6.1.0-50-cloud-amd64_6.1.176-1_amd64.deb"
    listed = subprocess.run(["dpkg-deb", "-c", path], capture_output=True, text=True, check=True)
    assert "./lib/modules/6.1.0-50-cloud-amd64/updates/xe.ko" in listed.stdout
    subprocess.run(["dpkg-deb", "-e", path, tmp_path / "control"], check=True)
    assert "depmod 6.1.0-50-cloud-amd64" in (tmp_path / "control/postinst").read_text()
    fields = subprocess.run(["dpkg-deb", "-f", path, "Depends"], capture_output=True, text=True)
    assert fields.stdout == "linux-image-6.1.0-50-cloud-amd64, linux-firmware\n"


def test_the_older_snapshot_has_nothing_of_the_newer_kernel() -> None:
    newer = Kernel("6.1.0-56-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64", "6.1.192-2")
    built = image.Image(Path("/x"), OLD, newer)
    names = {
        "linux-image-6.1.0-50-cloud-amd64_6.1.176-1_amd64.deb": True,
        "linux-image-cloud-amd64_6.1.176-1_amd64.deb": True,
        "linux-firmware_1_all.deb": True,
        "linux-image-cloud-amd64_6.1.192-2_amd64.deb": False,
        "linux-modules-extra-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb": False,
    }
    assert {name: built.of_older_snapshot(Path(name)) for name in names} == names


def test_the_partition_leaves_room_for_grub_and_ends_with_the_disk() -> None:
    script = image.partition_script(64 << 20)
    assert script == "label: dos\nstart=2048, size=129024, type=83, bootable\n"


def test_the_root_of_a_disk_for_uefi_lies_where_it_does_on_a_disk_for_a_bios() -> None:
    script = uefi.partition_script(64 << 20, 32 << 20)
    first, second = script.splitlines()[1:]
    assert first == "1: start=131072, size=65536, type=uefi"
    assert second == "2: start=2048, size=129024, type=linux"


def test_a_distribution_without_signed_boot_loaders_in_the_lab_is_refused_by_name() -> None:
    assert uefi.of(Release("debian", "trixie")).vendor == "debian"
    with pytest.raises(LabError, match="no machines of ubuntu that boot by UEFI"):
        uefi.of(Release("ubuntu", "noble"))


def test_a_firmware_that_no_machine_has_is_refused_by_name() -> None:
    with pytest.raises(LabError, match="no firmware is called 'coreboot'"):
        Lab(SETTINGS).up_vm("v1", firmware="coreboot")


def test_a_file_system_in_a_partition_is_found_at_the_partitions_offset(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    label = "00000000-1111-2222-3333-444444444444"
    table = b"partition table and boot loader".ljust(image.OFFSET, b".")
    with disk.open("wb") as stream:
        stream.write(table)
        stream.truncate(64 << 20)
    words = image.make_filesystem(disk, 64 << 20, label)
    subprocess.run(words, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    shown = subprocess.run(
        ["/sbin/blkid", "-p", "-O", str(image.OFFSET), "-o", "value", "-s", "UUID", disk],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == label
    with disk.open("rb") as stream:
        assert stream.read(image.OFFSET) == table
    assert disk.stat().st_size == 64 << 20


def test_a_record_survives_being_written_and_read(tmp_path: Path) -> None:
    shape = smbios.fitted(shapes.SWITCH_GEN1, "S1")
    kept = VmRecord("v1", 11, "vm-x", "trixie", shape, ("2G",), (1,), (0, 9), 2, 1024)
    store.save(tmp_path, kept)
    assert store.load(tmp_path, VmRecord) == kept


def test_a_machine_from_before_the_choice_of_firmware_has_a_bios(tmp_path: Path) -> None:
    kept = VmRecord("v1", 11, "vm-x", "trixie", smbios.fitted(shapes.HEALTHY_GEN5, "S1"))
    store.save(tmp_path, kept)
    file = tmp_path / "machine.json"
    data = json.loads(file.read_text())
    assert data.pop("firmware") == BIOS
    file.write_text(json.dumps(data))
    assert store.load(tmp_path, VmRecord) == kept


def test_a_torn_record_is_no_virtual_machine(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text('{"name": "v1", "num')
    assert store.load(tmp_path, VmRecord) is None


def test_machines_of_both_kinds_share_one_range_of_addresses(tmp_path: Path) -> None:
    settings = replace(SETTINGS, root=tmp_path)
    store.save(settings.machines / "a", store.Record("a", 11, "x", "bookworm"))
    shape = smbios.fitted(shapes.HEALTHY_GEN5, "S1")
    store.save(settings.vms / "v", VmRecord("v", 12, "y", "bookworm", shape))
    assert store.free_number(store.numbers(settings)) == 13


def test_what_virtual_machines_need_is_listed_before_and_only_when_one_is_wanted(
    tmp_path: Path,
) -> None:
    settings = replace(SETTINGS, root=tmp_path)

    def sentences(*kinds: Kind) -> str:
        return " ".join(change.sentence for change in Changes(settings, print, None, kinds).all())

    assert "disk image of virtual machines" in sentences(VM)
    assert "disk image of virtual machines" not in sentences(NSPAWN)


@pytest.mark.parametrize("newer", [OLD, None])
def test_a_fleet_of_virtual_machines_follows_the_newer_kernel_when_it_is_asked_for(
    tmp_path: Path, newer: Kernel | None
) -> None:
    groups = {"lab": GroupFile({}), "vm": GroupFile({}, newer=newer)}
    write_fleet(tmp_path, [], groups, "20260523T000000Z")
    (tmp_path / "hosts.yaml").write_text(
        "hosts: {v1: {kind: lab, address: 192.0.2.1, groups: [vm]}}\n"
    )
    stack = load(tmp_path, {}).hosts["v1"].stack
    boot = stack.boot if stack else None
    assert (boot.kernel.uname if boot else None) == (newer.release if newer else None)


@pytest.fixture
def guest_agent(tmp_path: Path) -> Iterator[Path]:
    """Serve a guest agent that first gives an answer to somebody who went away."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / qemu.AGENT))
    server.listen(1)

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rwb") as stream:
            asked = json.loads(stream.readline().lstrip(b"\xff"))
            stream.write(b'{"return": {"pid": 99}}\n')
            stream.write(
                b"\xff" + json.dumps({"return": asked["arguments"]["id"]}).encode() + b"\n"
            )
            stream.flush()
            stream.readline()
            stream.write(b'{"error": {"desc": "no such command"}}\n')
            stream.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield tmp_path
    server.close()
    thread.join(5)


def test_an_answer_to_somebody_else_is_not_taken_and_a_refusal_is_an_error(
    guest_agent: Path,
) -> None:
    with wire.agent(guest_agent, 5) as agent, pytest.raises(LabError, match="no such command"):
        agent.call("guest-nonsense")


@pytest.mark.parametrize("how", ["in good order", "with a call unread", "before the call"])
def test_the_other_side_is_gone_however_the_socket_says_so(how: str) -> None:
    """A socket tells it as an end of file, as a reset, or as a broken pipe."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = wire.Wire(ours, time.monotonic() + 5)
        if how == "in good order":
            theirs.shutdown(socket.SHUT_WR)
        elif how == "with a call unread":
            ours.sendall(b"unread")
            theirs.close()
        else:
            theirs.close()
        with pytest.raises(wire.Closed):
            line.call("query-status")
        with pytest.raises(wire.Closed):
            line.line()


def test_a_machine_has_started_once_its_monitor_takes_calls_not_once_its_socket_is_there(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / qemu.QMP))
        with pytest.raises(wire.NotRunning):
            wire.wait_started(tmp_path, 0.1)

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rwb") as stream:
                for answer in (b'{"QMP": {}}', b'{"return": {}}', b'{"return": {}}'):
                    stream.write(answer + b"\n")
                    stream.flush()
                    stream.readline()

        with ThreadPoolExecutor(2) as pool:
            started = pool.submit(wire.wait_started, tmp_path, 30)
            server.listen(1)
            pool.submit(serve)
            started.result(30)


def test_a_machine_that_is_off_is_named_with_the_command_that_starts_it(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    folder.mkdir()
    with pytest.raises(LabError) as caught, wire.agent(folder, 1):
        pass
    assert caught.value.hint == "b70 lab up --vm v1"
