"""A command that changes packages is known in any spelling, and one that does not is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.packages.update_commands import of_schedule, update_in


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (
            'DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::="--force-confnew" '
            "dist-upgrade",
            "apt-get dist-upgrade",
        ),
        ("apt-get -t trixie-backports -y install linux-image-amd64", "apt-get install"),
        ("apt-get -yt trixie-backports install linux-image-amd64", "apt-get install"),
        ("apt-get -oDpkg::Use-Pty=0 -q=2 upgrade -y", "apt-get upgrade"),
        ("apt-get autoremove --purge -y", "apt-get autoremove"),
        ("/usr/bin/apt full-upgrade -y", "apt full-upgrade"),
        ("aptitude -y safe-upgrade", "aptitude safe-upgrade"),
        ("unattended-upgrade", "unattended-upgrade"),
        ("/usr/bin/unattended-upgrades -v", "unattended-upgrades"),
        ("/usr/lib/apt/apt.systemd.daily install", "apt.systemd.daily"),
        ("systemctl --no-block start apt-daily-upgrade.service", "systemctl start"),
        ("apt-mark unhold linux-generic", "apt-mark unhold"),
        ("dpkg -i /var/tmp/*.deb", "dpkg -i"),
        ("do-release-upgrade -f DistUpgradeViewNonInteractive", "do-release-upgrade"),
        ("ubuntu-drivers autoinstall", "ubuntu-drivers autoinstall"),
        ("snap refresh", "snap refresh"),
        ("pkcon -y update", "pkcon update"),
        ("ansible-pull -U https://git.example/site.git", "ansible-pull"),
        ("$APT -y dist-upgrade", "$APT dist-upgrade"),
        ('"${APT_GET}" full-upgrade', "${APT_GET} full-upgrade"),
        ("fwupdmgr refresh --force; fwupdmgr -y update", "fwupdmgr update"),
        ("needrestart -ra", "needrestart -r a"),
    ],
)
def test_an_upgrade_is_known_in_any_spelling(text: str, command: str) -> None:
    found = update_in(text)
    assert found is not None
    assert found.command == command


@pytest.mark.parametrize(
    "start",
    [
        "sudo -u root -H {}",
        "env LANG=C nice -n 19 ionice -c3 {}",
        "timeout -k 5 1h {}",
        "flock -n /run/lock/apt {}",
        "flock /run/lock/apt -c '{}'",
        "systemd-run --unit=up -p Nice=10 {}",
        "systemd-inhibit --what sleep {}",
        "sh -c 'cd / && {}'",
        'bash -lc "{}"',
        "su - root -c '{}'",
        "[ -x /usr/bin/apt-get ] && {}",
        "if true; then {}; fi",
        "(apt-get update; {}) >/dev/null 2>&1",
        "apt-get -qq update && {} | logger -t apt",
        "yes | {}",
        "out=$({})",
        'echo "`{}`"',
        "eval {}",
        "lockrun --lockfile=/run/x -- {}",
    ],
)
def test_what_starts_a_command_does_not_hide_it(start: str) -> None:
    found = update_in(start.format("apt-get -y upgrade"))
    assert found is not None
    assert found.command == "apt-get upgrade"


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update",
        "apt-get -s dist-upgrade",
        "apt-get -qqsy upgrade",
        "apt-get upgrade --dry-run",
        "apt-get -dy dist-upgrade",
        "apt-get -o Site::Verb=upgrade update",
        "apt-get -c upgrade update",
        "apt-get clean # then apt-get upgrade",
        "apt list --upgradable",
        "apt-cache policy install",
        "apt-mark hold linux-generic",
        "echo apt-get upgrade",
        "logger -t apt 'apt-get upgrade is due'",
        "mail -s 'apt-get -y upgrade' root",
        "ssh other.example apt-get -y upgrade",
        "[ -x /usr/bin/unattended-upgrade ]",
        "command -v unattended-upgrade",
        "pkill unattended-upgrade",
        "tail -n 5 /var/log/unattended-upgrades/unattended-upgrades.log",
        "unattended-upgrade --dry-run",
        "apt.systemd.daily update",
        "systemctl stop apt-daily-upgrade.service",
        "systemctl restart nginx.service",
        "do-release-upgrade -c",
        "snap refresh --hold=forever",
        "snap refresh --list",
        "needrestart -r l",
        "fwupdmgr refresh",
        "dpkg -l",
        "puppet agent --noop",
        "",
    ],
)
def test_a_command_that_changes_nothing_is_no_upgrade(text: str) -> None:
    assert update_in(text) is None


@pytest.mark.parametrize(
    ("text", "reach"),
    [("needrestart -r a", "services"), ("fwupdmgr update", "gpu"), ("apt upgrade", "all")],
)
def test_what_a_command_reaches_is_told(text: str, reach: str) -> None:
    found = update_in(text)
    assert found is not None
    assert found.reach == reach


def test_a_quote_that_another_line_closes_hides_nothing() -> None:
    assert update_in("run 'apt-get update; apt-get -y upgrade") is not None


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/crontab", "17 4\t* * *\troot\tapt-get -y upgrade"),
        ("/etc/cron.d/site", "*/5 4 1-7 jan,feb sun root apt-get -y upgrade"),
        ("/etc/cron.d/site", "@reboot root apt-get -y upgrade"),
        ("/etc/cron.d/site", "0 4 * * * root sh%apt-get -y upgrade"),
        ("/var/spool/cron/crontabs/root", "0 4 * * * apt-get -y upgrade"),
        ("/etc/anacrontab", "@monthly 45 job apt-get -y upgrade"),
        ("/etc/systemd/system/x.service", "ExecStartPre=-+/usr/bin/apt-get -y upgrade"),
        ("/etc/cron.daily/site", "apt-get -y upgrade"),
    ],
)
def test_each_file_has_its_own_words_in_front_of_a_command(path: str, line: str) -> None:
    assert of_schedule(path, line) is not None


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/crontab", "MAILTO=apt-get upgrade"),
        ("/etc/cron.d/site", "apt-get -y upgrade"),
        ("/etc/anacrontab", "apt-get -y upgrade"),
        ("/etc/systemd/system/x.service", "Description=apt-get -y upgrade"),
        ("/etc/systemd/system/x.service", "Environment=X=1 apt-get upgrade"),
    ],
)
def test_a_line_that_starts_nothing_is_no_job(path: str, line: str) -> None:
    assert of_schedule(path, line) is None


#: What makes a shell text hard to read.
_PIECES = (
    *("apt-get", "upgrade", "sh -c", "'", '"', "$(", "`", ")", "(", ";", "|", "&&", "<", ">"),
    *(
        "sudo -u",
        "eval",
        "timeout",
        "A=",
        "#",
        "-o",
        "-yt",
        "%",
        "\\",
        "* * * * *",
        "@daily",
        "\x00",
    ),
)


@given(st.lists(st.sampled_from(_PIECES)).map(" ".join) | st.text())
def test_no_line_breaks_the_reader(line: str) -> None:
    for path in ("/etc/cron.d/x", "/etc/anacrontab", "/etc/systemd/system/x.service", "/x"):
        of_schedule(path, line)
