"""What keeps a boot set from being staged: each by the file that has to be changed first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts.boot.kernel import ModprobeXe
from facts.disks.block import Disks
from facts.disks.mountinfo import FstabEntry, Mount
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from gates.stage import stage_obstacles
from tests.given import given
from tests.unit.apt_facts import package_facts
from tests.unit.base_facts import system
from tests.unit.boot_facts import boot, running
from tests.unit.bootsets_given import PACKAGES, SPEC, WANTED, values
from tests.unit.gates.test_boot_state import PLAIN, device, storage

OURS = "/etc/modprobe.d/90-b70fleet-xe.conf"
RAID = storage(
    device("sda", "disk", device("sda2", "part", device("md0", "raid1", at=("/",)))),
    source="/dev/md0",
)
TOOLS = package_facts({"initramfs-tools-core": "0.142"})
RAID_WORDS = ("rd.md.uuid", "rd.auto")


def options(path: str, **said: str) -> ModprobeXe:
    return ModprobeXe(said, (), (path,), (), dict.fromkeys(said, f"{path}:3"))


def found(
    modprobe: ModprobeXe | None = None,
    drop_ins: dict[str, str] | None = None,
    disks: Disks = PLAIN,
    raid_words: tuple[str, ...] = (),
    **settings: str,
) -> list[str]:
    kernel = running(modprobe=modprobe or ModprobeXe({}, (), (), ()))
    loader = boot(drop_ins=drop_ins, settings=settings)
    return stage_obstacles(WANTED, kernel, loader, disks, own=(OURS,), raid_words=raid_words)


def mounted(disks: Disks, target: str, fstype: str = "ext4") -> Disks:
    more = Mount(target, "/dev/sda1", fstype, "8:1", "/", ("rw",), ("rw",))
    return replace(disks, mounts=(*disks.mounts, more))


def test_a_host_where_nobody_elses_word_wins_has_none() -> None:
    assert found() == []
    assert found(disks=mounted(PLAIN, "/boot")) == []


def test_options_of_xe_in_a_file_of_somebody_else_are_named_with_their_line() -> None:
    (text,) = found(options("/etc/modprobe.d/x.conf", probe_display="1"))
    assert text.startswith("/etc/modprobe.d/x.conf:3 sets probe_display=1 for xe")
    assert found(options(OURS, probe_display="1")) == [], "a host of before has that file"


def test_a_module_that_is_kept_from_loading_is_named() -> None:
    (text,) = found(ModprobeXe({}, ("/etc/modprobe.d/no.conf",), (), ()))
    assert text.startswith("/etc/modprobe.d/no.conf keeps xe from being loaded")


def test_what_only_root_may_read_may_say_anything() -> None:
    (text,) = found(ModprobeXe({}, (), (), ("/etc/modprobe.d/secret.conf",)))
    assert "secret.conf cannot be read" in text


@pytest.mark.parametrize(
    "line",
    [
        'GRUB_CMDLINE_LINUX="quiet firmware_class.path=/lib/firmware/mine"',
        "GRUB_CMDLINE_LINUX_DEFAULT='firmware-class.path=/x'",
        "GRUB_CMDLINE_LINUX=firmware_class.path=/x",
    ],
)
def test_a_firmware_path_for_every_entry_is_named_with_its_line(line: str) -> None:
    (text,) = found(drop_ins={"/etc/default/grub.d/10-x.cfg": f"# mine\n{line}\n"})
    assert text.startswith("/etc/default/grub.d/10-x.cfg:2 sets firmware_class.path")


def test_a_boot_that_is_not_mounted_would_be_filled_in_the_wrong_place() -> None:
    entry = FstabEntry("UUID=1", "/boot", "ext4", (), 0, 2)
    unmounted = replace(PLAIN, fstab=(entry,))
    (text,) = found(disks=unmounted)
    assert text == "/boot is not mounted, though /etc/fstab has it; mount /boot first"
    assert found(disks=mounted(unmounted, "/boot")) == []


def test_a_folder_of_sets_that_is_mounted_by_itself_is_not_where_grub_looks() -> None:
    (text,) = found(disks=mounted(PLAIN, "/boot/b70fleet"))
    assert text.startswith("/boot/b70fleet is mounted by itself")


def test_an_array_that_no_word_names_stops_what_does_not_look_for_one() -> None:
    (text,) = found(disks=RAID, raid_words=RAID_WORDS)
    assert "rd.md.uuid or rd.auto" in text
    assert found(disks=RAID) == [], "initramfs-tools finds arrays by itself"
    assert found(disks=PLAIN, raid_words=RAID_WORDS) == []
    named = {"GRUB_CMDLINE_LINUX": "rd.md.uuid=1b70:2 quiet"}
    assert found(disks=RAID, raid_words=RAID_WORDS, **named) == []


def findings(**changes: Any) -> list[Finding]:
    packages = replace(PACKAGES, installed={**PACKAGES.installed, **TOOLS.installed})
    said = values(**{"block": PLAIN, "os": system("ubuntu-24.04"), "packages": packages, **changes})
    return [each for each in inspect(SPEC, given(said)) if each.id == "boot-set-blocked"]


def test_the_doctor_names_it_before_a_converge_refuses() -> None:
    assert findings() == []
    foreign = running(modprobe=options("/etc/modprobe.d/x.conf", probe_display="1"))
    (one,) = findings(kernel=foreign)
    assert one.severity is Severity.CRITICAL
    assert "/etc/modprobe.d/x.conf:3" in one.text
