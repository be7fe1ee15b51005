"""What a program is set to after every file that it reads, and which line decides it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from facts.parts import Line
from facts.settings.effective import collect, in_order, unread
from facts.settings.overrides import Override, overrides
from facts.settings.programs import PROGRAMS

JOURNALD = "/etc/systemd/journald.conf.d/50-ours.conf"
JOURNAL = "[Journal]\nStorage=persistent\nSystemMaxUse=2G\nSyncIntervalSec=30s\n"
NEEDRESTART = "/etc/needrestart/conf.d/ours.conf"
#: As in the package's own file: settings first, the loop over the drop-ins at the end.
LOOP = "foreach my $fn (sort </etc/needrestart/conf.d/*.conf>) {\n  eval do { <> };\n}\n"
APT = "/etc/apt/apt.conf.d/99ours"
FENCE = (
    'Unattended-Upgrade::Package-Blacklist {\n  "^linux-";\n};\n'
    'Unattended-Upgrade::Automatic-Reboot "false";\n'
)


def taken(program: str, files: Mapping[str, str], path: str, ours: str) -> tuple[Override, ...]:
    """Return what files of a host take away from ours."""
    lines = [
        Line(name, number, text)
        for name, content in files.items()
        for number, text in [(0, ""), *enumerate(content.splitlines(), 1)]
    ]
    return overrides(PROGRAMS[program], collect(PROGRAMS[program], lines, ()), path, ours)


def places(found: tuple[Override, ...]) -> list[tuple[str, int, str, str, str]]:
    return [(each.path, each.line, each.key, each.wanted, each.seen) for each in found]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/systemd/journald.conf.d/99-site.conf",
        "/usr/lib/systemd/journald.conf.d/90-vendor.conf",
        "/run/systemd/journald.conf.d/60-debug.conf",
    ],
)
def test_the_effective_value_is_that_of_the_name_which_sorts_last_in_any_folder(path: str) -> None:
    found = taken("journald", {path: "# site\n[Journal]\nStorage=volatile\n"}, JOURNALD, JOURNAL)
    assert places(found) == [(path, 3, "Storage", "persistent", "volatile")]


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/systemd/journald.conf": "[Journal]\nStorage=none\n"},
        {"/etc/systemd/journald.conf.d/10-site.conf": "[Journal]\nStorage=none\n"},
        {"/etc/systemd/journald.conf.d/99-site.conf": "[Upload]\nStorage=none\n"},
        {"/etc/systemd/journald.conf.d/99-site.conf": "[Journal]\n;Storage=none\n"},
        {"/etc/systemd/journald.conf.d/99-site.conf": "[Journal]\nStorage=perhaps\n"},
        {"/etc/systemd/journald.conf.d/99-site.conf.off": "[Journal]\nStorage=none\n"},
        {
            "/usr/lib/systemd/journald.conf.d/99-x.conf": "[Journal]\nStorage=none\n",
            "/etc/systemd/journald.conf.d/99-x.conf": "",
        },
    ],
    ids=["main file", "earlier", "section", "comment", "no such value", "no .conf", "hidden"],
)
def test_a_file_that_decides_nothing_takes_nothing_away(files: dict[str, str]) -> None:
    assert taken("journald", files, JOURNALD, JOURNAL) == ()


def test_another_spelling_of_the_same_value_takes_nothing_away() -> None:
    same = "[Journal]\nStorage = auto\nSystemMaxUse=2048M\nSyncIntervalSec=0.5min\n"
    path = "/etc/systemd/journald.conf.d/99-site.conf"
    assert taken("journald", {path: same}, JOURNALD, JOURNAL) == ()
    other = "[Journal]\nSystemMaxUse=\\\n  64M\nSyncIntervalSec=5m\n"
    assert places(taken("journald", {path: other}, JOURNALD, JOURNAL)) == [
        (path, 2, "SystemMaxUse", "2G", "64M"),
        (path, 4, "SyncIntervalSec", "30s", "5m"),
    ]


def test_servers_of_later_files_add_up_and_an_empty_list_takes_ours_away() -> None:
    ours = "/etc/systemd/timesyncd.conf.d/50-ours.conf"
    text = "[Time]\nNTP=\nNTP=a.example b.example\n"
    earlier = {"/etc/systemd/timesyncd.conf": "[Time]\nNTP=old.example\n"}
    assert taken("timesyncd", earlier, ours, text) == ()
    later = "/etc/systemd/timesyncd.conf.d/cloud-init.conf"
    assert places(taken("timesyncd", {later: "[Time]\nNTP=c.example\n"}, ours, text)) == [
        (later, 2, "NTP", "a.example b.example", "a.example b.example c.example")
    ]
    assert places(taken("timesyncd", {later: "[Time]\nNTP=\n"}, ours, text)) == [
        (later, 2, "NTP", "a.example b.example", "nothing")
    ]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("$nrconf{restart} = 'a';", "a"),
        ('$nrconf{"restart"}="a";', "a"),
        ("$nrconf{'restart'} = q(i); # as before", "i"),
        ("$nrconf{restart} = $ENV{MODE};", "$ENV{MODE}"),
        ("$nrconf{restart} = 'a' if -t STDIN;", "'a' if -t STDIN"),
        ("delete $nrconf{restart};", "nothing"),
    ],
)
def test_a_perl_drop_in_that_is_evaluated_later_decides(line: str, seen: str) -> None:
    files = {
        "/etc/needrestart/needrestart.conf": LOOP,
        "/etc/needrestart/conf.d/restart.conf": f"# site\n{line}\n",
    }
    found = taken("needrestart", files, NEEDRESTART, "$nrconf{restart} = 'l';\n")
    assert places(found) == [("/etc/needrestart/conf.d/restart.conf", 2, "restart", "l", seen)]


@pytest.mark.parametrize(
    "line",
    [
        "#$nrconf{restart} = 'a';",
        "$nrconf{restart} //= 'a';",
        "$nrconf{restart} ||= 'a';",
        "$nrconf{restarts} = 'a';",
        "$nrconf{'nagios-status'}->{restart} = 2;",
        '$nrconf{restart} = "l";',
    ],
)
def test_a_perl_line_that_sets_nothing_else_takes_nothing_away(line: str) -> None:
    files = {"/etc/needrestart/conf.d/restart.conf": f"{line}\n"}
    assert taken("needrestart", files, NEEDRESTART, "$nrconf{restart} = 'l';\n") == ()


def test_a_main_file_decides_with_what_stands_behind_the_reading_of_its_drop_ins() -> None:
    main = "/etc/needrestart/needrestart.conf"
    ours = "$nrconf{restart} = 'l';\n"
    assert (
        taken("needrestart", {main: f"$nrconf{{restart}} = 'a';\n{LOOP}"}, NEEDRESTART, ours) == ()
    )
    behind = taken("needrestart", {main: f"{LOOP}$nrconf{{restart}} = 'a';\n"}, NEEDRESTART, ours)
    assert places(behind) == [(main, 4, "restart", "l", "a")]


@pytest.mark.parametrize("mode", ["a", '"a"'])
def test_a_variable_of_every_login_wins_over_all_files(mode: str) -> None:
    files = {"/etc/environment": f"PATH=/bin\nNEEDRESTART_MODE={mode}\n"}
    found = taken("needrestart", files, NEEDRESTART, "$nrconf{restart} = 'l';\n")
    assert places(found) == [("/etc/environment", 2, "restart", "l", "a")]
    same = {"/etc/environment": "NEEDRESTART_MODE=l\n#NEEDRESTART_MODE=a\n"}
    assert taken("needrestart", same, NEEDRESTART, "$nrconf{restart} = 'l';\n") == ()


@pytest.mark.parametrize(
    ("program", "main", "reading"),
    [
        ("needrestart", "/etc/needrestart/needrestart.conf", LOOP),
        ("chrony", "/etc/chrony/chrony.conf", "sourcedir /etc/chrony/sources.d"),
    ],
)
def test_a_main_file_that_reads_no_drop_in_is_named(program: str, main: str, reading: str) -> None:
    row = PROGRAMS[program]
    there = [Line(main, 0, ""), *(Line(main, n, t) for n, t in enumerate(reading.split("\n"), 1))]
    assert unread(row, collect(row, there, ())) is None
    assert unread(row, collect(row, [Line(main, 0, "")], ())) == main
    assert unread(row, collect(row, [], ())) is None


@pytest.mark.parametrize(
    ("line", "key", "seen"),
    [
        ("svc hard nofile 4096", "svc hard nofile", "4096"),
        ("svc\t-\tnofile\t4096", "svc soft nofile", "4096"),
        ("svc -", "svc soft nofile", "nothing"),
    ],
)
def test_limits_of_the_account_in_a_later_file_decide(line: str, key: str, seen: str) -> None:
    ours = "/etc/security/limits.d/90-ours.conf"
    text = "svc soft nofile 1048576\nsvc hard nofile 1048576\n"
    later = "/etc/security/limits.d/99-site.conf"
    found = taken("pam-limits", {later: f"{line}\n"}, ours, text)
    assert (later, 1, key, "1048576", seen) in places(found)


@pytest.mark.parametrize(
    "line",
    [
        "* hard nofile 4096",
        "@svc - nofile 4096",
        "other hard nofile 1",
        "svc hard nproc 5",
        "svc hard nofile unlimited # x",
    ],
)
def test_limits_of_others_and_the_same_limit_decide_nothing(line: str) -> None:
    ours = "/etc/security/limits.d/90-ours.conf"
    later = "/etc/security/limits.d/99-site.conf"
    assert taken("pam-limits", {later: line}, ours, "svc hard nofile infinity\n") == ()


def test_drop_ins_of_all_services_come_after_ours_by_name() -> None:
    ours = "/etc/systemd/system/b70-.service.d/90-ours.conf"
    later = "/etc/systemd/system/service.d/zz-limits.conf"
    text = "[Service]\nLimitNOFILE=1048576\nLimitMEMLOCK=infinity\n"
    said = "[Service]\nLimitNOFILE=1024:1048576\nLimitMEMLOCK=infinity:infinity\n"
    assert places(taken("unit-limits", {later: said}, ours, text)) == [
        (later, 2, "LimitNOFILE", "1048576", "1024:1048576")
    ]


@pytest.mark.parametrize(
    ("path", "text", "line", "key", "seen"),
    [
        (
            "/etc/apt/apt.conf.d/99zz-site",
            'unattended-upgrade {\n  automatic-reboot "1";\n}\n',
            2,
            "Unattended-Upgrade::Automatic-Reboot",
            "1",
        ),
        (
            "/etc/apt/apt.conf",
            "#clear Unattended-Upgrade::Package-Blacklist;\n",
            1,
            "Unattended-Upgrade::Package-Blacklist",
            "nothing",
        ),
        (
            "/etc/apt/apt.conf.d/zz.conf",
            "/* all\n of it */ #clear Unattended-Upgrade;\n",
            2,
            "Unattended-Upgrade::Package-Blacklist",
            "nothing",
        ),
    ],
    ids=["nested, in lower case", "the main file comes last", "a whole tree is cleared"],
)
def test_what_apt_reads_later_decides(path: str, text: str, line: int, key: str, seen: str) -> None:
    found = taken("apt", {path: text}, APT, FENCE)
    assert next(each[:3] + each[4:] for each in places(found)) == (path, line, key, seen)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/apt/apt.conf.d/50site", "#clear Unattended-Upgrade;\n"),
        ("/etc/apt/apt.conf.d/zz.dpkg-old", "#clear Unattended-Upgrade;\n"),
        ("/etc/apt/apt.conf.d/zz", '// #clear Unattended-Upgrade;\n# Automatic-Reboot "1";\n'),
        ("/etc/apt/apt.conf.d/zz", 'Unattended-Upgrade::Package-Blacklist { "^mine"; };\n'),
        ("/etc/apt/apt.conf.d/zz", 'Unattended-Upgrade::Package-Blacklist "";\n'),
        ("/etc/apt/apt.conf.d/zz", 'Unattended-Upgrade::Automatic-Reboot "no";\n'),
    ],
    ids=["earlier", "not read", "comments", "adds to the list", "no entry", "the same"],
)
def test_what_takes_nothing_from_apts_settings_is_no_obstacle(path: str, text: str) -> None:
    assert taken("apt", {path: text}, APT, FENCE) == ()


@pytest.mark.parametrize(
    ("program", "line", "leads"),
    [
        ("apt", '#include "/srv/site.conf";', True),
        ("apt", 'Dir::Etc::parts "/srv/apt.conf.d";', True),
        ("apt", 'dir::etc::MAIN "/srv/apt.conf";', True),
        ("apt", 'Dir::Etc::SourceParts "-";', False),
        ("apt", 'Dir::Cache "/srv/cache";', False),
        ("needrestart", "do '/srv/needrestart.pl';", True),
        ("needrestart", "eval do { local(@ARGV, $/) = $fn; <>};", False),
    ],
)
def test_a_line_that_leads_to_other_files_is_told(program: str, line: str, leads: bool) -> None:
    row = PROGRAMS[program]
    path = f"{row.folders[0]}/x.conf"
    found = collect(row, [Line(path, 3, line)], ())
    assert found.away == ((f"{path}:3",) if leads else ())


def test_our_own_file_counts_as_it_will_be_and_not_as_it_is() -> None:
    assert taken("journald", {JOURNALD: "[Journal]\nStorage=none\n"}, JOURNALD, JOURNAL) == ()


def test_a_name_in_a_stronger_folder_hides_its_namesake() -> None:
    paths = ("/usr/lib/x.d/b.conf", "/run/x.d/a.conf", "/etc/x.d/b.conf", "/usr/lib/x.d/a.conf")
    folders = ("/etc/x.d", "/run/x.d", "/usr/lib/x.d")
    assert in_order(folders, paths) == ["/run/x.d/a.conf", "/etc/x.d/b.conf"]


PERL = "our %nrconf; my $LOGPREF; do $ARGV[0] or die $@; print $nrconf{restart} // 'nothing';"


@pytest.mark.parametrize(
    "files",
    [
        {"a.conf": "$nrconf{restart} = 'i';", "z.conf": "$nrconf{'restart'}=\"a\";"},
        {"a.conf": "$nrconf{restart} = 'i';", "z.conf": "#$nrconf{restart} = 'a';"},
        {"Z.conf": "$nrconf{restart} = 'a';"},
        {"ours-2.conf": "$nrconf{restart} = q(a);"},
        {"z.conf": "$nrconf{restart} ||= 'a';"},
        {"z.conf": "undef $nrconf{restart};"},
    ],
)
def test_perl_itself_ends_up_with_the_same_mode(files: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    main = (
        f"foreach my $fn (sort <{folder}/*.conf>) {{\n"
        "  eval do { local(@ARGV, $/) = $fn; <> };\n  die $@ if $@;\n}\n1;\n"
    )
    (tmp_path / "needrestart.conf").write_text(main)
    everything = {**files, "ours.conf": "$nrconf{restart} = 'l';\n"}
    for name, text in everything.items():
        (folder / name).write_text(text)
    command = ["perl", "-e", PERL, str(tmp_path / "needrestart.conf")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    there = {f"/etc/needrestart/conf.d/{name}": text for name, text in files.items()}
    found = taken("needrestart", there, NEEDRESTART, "$nrconf{restart} = 'l';\n")
    assert said == (found[-1].seen if found else "l")


@pytest.mark.parametrize(
    "files",
    [
        {"zz": 'unattended-upgrade { AUTOMATIC-REBOOT "true"; };'},
        {"zz.conf": "#clear Unattended-Upgrade::Package-Blacklist;"},
        {"zz.bak": "#clear Unattended-Upgrade::Package-Blacklist;"},
        {"zz": 'Unattended-Upgrade::Package-Blacklist:: "x"; /* a\n #clear Unattended-Upgrade; */'},
        {"zz": 'Unattended-Upgrade::Package-Blacklist "x";\n#clear Unattended-Upgrade::Mail;\n'},
        {"zz": 'Unattended-Upgrade { Package-Blacklist { named "x"; }; };'},
    ],
)
def test_apt_itself_ends_up_with_the_same_settings(files: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, text in {**files, "99ours": FENCE}.items():
        (folder / name).write_text(text)
    start = tmp_path / "start"
    start.write_text(f'Dir::Etc::Parts "{folder}";\nDir::Etc::main "/dev/null";\n')
    dump = subprocess.run(
        ["apt-config", "dump"],
        capture_output=True,
        text=True,
        check=True,
        env={"APT_CONFIG": str(start), "PATH": "/usr/bin:/bin"},
    ).stdout.casefold()
    holds = '::package-blacklist:: "^linux-";' in dump and '::automatic-reboot "false";' in dump
    there = {f"/etc/apt/apt.conf.d/{name}": text for name, text in files.items()}
    assert holds is (taken("apt", there, APT, FENCE) == ())
