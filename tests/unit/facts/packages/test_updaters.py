"""Nobody else may upgrade a rig: every other updater is found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.base import wrap
from facts.packages.updater_table import WATCHES
from facts.packages.updaters import Updaters, UpdaterState
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, grep, lack, plant, read, relocated, run_as

PARTS: dict[str, str | tuple[str, str]] = {
    "present": "unattended-upgrades /usr/bin/unattended-upgrade\n",
    "fences": "",
    "units": "apt-daily-upgrade.timer enabled\n",
    "apt": fixture("updaters/apt-config-ubuntu.txt"),
    "needrestart": "",
    "snap_hold": lack("-"),
    "jobs": "",
    "spool": "read",
}


def test_ubuntus_default_is_an_active_updater_of_everything() -> None:
    updater = read(Updaters(), PARTS).updaters["unattended-upgrades"]
    assert (updater.active, updater.can_change, updater.fenced_by) == (True, "all", ())
    assert "apt-daily-upgrade.timer is enabled" in updater.evidence
    assert "upgrades from ${distro_id}:${distro_codename}-security" in updater.evidence


def test_a_blacklist_is_a_fence_but_does_not_stop_it() -> None:
    state = read(Updaters(), {**PARTS, "apt": fixture("updaters/apt-config-fenced.txt")})
    updater = state.updaters["unattended-upgrades"]
    assert updater.active is True
    assert updater.fenced_by == ("Package-Blacklist: linux-, intel-(opencl|igc), [broken",)
    assert state.blacklisted("linux-image-generic") is True
    assert state.blacklisted("intel-igc-core-2") is True
    assert state.blacklisted("libze1") is False
    assert state.blacklisted("xlinux-") is False


@pytest.mark.parametrize(
    ("change", "fence"),
    [
        ({"units": "apt-daily-upgrade.timer masked\n"}, "apt-daily-upgrade.timer is masked"),
        ({"units": "apt-daily-upgrade.timer disabled\n"}, "apt-daily-upgrade.timer is disabled"),
        (
            {"apt": 'APT::Periodic::Unattended-Upgrade "0";\n'},
            "APT::Periodic::Unattended-Upgrade is 0",
        ),
        ({"apt": ""}, "APT::Periodic::Unattended-Upgrade is 0"),
    ],
)
def test_a_stopped_timer_or_period_is_inactive_and_named(
    change: dict[str, str], fence: str
) -> None:
    updater = read(Updaters(), {**PARTS, **change}).updaters["unattended-upgrades"]
    assert updater.active is False
    assert fence in updater.fenced_by


def test_without_apts_configuration_it_is_unknown_whether_it_upgrades() -> None:
    state = read(Updaters(), {**PARTS, "apt": lack("?", "apt-config is not installed")})
    assert isinstance(state.updaters["unattended-upgrades"].active, Unknown)
    assert isinstance(state.blacklisted("linux-image"), Unknown)


def test_needrestart_is_fenced_only_in_list_mode() -> None:
    parts = {**PARTS, "present": "needrestart /usr/sbin/needrestart\n"}
    conf = "/etc/needrestart/needrestart.conf"
    for mode, active in (("l", False), ("a", True), ("i", True)):
        text = grep({conf: f"$nrconf{{restart}} = '{mode}';\n"})
        state = read(Updaters(), {**parts, "needrestart": text})
        assert state.needrestart == mode
        assert state.updaters["needrestart"].active is active
        assert state.updaters["needrestart"].can_change == "services"
    assert read(Updaters(), parts).updaters["needrestart"].active is True
    assert read(Updaters(), parts).needrestart is ABSENT


def test_snapd_is_fenced_by_a_hold_without_end() -> None:
    parts = {**PARTS, "present": "snapd /usr/lib/snapd/snapd\n", "units": "snapd.service enabled\n"}
    assert read(Updaters(), parts).updaters["snapd"].fenced_by == ()
    held = read(Updaters(), {**parts, "snap_hold": '"hold":"forever"'}).updaters["snapd"]
    assert held.fenced_by == ("refreshes are held forever",)
    until = read(Updaters(), {**parts, "snap_hold": '"hold":"2026-12-01T00:00:00Z"'}).updaters[
        "snapd"
    ]
    assert until.fenced_by == ()
    denied = read(Updaters(), {**parts, "snap_hold": lack("!", "needs root")}).updaters["snapd"]
    assert "refresh hold: UNKNOWN (needs root)" in denied.evidence


def test_packagekit_is_active_although_its_unit_is_not_enabled() -> None:
    parts = {**PARTS, "present": "packagekit /usr/libexec/packagekitd\n"}
    assert (
        read(Updaters(), {**parts, "units": "packagekit.service disabled\n"})
        .updaters["packagekit"]
        .active
        is True
    )
    masked = read(Updaters(), {**parts, "units": "packagekit.service masked\n"}).updaters[
        "packagekit"
    ]
    assert (masked.active, masked.fenced_by) == (False, ("packagekit.service is masked",))


def test_leftovers_of_an_installer_are_named_but_do_not_act() -> None:
    parts = {**PARTS, "present": "firmware-override /lib/firmware/updates/xe/bmg_guc_70.bin\n"}
    updater = read(Updaters(), parts).updaters["firmware-override"]
    assert (updater.active, updater.can_change) == (False, "gpu")
    assert updater.evidence == ("/lib/firmware/updates/xe/bmg_guc_70.bin",)


def test_only_root_can_say_that_no_crontab_upgrades() -> None:
    assert "cron" not in read(Updaters(), PARTS).updaters
    state = read(Updaters(), {**PARTS, "spool": lack("!", "needs root")})
    assert state.updaters["cron"].active == Unknown("needs root")


ALL_PRESENT = {
    "unattended-upgrades": {"/usr/bin/unattended-upgrade": "x"},
    "snapd": {"/usr/lib/snapd/snapd": "x"},
    "cloud-init": {"/usr/bin/cloud-init": "x"},
    "fwupd": {"/usr/libexec/fwupd/fwupd": "x"},
    "landscape": {"/usr/bin/landscape-client": "x"},
    "canonical-livepatch": {"/var/snap/canonical-livepatch/common/x": ""},
    "packagekit": {"/usr/libexec/packagekitd": "x"},
    "mintupdate": {"/usr/bin/mintupdate-automation": "x"},
    "cron-apt": {"/usr/sbin/cron-apt": "x"},
    "needrestart": {"/usr/sbin/needrestart": "x"},
    "dkms": {"/var/lib/dkms/xe/1.0/source": "x"},
    "puppet": {"/usr/bin/puppet": "x"},
    "salt-minion": {"/usr/bin/salt-minion": "x"},
    "chef": {"/usr/bin/chef-client": "x"},
    "ansible-pull": {"/etc/systemd/system/ansible-pull.timer": "x"},
    "intel-offline-installer": {"/root/multi-arc-bmg-offline-installer-26.18/installer.sh": "x"},
    "firmware-override": {"/lib/firmware/updates/xe/bmg_guc_70.bin": "x"},
}


def on_tree(root: Path) -> UpdaterState:
    tops = ("/etc", "/usr", "/var", "/lib", "/run", "/root", "/home", "/opt", "/snap")
    script = relocated(Updaters().script(), root, *tops)
    state = run_as(Updaters(), wrap(script, 10))
    assert isinstance(state, UpdaterState), state
    return state


def test_every_row_of_the_table_is_planted() -> None:
    assert set(ALL_PRESENT) == {watch.name for watch in WATCHES}


@pytest.mark.parametrize("name", sorted(ALL_PRESENT))
def test_a_planted_updater_is_reported_by_name(name: str, tmp_path: Path) -> None:
    assert set(on_tree(tmp_path).updaters) <= {"cron"}
    plant(tmp_path, ALL_PRESENT[name])
    assert name in on_tree(tmp_path).updaters


def test_a_masked_and_an_enabled_timer_are_told_apart_on_disk(tmp_path: Path) -> None:
    plant(
        tmp_path, ALL_PRESENT["fwupd"] | {"usr/lib/systemd/system/fwupd-refresh.timer": "[Timer]\n"}
    )
    assert on_tree(tmp_path).updaters["fwupd"].active is False
    wants = tmp_path / "etc/systemd/system/timers.target.wants"
    wants.mkdir(parents=True)
    (wants / "fwupd-refresh.timer").symlink_to("/usr/lib/systemd/system/fwupd-refresh.timer")
    assert on_tree(tmp_path).updaters["fwupd"].active is True
    (tmp_path / "etc/systemd/system/fwupd-refresh.timer").symlink_to("/dev/null")
    fwupd = on_tree(tmp_path).updaters["fwupd"]
    assert (fwupd.active, fwupd.fenced_by) == (False, ("fwupd-refresh.timer is masked",))


def test_cloud_init_is_fenced_by_its_own_switch() -> None:
    parts = {
        **PARTS,
        "present": "cloud-init /usr/bin/cloud-init\n",
        "units": "cloud-final.service enabled\n",
    }
    assert read(Updaters(), parts).updaters["cloud-init"].active is True
    switched = read(Updaters(), {**parts, "fences": "fence /etc/cloud/cloud-init.disabled\n"})
    updater = switched.updaters["cloud-init"]
    assert updater.active is False
    assert updater.fenced_by == ("/etc/cloud/cloud-init.disabled exists",)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("etc/cron.d/upgrade", "0 6 * * * root apt-get update && apt-get -y dist-upgrade"),
        ("var/spool/cron/crontabs/root", "@weekly /usr/bin/apt -qq -y full-upgrade"),
        (
            "etc/systemd/system/my-upgrade.service",
            "ExecStart=/usr/bin/apt-get install -y linux-generic",
        ),
    ],
)
def test_a_scheduled_job_that_upgrades_is_found(path: str, line: str, tmp_path: Path) -> None:
    plant(tmp_path, {path: f"# comment\n{line}\n"})
    updater = on_tree(tmp_path).updaters["cron"]
    assert (updater.active, updater.can_change) == (True, "all")
    assert updater.evidence == (f"{tmp_path}/{path}:2: {line}",)


@pytest.mark.parametrize(
    "line", ["# apt-get upgrade", "0 6 * * * root apt-get update", "x apt-cache upgrade"]
)
def test_a_job_that_only_talks_about_apt_is_not_one(line: str, tmp_path: Path) -> None:
    plant(tmp_path, {"etc/cron.d/x": f"{line}\n"})
    updater = on_tree(tmp_path).updaters.get("cron")
    assert updater is None or isinstance(updater.active, Unknown)


def test_a_job_whose_line_has_bytes_of_another_code_is_a_job(tmp_path: Path) -> None:
    path = tmp_path / "etc/cron.d/upgrade"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0 6 * * * root apt-get -y dist-upgrade # f\xfcr alle\n")
    state = on_tree(tmp_path)
    assert state.updaters["cron"].active is True
    assert state.updaters["cron"].evidence[0].endswith("f\\xfcr alle")
    assert [line.number for line in state.odd] == [1]
