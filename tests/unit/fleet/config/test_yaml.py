"""YAML with places: what a scalar means, where it stands, what is refused."""

from __future__ import annotations

import tracemalloc

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


def bomb(levels: int, item: str = "{alias}", opening: str = "[", closing: str = "]") -> str:
    """Return lines of ten aliases to the line before: ten to the power of `levels` values."""
    lines = ["x-0: &a0 [lol]\n"]
    for level in range(1, levels):
        items = ", ".join(item.format(alias=f"*a{level - 1}", n=n) for n in range(10))
        lines.append(f"x-{level}: &a{level} {opening}{items}{closing}\n")
    return "".join(lines)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (bomb(9), "f.yaml:6:6"),
        (bomb(9, "k{n}: {alias} ", "{", "}"), "f.yaml:6:"),
        (
            "x0: &x0 {k0: 1}\n"
            + "".join(f"x{n}: &x{n} {{<<: *x{n - 1}, k{n}: 1}}\n" for n in range(1, 999)),
            "f.yaml:317:",
        ),
        ("a: &a [" + "1, " * 999 + "]\nb:\n" + "  - *a\n" * 200, "f.yaml:3:3"),
    ],
    ids=["lists of lists", "mappings of mappings", "merges of merges", "one list many times"],
)
def test_aliases_that_stand_for_too_much_are_refused_at_once_with_their_place(
    text: str, place: str
) -> None:
    tracemalloc.start()
    try:
        said = refused(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(said) == 1
    assert said[0].startswith(place)
    assert "its aliases stand for more than 100000 values" in said[0]
    assert peak < 50 * 2**20  # bytes


def test_a_thousand_hosts_may_share_a_hundred_values_by_aliases() -> None:
    shared = "x-d: &d {" + ", ".join(f"k{n}: 1" for n in range(98)) + "}\n"
    assert len(read(shared + "".join(f"h{n}: *d\n" for n in range(1000))).value) == 1001  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "a: " + "[" * 50_000 + "]" * 50_000, "- " * 100_000 + "a", "{a: " * 60_000],
)
def test_a_text_that_nests_too_deeply_is_refused_and_does_not_end_the_process(text: str) -> None:
    said = refused(text)
    assert len(said) == 1
    assert said[0].startswith("f.yaml:1:")
    assert said[0].endswith("not YAML: nested more than 100 levels deep")


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(read("a:\n" + "  - [[1], {k: []}]\n" * 4_000).value["a"].value) == 4_000  # type: ignore[arg-type, call-overload, index, union-attr]
