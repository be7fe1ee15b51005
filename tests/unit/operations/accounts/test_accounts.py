"""Users, groups and memberships: golden commands, and what is never done to an account."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.system.users import User, Users
from facts.value import Unknown
from operations.accounts.group import group, group_member
from operations.accounts.user import user
from tests.unit.base_facts import accounts
from tests.unit.pyinfra_harness import reasons, run_operation

DECLARED = {"account": "b70", "home": "/var/lib/b70", "shell": "/usr/sbin/nologin"}
B70 = User("b70", 998, 998, "/var/lib/b70", "/usr/sbin/nologin")


def test_a_missing_user_is_made_as_a_system_account_with_its_own_group() -> None:
    commands, _ = run_operation(user, {Users: accounts()}, **DECLARED)
    assert commands == [
        "useradd --system --user-group --no-create-home --home-dir /var/lib/b70 "
        "--shell /usr/sbin/nologin -- b70"
    ]


def test_a_user_whose_group_is_there_already_joins_it() -> None:
    found = accounts(groups={"b70": (998, ())})
    commands, _ = run_operation(user, {Users: found}, **DECLARED)
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
    commands, _ = run_operation(user, {Users: accounts(found)}, **DECLARED)
    assert commands == [f"usermod {command} -- b70"]
    assert "move" not in commands[0]


def test_a_user_as_declared_is_silent_and_says_why() -> None:
    commands, noops = run_operation(user, {Users: accounts(B70)}, **DECLARED)
    assert commands == []
    assert noops == [
        "is there (uid 998), home /var/lib/b70 and shell /usr/sbin/nologin are as declared"
    ]


def test_a_path_with_a_space_stays_one_argument() -> None:
    commands, _ = run_operation(user, {Users: accounts()}, **{**DECLARED, "home": "/srv/b70 $(id)"})
    assert "--home-dir '/srv/b70 $(id)'" in commands[0]


def test_a_missing_group_is_made_as_a_system_group() -> None:
    assert run_operation(group, {Users: accounts()}, group_name="render")[0] == [
        "groupadd --system -- render"
    ]


def test_a_group_that_is_there_keeps_its_number() -> None:
    found = accounts(groups={"render": (105, ())})
    assert run_operation(group, {Users: found}, group_name="render") == (
        [],
        ["is there (gid 105)"],
    )


def test_a_user_outside_a_group_is_added_and_keeps_its_other_groups() -> None:
    found = accounts(B70, groups={"render": (105, ("root",)), "b70": (998, ())})
    commands, _ = run_operation(group_member, {Users: found}, account="b70", group_name="render")
    assert commands == ["usermod --append --groups render -- b70"]


def test_a_membership_of_a_user_that_comes_earlier_in_the_run_is_planned() -> None:
    commands, _ = run_operation(
        group_member, {Users: accounts()}, account="b70", group_name="render"
    )
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
    assert run_operation(group_member, {Users: found}, account="b70", group_name="render") == (
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
        run_operation(operation, {Users: Unknown("exit status 3")}, **arguments)


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
    told = reasons(operation, {Users: found}, **arguments)
    assert [(item.what, item.expected, item.seen) for item in told.differences] == expected
