"""Nobody else may upgrade a rig: every other updater is found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.base import wrap
from facts.packages.updater_table import WATCHES
from facts.packages.updaters import Updaters, UpdaterState
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import SHELLS, fixture, grep, lack, plant, read, relocated, run_as

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


ORIGIN = 'Unattended-Upgrade::Allowed-Origins:: "${distro_id}:${distro_codename}-security";\n'
FENCED = fixture("updaters/apt-config-fenced.txt") + ORIGIN
SWITCHED_ON = 'APT::Periodic::Unattended-Upgrade "1";\n' + ORIGIN


def test_a_blacklist_does_not_stop_it_and_covers_what_it_matches() -> None:
    state = read(Updaters(), {**PARTS, "apt": FENCED})
    updater = state.updaters["unattended-upgrades"]
    assert (updater.active, updater.fenced_by) == (True, ())
    assert "Package-Blacklist: linux-, intel-(opencl|igc), [broken" in updater.evidence
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
        (
            {"apt": f'APT::Periodic::Enable "0";\n{SWITCHED_ON}'},
            "APT::Periodic::Enable is 0",
        ),
        ({"apt": 'APT::Periodic::Unattended-Upgrade "always";\n'}, "no origin is allowed"),
    ],
)
def test_a_stopped_timer_or_period_is_inactive_and_named(
    change: dict[str, str], fence: str
) -> None:
    updater = read(Updaters(), {**PARTS, **change}).updaters["unattended-upgrades"]
    assert updater.active is False
    assert fence in updater.fenced_by


def test_an_upgrade_at_shutdown_needs_neither_timer_nor_period() -> None:
    shutdown = 'Unattended-Upgrade::InstallOnShutdown "true";\n'
    parts = {**PARTS, "apt": shutdown + ORIGIN, "units": "apt-daily-upgrade.timer masked\n"}
    updater = read(Updaters(), parts).updaters["unattended-upgrades"]
    assert updater.active is False
    parts["units"] += "wants unattended-upgrades.service\n"
    updater = read(Updaters(), parts).updaters["unattended-upgrades"]
    assert (updater.active, updater.fenced_by) == (True, ())
    assert "InstallOnShutdown is true" in updater.evidence[-1]


@pytest.mark.parametrize(
    ("line", "covers"),
    [
        ('Unattended-Upgrade::Package-Blacklist:: "linux-";', True),
        ('unattended-upgrade::package-blacklist:: "linux-";', True),
        ('Unattended-Upgrade::Package-Blacklist::kernel "linux-";', True),
        ('Unattended-Upgrade::Package-Blacklist "linux-";', False),
        ('Unattended-Upgrade::Package-Blacklist:: "generic$";', False),
        ('Unattended-Upgrade::Package-Blacklist:: "*linux";', False),
    ],
    ids=["an entry", "in lower case", "with a name", "no entry", "not from the start", "broken"],
)
def test_only_what_unattended_upgrades_itself_would_match_is_covered(
    line: str, covers: bool
) -> None:
    state = read(Updaters(), {**PARTS, "apt": f"{SWITCHED_ON}{line}\n"})
    assert state.blacklisted("linux-image-generic") is covers


@pytest.mark.parametrize(("strict", "left_alone"), [("true", True), ("false", False)])
def test_a_whitelist_keeps_packages_out_only_where_it_is_strict(
    strict: str, left_alone: bool
) -> None:
    listed = (
        'Unattended-Upgrade::Package-Whitelist:: "openssl$";\n'
        f'Unattended-Upgrade::Package-Whitelist-Strict "{strict}";\n'
    )
    state = read(Updaters(), {**PARTS, "apt": SWITCHED_ON + listed})
    assert state.blacklisted("linux-image-generic") is left_alone
    assert state.blacklisted("openssl") is False
    assert f"Package-Whitelist ({'strict' if left_alone else 'not strict'}): openssl$" in (
        state.updaters["unattended-upgrades"].evidence
    )


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


def test_needrestarts_mode_is_the_one_after_all_its_drop_ins() -> None:
    main = "foreach my $fn (sort </etc/needrestart/conf.d/*.conf>) {\n"
    files = {
        "/etc/needrestart/needrestart.conf": main,
        "/etc/needrestart/conf.d/b70fleet.conf": "$nrconf{restart} = 'l';\n",
        "/etc/needrestart/conf.d/restart.conf": '$nrconf{"restart"} = "a";\n',
    }
    parts = {**PARTS, "present": "needrestart /usr/sbin/needrestart\n"}
    state = read(Updaters(), {**parts, "needrestart": grep(files)})
    assert (state.needrestart, state.updaters["needrestart"].active) == ("a", True)
    files["/etc/needrestart/conf.d/restart.conf"] = "$nrconf{restart} = $ENV{MODE};\n"
    state = read(Updaters(), {**parts, "needrestart": grep(files)})
    assert isinstance(state.needrestart, Unknown)
    assert "restart.conf:1 computes it" in state.needrestart.reason


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
    "offline-update": {"/system-update": "x"},
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
    tops += ("/system-update",)
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
    ("path", "line", "command"),
    [
        ("etc/crontab", "5 5 * * * root apt-get -y upgrade", "apt-get upgrade"),
        (
            "etc/cron.d/upgrade",
            "0 6 * * * root apt-get update && apt-get -y dist-upgrade",
            "apt-get dist-upgrade",
        ),
        ("etc/anacrontab", "7 15 weekly nice apt-get -y upgrade", "apt-get upgrade"),
        (
            "var/spool/cron/crontabs/root",
            "@weekly /usr/bin/apt -qq -y full-upgrade",
            "apt full-upgrade",
        ),
        ("var/spool/cron/atjobs/a0001", "apt-get -y upgrade", "apt-get upgrade"),
        ("etc/rc.local", "apt-get -y upgrade &", "apt-get upgrade"),
        (
            "run/systemd/transient/run-u1.service",
            'ExecStart="/usr/bin/apt-get" "-y" "upgrade"',
            "apt-get upgrade",
        ),
    ],
)
def test_a_scheduled_job_that_upgrades_is_found(
    path: str, line: str, command: str, tmp_path: Path
) -> None:
    plant(tmp_path, {path: f"# comment\n{line}\n"})
    updater = on_tree(tmp_path).updaters["cron"]
    assert (updater.active, updater.can_change) == (True, "all")
    assert updater.evidence == (f"{tmp_path}/{path}:2: {command}",)


def test_no_word_of_a_command_but_its_verb_leaves_the_parser(tmp_path: Path) -> None:
    line = (
        "0 6 * * * root PASSWORD=hunter2 apt-get -o Acquire::http::Proxy=http://a:hunter2@p upgrade"
    )
    plant(tmp_path, {"etc/cron.d/upgrade": f"{line}\n"})
    assert "hunter2" not in repr(on_tree(tmp_path))


def test_lines_that_continue_are_one_command(tmp_path: Path) -> None:
    plant(tmp_path, {"etc/rc.local": "#!/bin/sh\n# never \\\napt-get \\\n  -y \\\n  upgrade\n"})
    assert on_tree(tmp_path).updaters["cron"].evidence == (
        f"{tmp_path}/etc/rc.local:3: apt-get upgrade",
    )


@pytest.mark.parametrize(
    ("path", "mode", "runs"),
    [
        ("etc/cron.daily/upgrade", 0o755, True),
        ("etc/cron.daily/upgrade", 0o644, False),
        ("etc/cron.daily/upgrade.sh", 0o755, False),
    ],
    ids=["as run-parts wants it", "not executable", "a name with a dot"],
)
def test_a_script_that_run_parts_passes_over_is_no_job(
    path: str, mode: int, runs: bool, tmp_path: Path
) -> None:
    plant(tmp_path, {path: "apt-get -y upgrade\n"})
    (tmp_path / path).chmod(mode)
    found = on_tree(tmp_path).updaters.get("cron")
    assert (found is not None and found.active is True) is runs


@pytest.mark.parametrize(
    ("guard", "runs"),
    [
        ("if [ -d /run/systemd/system ]; then\n    exit 0\nfi\n", False),
        ('[ -d "/run/systemd/system" ] && exit 0\n', False),
        ("# no -d /run/systemd/system here\n", True),
        ("if [ -d /run/systemd/system ]; then\n    sleep 1\nfi\n\n\n", True),
    ],
)
def test_a_job_that_ends_where_systemd_runs_does_nothing(
    guard: str, runs: bool, tmp_path: Path
) -> None:
    plant(tmp_path, {"etc/cron.daily/compat": f"#!/bin/sh\n{guard}apt-get -y upgrade\nexit 0\n"})
    (tmp_path / "etc/cron.daily/compat").chmod(0o755)
    found = on_tree(tmp_path).updaters.get("cron")
    assert (found is not None and found.active is True) is runs


def test_a_file_in_cron_d_whose_name_cron_ignores_is_no_job(tmp_path: Path) -> None:
    plant(tmp_path, {"etc/cron.d/site.dpkg-old": "0 6 * * * root apt-get -y upgrade\n"})
    found = on_tree(tmp_path).updaters.get("cron")
    assert found is None or found.active is not True


UPGRADE_UNIT = "etc/systemd/system/nightly.service"


@pytest.mark.parametrize(
    ("wants", "others"),
    [
        ("nightly.timer", {}),
        ("nightly.service", {}),
        ("at-three.timer", {"etc/systemd/system/at-three.timer": "Unit=nightly.service\n"}),
    ],
    ids=["its timer", "enabled itself", "a timer of another name"],
)
def test_a_unit_that_upgrades_counts_where_something_starts_it(
    wants: str, others: dict[str, str], tmp_path: Path
) -> None:
    plant(tmp_path, {UPGRADE_UNIT: "ExecStart=-/usr/bin/apt-get -y upgrade\n", **others})
    idle = on_tree(tmp_path).updaters["cron"]
    assert idle.active is not True
    assert idle.fenced_by == ("nothing starts them",)
    folder = tmp_path / "etc/systemd/system/timers.target.wants"
    folder.mkdir(parents=True)
    (folder / wants).symlink_to(f"/etc/systemd/system/{wants}")
    updater = on_tree(tmp_path).updaters["cron"]
    assert (updater.active, updater.fenced_by) == (True, ())
    assert updater.evidence == (f"{tmp_path}/{UPGRADE_UNIT}:1: apt-get upgrade",)
    (tmp_path / "etc/systemd/system" / wants).unlink(missing_ok=True)
    if wants.endswith(".timer"):
        (tmp_path / "etc/systemd/system" / wants).symlink_to("/dev/null")
        assert on_tree(tmp_path).updaters["cron"].active is not True


def test_a_drop_in_that_adds_an_upgrade_to_a_packages_unit_is_found(tmp_path: Path) -> None:
    path = "etc/systemd/system/apt-daily.service.d/upgrade.conf"
    plant(tmp_path, {path: "[Service]\nExecStartPost=/usr/bin/apt-get -y upgrade\n"})
    wants = tmp_path / "etc/systemd/system/timers.target.wants/apt-daily.timer"
    wants.parent.mkdir()
    wants.symlink_to("/usr/lib/systemd/system/apt-daily.timer")
    assert on_tree(tmp_path).updaters["cron"].evidence == (f"{tmp_path}/{path}:2: apt-get upgrade",)


def test_a_script_that_a_job_calls_is_read_too_and_says_who_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"{tmp_path}/site/"
    monkeypatch.setattr("facts.packages.updaters.SCRIPT_FOLDERS", (folder,))
    plant(
        tmp_path,
        {
            "etc/cron.d/site": f"0 6 * * * root {folder}bin/up.sh >/dev/null\n"
            f"0 7 * * * root {folder}bin/other.sh {folder}none\n",
            "site/bin/up.sh": "#!/bin/sh\nset -e\napt-get update\napt-get -y upgrade\n",
            "site/bin/other.sh": "#!/bin/sh\napt-get update\n",
            "site/bin/uncalled.sh": "apt-get -y upgrade\n",
        },
    )
    assert on_tree(tmp_path).updaters["cron"].evidence == (
        f"{folder}bin/up.sh:4: apt-get upgrade (called by {tmp_path}/etc/cron.d/site:1)",
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_reads_jobs_in_every_shell(shell: list[str], tmp_path: Path) -> None:
    plant(tmp_path, {"etc/cron.d/x": "0 6 * * * root apt-get \\\n -y upgrade\n"})
    command = wrap(relocated(Updaters().script(), tmp_path, "/etc", "/var", "/run"), 10)
    state = run_as(Updaters(), command, shell=shell)
    assert state.updaters["cron"].evidence == (f"{tmp_path}/etc/cron.d/x:1: apt-get upgrade",)


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
    assert state.updaters["cron"].evidence[0].endswith("upgrade:1: apt-get dist-upgrade")
