"""Users and groups."""

from __future__ import annotations

import pwd

import pytest

from facts.system.users import Users
from facts.value import Unknown
from tests.unit.fact_frame import fixture, read, run

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


def test_this_machine_has_the_users_that_its_name_service_gives() -> None:
    users = run(Users()).users
    assert {name: user.uid for name, user in users.items()} == {
        entry.pw_name: entry.pw_uid for entry in pwd.getpwall()
    }
