"""sysctl.d as a boot reads it: order by file name, stronger directories hide namesakes."""

from __future__ import annotations

from pathlib import Path

from facts.system.sysctl_files import BootSettings, SysctlFiles
from tests.unit.fact_frame import plant, run_below


def parse(*lines: str) -> BootSettings:
    """Parse what the script prints for some lines of drop-ins."""
    return SysctlFiles().parse("\n".join(["#b70 settings", *lines]))


def test_the_file_whose_name_sorts_last_has_the_last_word() -> None:
    found = parse(
        "/etc/sysctl.d/99-hardlockup-panic.conf:1:kernel.hardlockup_panic = 1",
        "/etc/sysctl.d/90-b70fleet.conf:2:kernel.hardlockup_panic = 0",
        "/usr/lib/sysctl.d/95-vendor.conf:2:kernel.hardlockup_panic = 0",
    )
    last = found.last_word("kernel.hardlockup_panic")
    assert last is not None
    assert (last.file, last.value) == ("/etc/sysctl.d/99-hardlockup-panic.conf", "1")


def test_a_file_in_etc_hides_its_namesake_of_the_vendor() -> None:
    found = parse(
        "/usr/lib/sysctl.d/99-x.conf:1:vm.swappiness=60",
        "/etc/sysctl.d/99-x.conf:1:vm.swappiness=10",
    )
    assert [setting.value for setting in found.settings] == ["10"]


def test_both_ways_to_write_a_key_are_the_same_setting() -> None:
    found = parse("/etc/sysctl.d/a.conf:1:-net/ipv4/tcp_rmem = 1\t2   3")
    last = found.last_word("net.ipv4.tcp_rmem")
    assert last is not None
    assert last.value == "1 2 3"


def test_comments_patterns_and_lines_without_a_value_are_no_settings() -> None:
    found = parse(
        "/etc/sysctl.d/a.conf:1:; vm.swappiness = 1",
        "/etc/sysctl.d/a.conf:2:net.ipv4.conf.*.rp_filter = 2",
        "/etc/sysctl.d/a.conf:3:-net.ipv4.conf.all.rp_filter",
    )
    assert found.settings == ()
    assert found.last_word("vm.swappiness") is None


def test_a_drop_in_that_may_not_be_read_is_told() -> None:
    assert parse("!/etc/sysctl.d/secret.conf").denied == ("/etc/sysctl.d/secret.conf",)


def test_one_odd_line_of_a_drop_in_is_named_and_sets_nothing() -> None:
    found = parse(
        "/etc/sysctl.d/a.conf:1:vm.swappiness 10",
        "/etc/sysctl.d/a.conf:2:vm.max_map_count = 5\udce9",
        "/etc/sysctl.d/a.conf:3:; a comment",
        "/etc/sysctl.d/a.conf:4:-net.ipv4.conf.all.rp_filter",
        "/etc/sysctl.d/a.conf:5:kernel.panic = 10",
    )
    assert [setting.value for setting in found.settings] == ["10"]
    assert {line.number for line in found.odd} == {1, 2}


def test_an_empty_file_in_etc_hides_its_namesake_of_the_vendor(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "usr/lib/sysctl.d/99-vendor.conf": "vm.swappiness = 60\n",
            "usr/lib/sysctl.d/98-vendor.conf": "vm.swappiness = 50\n",
            "usr/lib/sysctl.d/10-vendor.conf": "vm.swappiness = 10\n",
            "etc/sysctl.d/99-vendor.conf": "# only a comment\n",
        },
    )
    (tmp_path / "etc/sysctl.d/98-vendor.conf").symlink_to("/dev/null")
    found = run_below(SysctlFiles(), tmp_path, "/etc", "/run", "/usr")
    assert [setting.value for setting in found.settings] == ["10"]
