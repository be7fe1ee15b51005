"""YAML with places: what a scalar means, where it stands, what is refused."""

from __future__ import annotations

import pytest

from fleet.config.layers import data_of, lookup
from fleet.config.problems import Problem
from fleet.config.yaml_marks import Node, parse


def read(text: str) -> Node:
    problems: list[Problem] = []
    node = parse(text, "f.yaml", problems)
    assert problems == []
    return node


def refused(text: str) -> list[str]:
    problems: list[Problem] = []
    parse(text, "f.yaml", problems)
    return [str(problem) for problem in problems]


def test_each_key_and_value_knows_its_line_and_column() -> None:
    node = lookup(read("a:\n  b: [x, yy]\n"), ("a", "b"))
    assert node is not None
    assert (node.key, node.where) == (("f.yaml", 2, 3), ("f.yaml", 2, 6))
    item = lookup(node, ("1",))
    assert item is not None
    assert item.where == ("f.yaml", 2, 10)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0000:03:00.0", "0000:03:00.0"),
        ("20:30", "20:30"),
        ("0644", "0644"),
        ("no", "no"),
        ("on", "on"),
        ("2026-11-20", "2026-11-20"),
        ("20260523T000000Z", "20260523T000000Z"),
        ("1e5", "1e5"),
        ("true", True),
        ("22", 22),
        ("-3", -3),
        ("0x1f", 31),
        ("0.95", 0.95),
        ("~", None),
        ("null", None),
        ("", None),
        ('"22"', "22"),
        ("!!str 22", "22"),
    ],
)
def test_a_plain_scalar_means_what_a_person_reads(text: str, value: object) -> None:
    found = lookup(read(f"k: {text}\n"), ("k",))
    assert found is not None
    assert found.value == value
    assert type(found.value) is type(value)


def test_an_anchor_gives_its_value_to_every_alias() -> None:
    assert data_of(read("a: &x {k: 1}\nb: *x\n")) == {"a": {"k": 1}, "b": {"k": 1}}


def test_own_keys_win_over_merged_ones_and_the_first_merged_mapping_over_the_second() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  c: 3\n"
    assert data_of(read(text))["z"] == {"a": 1, "b": 1, "c": 3}  # type: ignore[index]


def test_a_merged_value_keeps_the_place_where_it_is_written() -> None:
    node = lookup(read("x: &x {a: 1}\nz:\n  <<: *x\n"), ("z", "a"))
    assert node is not None
    assert node.where.line == 1


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read("# nothing\n").value == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: the key is there twice (first in line 1)"),
        ("- a\n", "f.yaml:1:1: expected a mapping (key: value)"),
        ("a: [1\nb: 2\n", "f.yaml:2:2: not YAML: did not find expected ',' or ']'"),
        ("a: *x\n", "f.yaml:1:4: not YAML: found undefined alias"),
        ("a: !vault x\n", "f.yaml:1:4: the tag !vault is not accepted"),
        (
            "a: !!python/name:os.system\n",
            "f.yaml:1:4: the tag !!python/name:os.system is not accepted",
        ),
        ("a: !!int x\n", "f.yaml:1:4: not a number (tag !!int)"),
        ("{a: 1}: 2\n", "f.yaml:1:1: a key must be text"),
        ("a: &a [*a]\n", "f.yaml:1:4: an anchor contains itself"),
        ("a: {<<: 3}\n", "f.yaml:1:5: <<: expected a mapping"),
    ],
)
def test_wrong_yaml_is_refused_with_its_place(text: str, said: str) -> None:
    assert refused(text) == [said]


def test_a_control_character_is_refused_with_its_line() -> None:
    assert refused("a: 1\nb: \x07\n")[0].startswith("f.yaml:2:1: not YAML")


def test_a_second_document_is_refused() -> None:
    assert refused("a: 1\n---\nb: 2\n")[0].startswith("f.yaml:2:1: not YAML")
