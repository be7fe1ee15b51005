"""Users, groups and memberships: golden commands, and what is never done to an account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.odd import OddLine, odd_line
from facts.system.files import FileState
from facts.system.users import Group, Named, NamedAccount, User, Users
from facts.value import ABSENT, Unknown
from operations.accounts.group import group, group_member
from operations.accounts.user import home, user
from tests.unit.base_facts import accounts
from tests.unit.pyinfra_harness import reasons, run_operation

DECLARED = {"account": "b70", "home": "/var/lib/b70", "shell": "/usr/sbin/nologin"}


def host(listed: Any, **named: Named | Unknown) -> dict[Any, Any]:
    """Return a host's accounts: those that are listed, and those that only have a name."""

    def by_name(database: str, wanted: str) -> Any:
        entries = listed.users if database == "passwd" else listed.groups
        local = Named(entries[wanted], True) if wanted in entries else ABSENT
        return named.get(f"{database}_{wanted}", local)

    return {Users: listed, NamedAccount: by_name}


B70 = User("b70", 998, 998, "/var/lib/b70", "/usr/sbin/nologin")


def test_a_missing_user_is_made_as_a_system_account_with_its_own_group() -> None:
    commands, _ = run_operation(user, host(accounts()), **DECLARED)
    assert commands == [
        "useradd --system --user-group --no-create-home --home-dir /var/lib/b70 "
        "--shell /usr/sbin/nologin -- b70"
    ]


def test_a_user_whose_group_is_there_already_joins_it() -> None:
    found = accounts(groups={"b70": (998, ())})
    commands, _ = run_operation(user, host(found), **DECLARED)
    assert commands == [
        "useradd --system --gid b70 --no-create-home --home-dir /var/lib/b70 "
        "--shell /usr/sbin/nologin -- b70"
    ]


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (User("b70", 998, 998, "/home/b70", "/usr/sbin/nologin"), "--home /var/lib/b70"),
        (User("b70", 998, 998, "/var/lib/b70", "/bin/bash"), "--shell /usr/sbin/nologin"),
        (
            User("b70", 998, 998, "/home/b70", "/bin/bash"),
            "--home /var/lib/b70 --shell /usr/sbin/nologin",
        ),
    ],
)
def test_only_what_differs_of_a_user_is_changed_and_no_file_moves(
    found: User, command: str
) -> None:
    commands, _ = run_operation(user, host(accounts(found)), **DECLARED)
    assert commands == [f"usermod {command} -- b70"]
    assert "move" not in commands[0]


def test_a_user_as_declared_is_silent_and_says_why() -> None:
    commands, noops = run_operation(user, host(accounts(B70)), **DECLARED)
    assert commands == []
    assert noops == [
        "is there (uid 998), home /var/lib/b70 and shell /usr/sbin/nologin are as declared"
    ]


def test_a_path_with_a_space_stays_one_argument() -> None:
    commands, _ = run_operation(user, host(accounts()), **{**DECLARED, "home": "/srv/b70 $(id)"})
    assert "--home-dir '/srv/b70 $(id)'" in commands[0]


def test_a_missing_group_is_made_as_a_system_group() -> None:
    assert run_operation(group, host(accounts()), group_name="render")[0] == [
        "groupadd --system -- render"
    ]


def test_a_group_that_is_there_keeps_its_number() -> None:
    found = accounts(groups={"render": (105, ())})
    assert run_operation(group, host(found), group_name="render") == (
        [],
        ["is there (gid 105)"],
    )


def test_a_user_outside_a_group_is_added_and_keeps_its_other_groups() -> None:
    found = accounts(B70, groups={"render": (105, ("root",)), "b70": (998, ())})
    commands, _ = run_operation(group_member, host(found), account="b70", group_name="render")
    assert commands == ["usermod --append --groups render -- b70"]


def test_a_membership_of_a_user_that_comes_earlier_in_the_run_is_planned() -> None:
    commands, _ = run_operation(group_member, host(accounts()), account="b70", group_name="render")
    assert commands == ["usermod --append --groups render -- b70"]


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"render": (105, ("b70",))}, "b70 is a member"),
        ({"render": (998, ())}, "it is the primary group of b70"),
    ],
)
def test_a_member_is_silent(groups: Any, reason: str) -> None:
    found = accounts(B70, groups=groups)
    assert run_operation(group_member, host(found), account="b70", group_name="render") == (
        [],
        [reason],
    )


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (user, DECLARED),
        (group, {"group_name": "render"}),
        (group_member, {"account": "b70", "group_name": "render"}),
    ],
)
def test_no_account_is_touched_while_accounts_are_unknown(operation: Any, arguments: Any) -> None:
    with pytest.raises(OperationError, match="users and groups is UNKNOWN: exit status 3"):
        run_operation(operation, host(Unknown("exit status 3")), **arguments)


OTHER = User("b70", 998, 998, "/home/b70", "/bin/bash")
IN_TWO = accounts(B70, groups={"render": (105, ()), "video": (44, ("b70",)), "b70": (998, ())})


@pytest.mark.parametrize(
    ("operation", "found", "arguments", "expected"),
    [
        (
            user,
            accounts(),
            DECLARED,
            [
                (
                    "user b70",
                    "system account, home /var/lib/b70, shell /usr/sbin/nologin",
                    None,
                )
            ],
        ),
        (
            user,
            accounts(OTHER),
            DECLARED,
            [
                ("home", "/var/lib/b70", "/home/b70"),
                ("shell", "/usr/sbin/nologin", "/bin/bash"),
            ],
        ),
        (group, accounts(), {"group_name": "render"}, [("group render", "system group", None)]),
        (
            group_member,
            IN_TWO,
            {"account": "b70", "group_name": "render"},
            [("groups of b70", "b70, render, video", "b70, video")],
        ),
        (
            group_member,
            accounts(),
            {"account": "b70", "group_name": "render"},
            [("groups of b70", "render", None)],
        ),
    ],
)
def test_a_change_of_an_account_says_what_was_there_and_what_will_be(
    operation: Any, found: Any, arguments: Any, expected: Any
) -> None:
    told = reasons(operation, host(found), **arguments)
    assert [(item.what, item.expected, item.seen) for item in told.differences] == expected


REMOTE = Named(User("b70", 20070, 20070, "/home/b70", "/bin/bash"), False)
FITTING = {"account": "b70", "home": "/home/b70", "shell": "/bin/bash"}


def test_an_account_that_is_not_listed_is_found_by_its_name_and_not_made_again() -> None:
    found = host(accounts(), passwd_b70=REMOTE)
    assert run_operation(user, found, **FITTING) == (
        [],
        ["is there (uid 20070), home /home/b70 and shell /bin/bash are as declared"],
    )


def test_an_account_of_a_directory_that_differs_is_refused_with_both_values() -> None:
    with pytest.raises(
        OperationError, match=r"its home is /home/b70 .* /var/lib/b70 and /usr/sbin"
    ):
        run_operation(user, host(accounts(), passwd_b70=REMOTE), **DECLARED)


def test_a_listed_account_of_a_directory_that_differs_is_refused_too() -> None:
    listed = accounts(User("b70", 20070, 20070, "/home/b70", "/bin/bash"))
    with pytest.raises(OperationError, match="not in /etc/passwd"):
        run_operation(user, host(listed, passwd_b70=REMOTE), **DECLARED)


def test_a_group_that_is_not_listed_is_found_by_its_name_and_not_made_again() -> None:
    found = host(accounts(), group_render=Named(Group("render", 20105, ()), False))
    assert run_operation(group, found, group_name="render") == ([], ["is there (gid 20105)"])


def test_an_account_of_a_directory_joins_a_group_of_the_host() -> None:
    found = host(accounts(groups={"render": (105, ())}), passwd_b70=REMOTE)
    assert run_operation(group_member, found, account="b70", group_name="render")[0] == [
        "usermod --append --groups render -- b70"
    ]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_group_of_a_directory_is_never_given_a_member_here(is_listed: bool) -> None:
    listed = accounts(B70, groups={"render": (105, ())} if is_listed else {})
    found = host(listed, group_render=Named(Group("render", 105, ()), False))
    with pytest.raises(OperationError, match=r"not in /etc/group.*make b70 a member of it there"):
        run_operation(group_member, found, account="b70", group_name="render")


def test_a_member_of_a_group_of_a_directory_is_silent() -> None:
    found = host(accounts(B70), group_render=Named(Group("render", 105, ("b70",)), False))
    assert run_operation(group_member, found, account="b70", group_name="render") == (
        [],
        ["b70 is a member"],
    )


@pytest.mark.parametrize(
    ("operation", "arguments", "named"),
    [
        (user, DECLARED, "passwd_b70"),
        (group, {"group_name": "render"}, "group_render"),
        (group_member, {"account": "b70", "group_name": "render"}, "passwd_b70"),
        (home, {"account": "b70", "path": "/home/b70"}, "passwd_b70"),
    ],
)
def test_nothing_is_made_while_the_name_service_does_not_answer(
    operation: Any, arguments: Any, named: str
) -> None:
    with pytest.raises(OperationError, match="UNKNOWN: no answer within 20 s"):
        run_operation(
            operation, host(accounts(), **{named: Unknown("no answer within 20 s")}), **arguments
        )


@pytest.mark.parametrize(
    ("operation", "arguments", "line"),
    [
        (user, DECLARED, odd_line("getent passwd", 4, "b70:x:one:1::/h:/s", "its id is odd")),
        (group, {"group_name": "render"}, odd_line("getent group", 4, "render:x:", "too short")),
    ],
)
def test_nothing_is_made_that_an_odd_line_may_be_about(
    operation: Any, arguments: Any, line: OddLine
) -> None:
    with pytest.raises(OperationError, match=r"line 4 of `getent .* may be about it"):
        run_operation(operation, host(replace(accounts(), odd=(line,))), **arguments)
    other = {"user": {**DECLARED, "account": "other"}, "group": {"group_name": "other"}}
    name = "user" if operation is user else "group"
    assert run_operation(operation, host(replace(accounts(), odd=(line,))), **other[name])[0]


def test_the_home_of_an_account_of_a_directory_has_its_primary_group() -> None:
    found = host(accounts(), passwd_b70=REMOTE, group_20070=Named(Group("staff", 20070, ()), False))
    found[FileState] = ABSENT
    (command,) = run_operation(home, found, account="b70", path="/home/b70")[0]
    assert "-o b70 -g staff" in command
