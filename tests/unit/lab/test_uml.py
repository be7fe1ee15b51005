"""Specification of what User-mode Linux machines are made of, without starting any."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import cli, shapes, store
from lab.aptsources import ArchiveLine
from lab.errors import LabError
from lab.uml import disks, dracut, kernels, supervisor
from lab.uml.layout import layouts
from lab.uml.plan import Cards, End, Ended, Grub, Plan, cpu, hardware, judge
from lab.uml.record import Showing, UmlRecord
from lab.vm import smbios

ALWAYS = Cards("cards=4", "dg_status=0,0,0,0")
PLAN = Plan(
    name="b70t0-u1",
    number=11,
    serial="LABVM-U1",
    board="ROMED8-2T BCM",
    link="b70t0v11",
    mac="02:b7:00:00:00:0b",
    memory_mib=512,
    disks={"system": "system.raw", "extra1": "extra1.raw"},
    seccomp=True,
    grub=Grub(("emu",), ("fstest",), "hd0,msdos1", "/boot/grub"),
    cards=(ALWAYS,),
    box=("/sys/fs/cgroup/x/box",),
)
NEW, OLD = "/boot/vmlinuz-7.3.4-57-uml-amd64", "/boot/vmlinuz-7.3.4-50-uml-amd64"


def words(plan: Plan, kernel: str = OLD, line: tuple[str, ...] = (), boot: int = 1) -> list[str]:
    return hardware(plan, kernel, line, boot, initrd=True)


def test_a_plan_survives_being_written_and_read() -> None:
    several = replace(PLAN, cards=(Cards("cards=3", "", "*57*", ("try",), (1, 2)), ALWAYS))
    assert Plan.from_json(several.to_json()) == several


def test_disks_are_plugged_in_order_with_the_serial_number_that_a_guest_looks_for() -> None:
    said = words(PLAN)
    assert "ubd0=system.raw,,system" in said
    assert "ubd1=extra1.raw,,extra1" in said
    assert "initrd=initrd" in said
    assert "initrd=initrd" not in hardware(PLAN, OLD, (), 1, initrd=False)


def test_a_board_whose_name_has_a_blank_stays_one_word_of_the_kernel() -> None:
    assert 'b70lab.board="ROMED8-2T BCM"' in words(PLAN)


def test_a_kernel_without_seccomp_mode_runs_its_processes_by_ptrace() -> None:
    assert "seccomp=on" in words(PLAN)
    assert "seccomp=off" in words(replace(PLAN, seccomp=False))


def test_a_card_that_is_missing_only_under_the_new_kernel_is_there_under_the_old_one() -> None:
    plan = replace(PLAN, cards=(Cards("cards=3", "", kernel="*-57-*"), ALWAYS))
    assert "b70lab.cards=cards=3" in words(plan, NEW)
    assert "b70lab.cards=cards=4" in words(plan, OLD)


def test_hardware_depends_on_a_word_of_the_boot_entry_or_on_the_number_of_the_boot() -> None:
    plan = replace(
        PLAN,
        cards=(Cards("cards=2", "", words=("trial",)), Cards("cards=1", "", boots=(3,)), ALWAYS),
    )
    assert "b70lab.cards=cards=2" in words(plan, OLD, ("quiet", "trial"))
    assert "b70lab.cards=cards=1" in words(plan, boot=3)
    assert "b70lab.cards=cards=4" in words(plan, boot=2)


def test_machines_are_spread_over_the_cpus_that_may_be_used() -> None:
    assert [cpu(number, {4, 1, 7}, ()) for number in (12, 13, 14, 15)] == [1, 4, 7, 1]
    assert cpu(255, {3}, [3, 3]) == 3
    assert cpu(12, {0, 1}, [0]) == 1, "the idle one"
    assert cpu(12, {0, 1}, [0, 1, 1, 9]) == 0, "the one with less to do"
    assert [cpu(number, {0, 1}, [0, 1]) for number in (12, 13)] == [0, 1]


def test_a_machine_looks_which_cpus_the_others_run_on(tmp_path: Path) -> None:
    own = min(os.sched_getaffinity(0))
    with subprocess.Popen(["sleep", "60"]) as other:
        os.sched_setaffinity(other.pid, {own})
        gone = 2**22 + 1  # no process can have this number
        for name, pids in {"a": "", "b": f"{other.pid}\n1\n", "c": f"{gone}\n"}.items():
            (tmp_path / name / "box").mkdir(parents=True)
            (tmp_path / name / "box/cgroup.procs").write_text(pids)
        found = list(supervisor.taken([str(tmp_path / "a/box")]))
        other.kill()
    assert found == [own]
    assert list(supervisor.taken([])) == []


def test_a_machine_with_no_cards_for_a_boot_has_none() -> None:
    plan = replace(PLAN, cards=(Cards("cards=4", "", boots=(1,)),))
    assert not [word for word in words(plan, boot=2) if word.startswith("b70lab.cards")]


@pytest.mark.parametrize(
    ("status", "lived_s", "console", "ended"),
    [
        (0, 5, "[    4.1] reboot: Restarting system\n", Ended(End.REBOOT)),
        (0, 5, "[    4.1] reboot: Power down\n", Ended(End.OFF, None)),
        (0, 5, "[    4.1] reboot: System halted\n", Ended(End.OFF, None)),
        (-9, 5, "[    4.1] anything\n", Ended(End.RESET)),
        (-6, 5, "Kernel panic\nb70lab: panic_timeout=10\n", Ended(End.PANIC, 10)),
        (-6, 5, "Kernel panic\nb70lab: panic_timeout=-1\n", Ended(End.PANIC, 0)),
        (-6, 5, "Kernel panic\nb70lab: panic_timeout=0\n", Ended(End.PANIC, None)),
        (-11, 5, "[    4.1] anything\n", Ended(End.REBOOT)),
        (127, 0.1, "", Ended(End.DEAD, None)),
    ],
)
def test_how_a_boot_ended_decides_whether_and_when_the_next_one_begins(
    status: int, lived_s: float, console: str, ended: Ended
) -> None:
    assert judge(status, lived_s, console) == ended


def test_a_record_survives_being_written_and_read(tmp_path: Path) -> None:
    shape = smbios.fitted(shapes.SWITCH_GEN1, "S1")
    showing = Showing(shape, "*57*", ("trial",), (1, 2))
    kept = UmlRecord("u1", 11, "uml-x", "trixie", shape, ("2G",), (1,), (0, 9), showings=(showing,))
    store.save(tmp_path, kept)
    assert store.load(tmp_path, UmlRecord) == kept


def test_a_release_has_the_names_that_debian_gives_a_kernel() -> None:
    kernel = kernels.names("7.3.4", 57)
    assert kernel.release == "7.3.4-57-uml-amd64"
    assert kernel.package == "linux-image-7.3.4-57-uml-amd64"
    assert kernel.modules == "linux-modules-extra-7.3.4-57-uml-amd64"


def test_the_newest_source_of_all_suites_is_taken_by_debians_order_of_versions() -> None:
    found = [
        {"Package": "linux-source-6.12", "Version": "6.12.107-1"},
        {"Package": "linux-source-7.10", "Version": "7.10.1-1~bpo13+1"},
        {"Package": "linux-source-7.9", "Version": "7.9.12-1"},
    ]
    assert kernels.newest(found)["Package"] == "linux-source-7.10"
    with pytest.raises(LabError, match="no kernel source"):
        kernels.newest([])


@pytest.mark.parametrize(
    ("version", "has"), [("6.1.176", False), ("6.12.9", False), ("6.16", True)]
)
def test_older_sources_fall_back_to_ptrace(version: str, has: bool) -> None:
    assert kernels.has_seccomp(version, kernels.source().seccomp_from) is has


def test_the_source_comes_from_the_mirror_that_this_computer_uses_for_debian() -> None:
    wanted = replace(kernels.source(), suites=("forky",))
    ubuntu = ArchiveLine("http://mirror.example/ubuntu", "noble", ("main",))
    debian = ArchiveLine("http://mirror.example/debian", "bookworm", ("main",))
    (line,) = kernels.archive_lines(wanted, [ubuntu, debian])
    assert "http://mirror.example/debian forky main" in line
    (line,) = kernels.archive_lines(wanted, [ubuntu])
    assert f"{wanted.mirror} forky main" in line


def test_every_layout_names_where_grub_reads_its_files() -> None:
    assert layouts()["plain"].prefix == "/boot/grub"
    assert all(layout.prefix.startswith("/") for layout in layouts().values())


@pytest.mark.parametrize(
    ("maker", "codename", "layout", "said"),
    [
        ("mkinitcpio", "trixie", "plain", "no machine makes its initramfs with 'mkinitcpio'"),
        ("dracut", "bookworm", "plain", "bookworm has no machines that make their initramfs with"),
        ("dracut", "trixie", "lvm", "has the layout plain, not lvm"),
    ],
    ids=["maker", "release", "layout"],
)
def test_an_initramfs_that_no_machine_can_have_is_refused_by_name(
    maker: str, codename: str, layout: str, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        dracut.check(maker, codename, layout)


def test_what_every_machine_can_have_and_debian_13_with_dracut_are_not_refused() -> None:
    dracut.check("initramfs-tools", "bookworm", "lvm")
    dracut.check("dracut", "trixie", "plain")


def test_the_labs_kernels_that_ask_for_initramfs_tools_are_content_with_dracut() -> None:
    archives = "Package: dracut\nProvides: linux-initramfs-tool\nSection: utils\n"
    assert "\nProvides: linux-initramfs-tool, initramfs-tools\n" in dracut.stand_in(archives)


def test_a_saved_state_is_a_copy_of_every_disk_but_the_machines_own_image(tmp_path: Path) -> None:
    for name in (disks.OWN, disks.SYSTEM, "extra1.raw"):
        (tmp_path / name).write_text(f"{name} now\n")
    disks.save(tmp_path, "one")
    (tmp_path / disks.SYSTEM).write_text("changed\n")
    disks.save(tmp_path, "two")
    disks.bring_back(tmp_path, "one")
    assert (tmp_path / disks.SYSTEM).read_text() == "system.raw now\n"
    assert not (tmp_path / disks.STATES / "one" / disks.OWN).exists()
    disks.bring_back(tmp_path, "two")
    assert (tmp_path / disks.SYSTEM).read_text() == "changed\n"


def test_new_disks_forget_saved_states(tmp_path: Path) -> None:
    (tmp_path / disks.OWN).write_text("image\n")
    disks.renew(tmp_path, ("1M",))
    disks.save(tmp_path, "one")
    (tmp_path / disks.SYSTEM).write_text("changed\n")
    disks.renew(tmp_path, ("1M",))
    assert (tmp_path / disks.SYSTEM).read_text() == "image\n"
    assert (tmp_path / "extra1.raw").stat().st_size == 1 << 20
    assert not (tmp_path / disks.STATES).exists()


#: Serves the agent's line of a folder as a supervisor does; its other end echoes what comes.
GUEST = """
import sys
from pathlib import Path
from lab.uml import supervisor
line = supervisor.serve_agent(Path(sys.argv[1]))
print("served", flush=True)
while True:
    line.sendall(line.recv(1 << 16))
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    with subprocess.Popen(
        [sys.executable, "-c", GUEST, tmp_path], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"served\n"
        yield tmp_path
        process.kill()


@pytest.mark.parametrize("size", [6, 100_000])
def test_the_agents_line_serves_one_client_after_the_other_whatever_they_send(
    agent: Path, size: int
) -> None:
    for letter in (b"a", b"b"):
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answer:
            client.connect(str(agent / supervisor.AGENT))
            client.sendall(letter * size)
            assert answer.read(size) == letter * size


def test_the_kernel_is_patched_where_it_takes_arguments_parses_them_and_panics() -> None:
    patch = (kernels.KERNEL / "um.patch").read_text()
    changed = ("b70lab_hardware(", "b70lab_command_line(command_line)", "b70lab_panic();")
    for call in changed:
        assert f"+\t{call}" in patch or f"= {call}" in patch


def test_the_scripts_that_make_kernels_and_disks_are_sound_shell() -> None:
    scripts = [*kernels.KERNEL.glob("*.sh"), *(kernels.ROOM / "guest").glob("*.sh")]
    assert len(scripts) >= 3
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"layout": "lvm"}, "--layout belongs to --uml"),
        ({"initramfs": "dracut"}, "--initramfs belongs to --uml"),
        ({"firmware": "uefi"}, "--firmware belongs to --vm"),
        ({"disk": ["1G"]}, "--disk belongs to"),
    ],
    ids=["layout", "initramfs", "firmware", "disk"],
)
def test_an_option_for_machines_that_boot_is_refused_where_none_is_wanted(
    asked: dict[str, object], said: str
) -> None:
    with pytest.raises(LabError, match=said):
        cli.up(["r1"], **asked)  # type: ignore[arg-type]
