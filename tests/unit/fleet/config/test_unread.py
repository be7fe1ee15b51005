"""Input that nothing reads is named; what editors and people leave aside is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.config import load
from tests.unit.fleet.config.config_cases import loaded, problems, write

HOSTS = "hosts: {a: {address: a}}"


@pytest.mark.parametrize("name", ["hosts.yml", "Hosts.yaml", "hosts", "hosts.ini", "hosts.json"])
def test_a_second_hosts_file_is_named_with_the_one_that_is_read(bare: Path, name: str) -> None:
    write(bare, {name: "hosts: {a: {address: b}}"})
    said = problems(bare, HOSTS)
    assert said == [f"{name}:1:1: nothing reads this: the hosts are read from hosts.yaml"]


@pytest.mark.parametrize(
    "name", ["group_vars", "host_vars", "group-data", "Group_Data", "groupdata"]
)
def test_a_folder_that_another_tool_would_read_is_named(bare: Path, name: str) -> None:
    write(bare, {f"{name}/all.yaml": ""})
    said = problems(bare, HOSTS)
    assert said == [f"{name}:1:1: nothing reads this: what hosts share is read from group_data"]


def test_a_hosts_file_that_was_chosen_by_name_may_stand_beside_others(bare: Path) -> None:
    write(bare, {"hosts.yaml": HOSTS, "lab.yaml": HOSTS, "keys/a.asc": "", "README": ""})
    assert list(load(bare / "lab.yaml").hosts) == ["a"]


@pytest.mark.parametrize(
    "name",
    [
        "hosts.yaml~", ".hosts.yaml.swp", "#hosts.yaml#", "hosts.yaml.bak", "hosts.yaml.orig",
        "group_data/all.yaml~", "group_data/groups/g.yaml.bak", "group_data/groups/.#g.yaml",
        "group_data/groups/#g.yaml#", "group_data/README.md", "group_data/.gitkeep",
    ],
)  # fmt: skip
def test_what_an_editor_leaves_behind_is_passed_over_in_silence(bare: Path, name: str) -> None:
    write(bare, {name: "no: [yaml"})
    assert list(loaded(bare, HOSTS, {"groups/g.yaml": ""}).groups) == ["g"]


def test_a_folder_among_layer_files_is_named(bare: Path) -> None:
    said = problems(bare, HOSTS, {"groups/site-a/g.yaml": "", "stacks/x.yaml/y.yaml": ""})
    assert "group_data/groups/site-a:1:1: nothing reads this" in said
    assert "group_data/stacks/x.yaml:1:1: nothing reads this" in said


@pytest.mark.parametrize("text", ["hosts:\n\ta: 1\n", "hosts: [", "hosts: {a: *x}", "a: b: c"])
def test_a_hosts_file_that_does_not_parse_is_not_said_to_have_no_hosts(
    bare: Path, text: str
) -> None:
    said = problems(bare, text)
    assert len(said) == 1
    assert ": not YAML: " in said[0]


def test_a_hosts_file_without_hosts_is_still_named(bare: Path) -> None:
    assert "hosts: required, but missing" in problems(bare, "name: x\n")[0]
    assert "hosts: required, but missing" in problems(bare, "# nothing\n")[0]


def test_a_layer_file_that_does_not_parse_is_the_only_mistake_of_its_hosts(bare: Path) -> None:
    files = {"groups/g.yaml": "a: [1", "stacks/s.yaml": "stack:\n\tx: 1", "profiles/p.yaml": "x: {"}
    said = problems(bare, "hosts: {a: {address: a, groups: [g], stack: s, profile: p}}", files)
    assert [line.split(":")[0] for line in said] == [f"group_data/{name}" for name in sorted(files)]
    assert all(": not YAML: " in line for line in said)
