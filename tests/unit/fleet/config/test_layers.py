"""Merging layers and telling where a value came from, as properties over random layers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.config.layers import EMPTY, Source, data_of, explain, lookup, merge, merge_all
from fleet.config.problems import Where
from fleet.config.yaml_marks import Node

KEYS = st.sampled_from("abc")
SCALARS = st.none() | st.integers(0, 9) | st.sampled_from(["x", "y"]) | st.lists(st.integers(0, 9))
TREES = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6),
    max_size=3,
)
LAYERS = st.lists(TREES, min_size=1, max_size=5)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def node(value: object, file: str = "f") -> Node:
    where = Where(file, 1, 1)
    if isinstance(value, dict):
        return Node({key: node(item, file) for key, item in value.items()}, where, where)
    if isinstance(value, list):
        return Node([node(item, file) for item in value], where, where)
    assert value is None or isinstance(value, bool | int | float | str)
    return Node(value, where, where)


def stacked(trees: list[dict[str, object]]) -> list[Source]:
    return [Source(f"layer {n}", node(tree, f"f{n}")) for n, tree in enumerate(trees)]


def expected(trees: list[dict[str, object]]) -> object:
    """The rule in its plainest form: the oracle."""

    def lay(low: object, high: object) -> object:
        if not isinstance(high, dict):
            return high
        result = dict(low) if isinstance(low, dict) else {}
        for key, value in high.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = lay(result.get(key), value)
        return result

    merged: object = {}
    for tree in trees:
        merged = lay(merged, tree)
    return merged


def value_in(tree: object, path: tuple[str, ...]) -> object:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


@given(LAYERS)
def test_mappings_merge_key_by_key_and_all_else_is_replaced(trees: list[dict[str, object]]) -> None:
    assert data_of(merge_all(stacked(trees))) == expected(trees)


@given(LAYERS, TREES)
def test_layers_that_hosts_share_can_be_merged_once(
    shared: list[dict[str, object]], own: dict[str, object]
) -> None:
    once = merge_all(stacked(shared))
    assert data_of(merge(once, node(own))) == expected([*shared, own])


@given(TREES)
def test_an_empty_layer_changes_nothing(tree: dict[str, object]) -> None:
    base = merge(EMPTY, node(tree))
    assert data_of(merge(base, EMPTY)) == data_of(base)


@given(LAYERS, PATHS)
def test_explain_shows_the_value_that_the_merge_holds(
    trees: list[dict[str, object]], path: tuple[str, ...]
) -> None:
    layers = stacked(trees)
    found = explain(layers, path)
    assert (found.value if found else None) == value_in(expected(trees), path)


@given(LAYERS, PATHS)
def test_explain_always_names_the_layer_whose_value_wins(
    trees: list[dict[str, object]], path: tuple[str, ...]
) -> None:
    layers = stacked(trees)
    found = explain(layers, path)
    if found is None:
        assert value_in(expected(trees), path) is None
        return
    winner = int(found.layer.removeprefix("layer "))
    assert found.file == f"f{winner}"
    # nothing above the winner says anything on the path: without those layers the value is the same
    below = expected(trees[: winner + 1])
    assert value_in(below, path) == found.value
    # and a value that is no mapping is the winner's alone: with what lies below it gone, it stays
    if not isinstance(found.value, dict):
        assert value_in(expected(trees[winner : winner + 1]), path) == found.value


@given(LAYERS, PATHS)
def test_what_explain_calls_shadowed_is_what_lower_layers_said(
    trees: list[dict[str, object]], path: tuple[str, ...]
) -> None:
    found = explain(stacked(trees), path)
    for low in found.shadowed if found else ():
        tree = trees[int(low.layer.removeprefix("layer "))]
        assert low.layer < found.layer  # type: ignore[union-attr]
        said = value_in(tree, path)
        prefixes = [value_in(tree, path[:n]) for n in range(1, len(path))]
        assert low.value == said or low.value in prefixes


def test_nodes_that_only_one_layer_has_are_shared_not_copied() -> None:
    low = node({"base": {"a": 1}})
    merged = merge(low, node({"other": 1}))
    assert lookup(merged, ("base",)) is lookup(low, ("base",))
