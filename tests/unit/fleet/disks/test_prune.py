"""What prune offers: only what can be made again, is old, unnamed and unused; the rest says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaration.host import Connection, HostSpec
from declaration.storage import below
from facts.disks.directory_use import Entry, TreeUse
from facts.odd import odd_line
from facts.value import ABSENT, Unknown
from fleet.disks.prune import PRUNABLE, candidates, directories, named_paths

NOW, DAY = 100 * 86_400, 86_400
SRC, ART = "/mnt/x/src", "/mnt/x/artifacts"
DIRECTORIES = {
    SRC: {"use": "sources"},
    ART: {"use": "artifacts"},
    "/mnt/x/models": {"use": "models"},
    f"{SRC}/kept": {"use": "results"},
}
CARD = [{"slot": "1"}]


def spec(profile: dict[str, Any] | None = None, **changes: Any) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig",
            "connection": Connection(address="192.0.2.1"),
            "storage": {"directories": DIRECTORIES},
            "hardware": {"cards": CARD},
            "profile": {"name": "p", **profile} if profile else None,
            **changes,
        }
    )


def entry(name: str, kind: str = "directory", days: int = 30) -> Entry:
    return Entry(name, kind, 1_000, NOW - days * DAY)


def tree(*entries: Entry, real: str = SRC, users: Any = None, odd: Any = ()) -> TreeUse:
    return TreeUse(real, 9_999, entries, users or {}, odd)


def keep(found: Entry, declared: HostSpec | None = None, **more: Any) -> str:
    """Return why one thing in the sources' directory stays."""
    resolved = more.pop("resolved", {})
    use = {SRC: tree(found, **more)}
    (item,) = candidates(declared or spec(), use, resolved, NOW, 14)
    return item.keep


def test_only_uses_that_can_be_made_again_are_looked_at() -> None:
    assert directories(spec()) == [ART, SRC]
    assert not {"models", "results"} & set(PRUNABLE)


def test_an_old_unused_tree_may_go_and_the_largest_comes_first() -> None:
    big = Entry("big", "directory", 9_000, 0)
    uses = {SRC: tree(entry("a"), big, entry("young", days=1)), ART: Unknown("no answer")}
    found = candidates(spec(), uses, {}, NOW, 14)
    assert [(x.path, bool(x.keep)) for x in found] == [
        (f"{SRC}/big", False),
        (f"{SRC}/a", False),
        (f"{SRC}/young", True),
    ]
    assert found[0].age_s == NOW


@pytest.mark.parametrize(
    ("found", "more", "said"),
    [
        (entry("x", days=13), {}, "changed less than 14 days ago"),
        (entry("x", "link"), {}, "a link"),
        (entry("x", "other"), {}, "neither a file nor a directory"),
        (entry("two\x01lines"), {}, "unusual name"),
        (entry("-rf"), {}, "unusual name"),
        (entry("kept"), {}, f"{SRC}/kept is declared"),
        (entry("x"), {"real": "/srv/src"}, "is a link to /srv/src"),
        (entry("x"), {"users": {f"{SRC}/x/lib.so": (7,)}}, "in use by process 7"),
        (
            entry("x"),
            {"odd": (odd_line("/proc", 1, "frag", "why"),)},
            "what uses it is UNKNOWN: frag",
        ),
        (entry("x"), {"resolved": {"/mnt/x/m": Unknown("hangs")}}, "where /mnt/x/m leads is UNKN"),
    ],
)
def test_what_stays_says_why(found: Entry, more: dict[str, Any], said: str) -> None:
    assert said in keep(found, **more)


def test_a_neighbour_whose_name_begins_alike_is_not_in_use() -> None:
    assert keep(entry("x"), users={f"{SRC}/xy/lib.so": (7,)}) == ""


@pytest.mark.parametrize(
    "profile",
    [
        {"model_path": f"{SRC}/x"},
        {"model_path": f"{SRC}/x/deep/weights"},
        {"env": {"PYTHONPATH": f"/usr/lib/py:{SRC}/x/vllm"}},
        {"env": {"ARGS": f"--plugin={SRC}/x/plugin.so --tp 4"}},
    ],
)
def test_what_the_profile_names_stays_in_whatever_form_it_is_written(profile: Any) -> None:
    assert "the declaration names" in keep(entry("x"), spec(profile))
    assert keep(entry("y"), spec(profile)) == ""


def test_a_link_of_the_declaration_protects_what_it_leads_to() -> None:
    declared = spec({"model_path": "/mnt/x/models/m"})
    resolved = {"/mnt/x/models/m": f"{SRC}/x/m", "/var/lib/b70": ABSENT}
    assert "names /mnt/x/src/x/m" in keep(entry("x"), declared, resolved=resolved)


def test_a_hub_cache_stays_while_a_model_is_served_by_its_name() -> None:
    cache = {"storage": {"directories": {SRC: {"use": "hub-cache"}}}}
    assert "served from a cache" in keep(entry("hub"), spec({"model_path": "org/m"}, **cache))
    assert keep(entry("hub"), spec({"model_path": "/srv/m"}, **cache)) == ""


def test_swap_and_the_account_are_named_by_the_declaration() -> None:
    declared = spec(swap={"permanent": {"path": f"{SRC}/swap", "size_gib": 1}})
    assert named_paths(declared) == ["/mnt/x/src/swap", "/var/lib/b70"]
    assert "names" in keep(entry("swap", "file"), declared)


@given(
    names=st.lists(st.text("abc.-_/ \n\x01", min_size=1, max_size=6), max_size=6, unique=True),
    named=st.text("abc/", max_size=8),
    days=st.integers(0, 60),
)
def test_whatever_the_names_nothing_outside_named_or_young_is_offered(
    names: list[str], named: str, days: int
) -> None:
    declared = spec({"model_path": f"{SRC}/{named}"})
    use = {SRC: tree(*(entry(name, days=days) for name in names))}
    for item in candidates(declared, use, {}, NOW, 14):
        if not item.keep:
            assert item.path.rpartition("/")[0] == SRC
            assert days >= 14
            path = f"{SRC}/{named}".rstrip("/")
            assert path == SRC or not below(path, item.path)
