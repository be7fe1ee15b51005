"""Which hosts a limit means, and what is refused because it would mean the wrong ones."""

from __future__ import annotations

import pytest

from declaration.host import Connection, HostSpec
from fleet.base.errors import NoHostsMatched
from fleet.base.exitcodes import ExitCode
from fleet.config.select import NothingChosen, select

GROUPS = ("production", "canary", "spare")


def host(name: str, *groups: str) -> HostSpec:
    return HostSpec(name=name, groups=groups, connection=Connection(address=name))


HOSTS = {
    spec.name: spec
    for spec in (
        host("rig-b", "production"),
        host("rig-a", "production", "canary"),
        host("lab1"),
        host("lab2", "canary"),
    )
}


def names(*limit: str, exclude: tuple[str, ...] = (), everything: bool = False) -> list[str]:
    return [spec.name for spec in select(HOSTS, GROUPS, limit, exclude, everything)]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (["rig-a"], ["rig-a"]),
        (["rig-*"], ["rig-b", "rig-a"]),
        (["lab2,rig-b"], ["rig-b", "lab2"]),
        (["lab2", "rig-b"], ["rig-b", "lab2"]),
        (["@canary"], ["rig-a", "lab2"]),
        (["@c*"], ["rig-a", "lab2"]),
        (["@production,!rig-a"], ["rig-b"]),
        (["*,!@canary"], ["rig-b", "lab1"]),
        (["lab?"], ["lab1", "lab2"]),
        ([" rig-a , rig-b "], ["rig-b", "rig-a"]),
    ],
)
def test_a_limit_means_names_globs_groups_and_negations_in_inventory_order(
    limit: list[str], expected: list[str]
) -> None:
    assert names(*limit) == expected


def test_exclude_takes_away_from_the_limit() -> None:
    assert names("@production", exclude=("rig-a",)) == ["rig-b"]


def test_all_means_every_host_and_negations_take_away_from_it() -> None:
    assert names(everything=True) == ["rig-b", "rig-a", "lab1", "lab2"]
    assert names("!lab*", everything=True) == ["rig-b", "rig-a"]


@pytest.mark.parametrize("limit", [[], ["!rig-a"], ["!lab*,!rig-b"]])
def test_without_a_chosen_host_the_whole_fleet_must_be_said(limit: list[str]) -> None:
    with pytest.raises(NothingChosen) as raised:
        names(*limit)
    assert "--all" in raised.value.hint
    assert raised.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize(
    ("limit", "part", "hint"),
    [
        (["rig-c"], "rig-c", "did you mean rig-"),
        (["rig-a,rgi-b"], "rgi-b", "did you mean rig-b?"),
        (["production"], "production", "did you mean @production?"),
        (["@prodution"], "@prodution", "did you mean @production?"),
        (["@spare"], "@spare", "b70 inventory list"),
        (["web*"], "web*", "b70 inventory list"),
        (["rig-a,!lba1"], "lba1", "did you mean lab1?"),
        (["Rig-a"], "Rig-a", "did you mean rig-a?"),
    ],
)
def test_a_part_that_matches_nothing_is_refused_by_name(
    limit: list[str], part: str, hint: str
) -> None:
    with pytest.raises(NoHostsMatched) as raised:
        names(*limit)
    assert raised.value.message.startswith(f"{part} matched no host")
    assert raised.value.hint.startswith(hint)
    assert raised.value.exit_code is ExitCode.REFUSED


def test_a_misspelt_exclusion_is_refused_instead_of_widening_the_run() -> None:
    with pytest.raises(NoHostsMatched, match="lba1 matched no host"):
        names(exclude=("lba1",), everything=True)


@pytest.mark.parametrize("limit", [[""], [","], [" "]])
def test_an_empty_limit_never_means_the_whole_fleet(limit: list[str]) -> None:
    with pytest.raises(NoHostsMatched, match="--limit is empty"):
        names(*limit, everything=True)


def test_a_choice_that_takes_every_host_away_is_refused() -> None:
    with pytest.raises(NoHostsMatched, match="take every host away"):
        names("rig-a,!rig-a")


def test_an_empty_inventory_has_no_hosts_to_choose() -> None:
    with pytest.raises(NoHostsMatched, match="the inventory has no hosts"):
        select({}, (), [], everything=True)
