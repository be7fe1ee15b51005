"""Users and groups."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from facts.base import interpret
from facts.system.users import Group, Named, NamedAccount, User, Users
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import SHELLS, execute, fixture, read, run, run_as

PARTS: dict[str, str | tuple[str, str]] = {
    "passwd": fixture("users/passwd"),
    "group": fixture("users/group"),
}


def test_users_and_groups_are_read_by_name() -> None:
    accounts = read(Users(), PARTS)
    assert accounts.users["b70"].home == "/var/lib/b70"
    assert accounts.users["b70"].shell == "/usr/sbin/nologin"
    assert accounts.groups["video"].members == ("b70", "root")
    assert accounts.groups["root"].members == ()


@pytest.mark.parametrize(
    "change", [{"passwd": ""}, {"group": ""}, {"passwd": "a:b:c\n"}, {"group": "g:x:one:\n"}]
)
def test_an_answer_that_is_no_account_list_is_unknown(change: dict[str, str]) -> None:
    assert isinstance(read(Users(), {**PARTS, **change}), Unknown)


@pytest.mark.parametrize(
    "line",
    [
        "b71:x:one:1::/home/b71:/bin/sh",
        "b71:x:+1:1:/home/b71:/bin/sh",
        "b71",
        "b71 x 1 1",
        "b71:x:::::",
        ":x:1:1:::",
        "b71:x:1_0:1:::",
        "b71:" + "x" * 9000,
        "b71\tx\x00",
        "# b71:x",
    ],
)
@pytest.mark.parametrize("database", ["passwd", "group"])
def test_one_odd_account_makes_only_itself_unknown(database: str, line: str) -> None:
    accounts = read(Users(), {**PARTS, database: f"{PARTS[database]}{line}\n"})
    assert isinstance(accounts.user("b70"), User)
    assert isinstance(accounts.group("video"), Group)
    (odd,) = accounts.odd
    assert odd.place == f"getent {database}"
    asked = accounts.user if database == "passwd" else accounts.group
    assert asked("other") is ABSENT or len(line) > 4096
    if line.startswith("b71"):
        assert isinstance(asked("b71"), Unknown)


def test_a_hash_of_a_password_is_not_shown_with_an_odd_line() -> None:
    line = "b71:$6$salt$hash:one:1::/home/b71:/bin/sh:$y$other"
    (odd,) = read(Users(), {**PARTS, "passwd": f"{PARTS['passwd']}{line}\n"}).odd
    assert odd.text == "b71:…:one:1::/home/b71:/bin/sh:…"


def test_lines_of_nis_are_no_accounts_and_not_odd() -> None:
    passwd = f"{PARTS['passwd']}+::::::\n-nobody:::::\n+@admins::0:0:::\n"
    accounts = read(Users(), {"passwd": passwd, "group": f"{PARTS['group']}+:::\n"})
    assert accounts == read(Users(), PARTS)


def test_what_is_behind_the_last_colon_is_the_shell_as_for_libc() -> None:
    passwd = f"{PARTS['passwd']}b71:x:1:1::/home/b71:/bin/sh:more\n"
    assert read(Users(), {**PARTS, "passwd": passwd}).users["b71"].shell == "/bin/sh:more"


def test_a_name_in_another_code_beside_an_account_spoils_nothing() -> None:
    passwd = f"{PARTS['passwd']}b71:x:1:1:M\udcfcller:/home/b71:/bin/sh\n"
    accounts = read(Users(), {**PARTS, "passwd": passwd})
    assert accounts.users["b71"].home == "/home/b71"
    assert accounts.odd == ()


def test_of_two_accounts_with_one_name_the_first_counts() -> None:
    passwd = f"{PARTS['passwd']}b70:x:1:1::/elsewhere:/bin/sh\n"
    assert read(Users(), {**PARTS, "passwd": passwd}).users["b70"].home == "/var/lib/b70"


GETENT = """#!/bin/sh
case $* in
'passwd -- b70') echo 'b70::20070:20070:M\374ller:/home/b70:/bin/bash' ;;
'group -- 20070') echo 'staff:*:20070:b70' ;;
'passwd -- root' | '-s files passwd -- root') echo 'root:x:0:0:root:/root:/bin/bash' ;;
'passwd -- broken') echo 'broken:x:' ;;
'passwd -- dead') exit 3 ;;
*) exit 2 ;;
esac
"""
ASKED = [
    ("passwd", "b70"),
    ("passwd", "root"),
    ("group", "20070"),
    ("passwd", "nobody here; id"),
    ("passwd", "broken"),
    ("passwd", "dead"),
]
FOUND = [
    Named(User("b70", 20070, 20070, "/home/b70", "/bin/bash"), False),
    Named(User("root", 0, 0, "/root", "/bin/bash"), True),
    Named(Group("staff", 20070, ("b70",)), False),
    ABSENT,
]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_accounts_that_no_listing_has_are_asked_for_by_name_all_at_once(
    tmp_path: Path, shell: list[str]
) -> None:
    (tmp_path / "getent").write_text(GETENT)
    (tmp_path / "getent").chmod(0o755)
    calls = [{"database": database, "wanted": name} for database, name in ASKED]
    command = f"PATH={tmp_path}:$PATH; {NamedAccount.bulk(calls)}"
    output = execute(command, shell=shell).stdout.rstrip("\n").split("\n")
    answers = [interpret(NamedAccount(), part) for part in NamedAccount.split(calls, output)]
    assert answers[: len(FOUND)] == FOUND
    assert [str(answer) for answer in answers[len(FOUND) :]] == [
        "UNKNOWN (cannot parse: it has 3 fields instead of 7)",
        "UNKNOWN (cannot parse: getent ended with status 3)",
    ]


def test_this_machine_finds_root_by_name_in_its_own_files() -> None:
    found = run_as(NamedAccount(), NamedAccount().command(database="passwd", wanted="root"))
    assert (found.entry.uid, found.is_local) == (0, True)


def test_this_machine_has_the_users_that_its_name_service_gives() -> None:
    users = run(Users()).users
    assert {name: user.uid for name, user in users.items()} == {
        entry.pw_name: entry.pw_uid for entry in pwd.getpwall()
    }
