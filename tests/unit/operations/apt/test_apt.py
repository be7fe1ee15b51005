"""apt's lists and sources: read when due, declared once, removed without collateral."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.onhost import APT_LISTS
from facts.odd import odd_line
from facts.packages.apt_sources import AptSources
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.apt.apt_foreign import replaced_source, sole_sources
from operations.apt.apt_lists import apt_lists
from operations.apt.apt_repository import Repository, list_stem, same_place
from tests.unit.apt_facts import apt_facts, source
from tests.unit.apt_root import AptRoot, Made
from tests.unit.base_facts import stat
from tests.unit.pyinfra_harness import reasons, run_operation

ONEAPI = Repository(
    "oneapi",
    ("http://10.70.0.1:8070/oneapi/20260523T000000Z",),
    ("all",),
    ("https://apt.repos.intel.com/oneapi",),
)
LIST = "10.70.0.1:8070_oneapi_20260523T000000Z_dists_all_InRelease"
OURS = "/etc/apt/sources.list.d/b70fleet-oneapi.sources"
THEIRS = "/etc/apt/sources.list.d/oneAPI.list"
INTEL = "https://apt.repos.intel.com/oneapi/"
PURPOSE = "p" * 64
DONE = stat(content=f"{PURPOSE}\n".encode())


def lists(mark: Any, state: Any) -> tuple[list[str], list[str]]:
    facts = {FileState: mark, AptSources: state}
    return run_operation(apt_lists, facts, purpose=PURPOSE, repositories=[ONEAPI])


def test_lists_that_were_fetched_for_these_sources_are_left_alone() -> None:
    commands, noops = lists(DONE, apt_facts(lists=[LIST]))
    assert (commands, noops) == ([], ["lists are there and were fetched for these sources"])


@pytest.mark.parametrize(
    ("mark", "there"),
    [(ABSENT, [LIST]), (stat(), [LIST]), (DONE, []), (DONE, ["other_dists_all_InRelease"])],
)
def test_lists_are_fetched_when_the_mark_differs_or_a_list_is_missing(
    mark: Any, there: list[str]
) -> None:
    commands, _ = lists(mark, apt_facts(lists=there))
    assert commands[0].endswith("update --error-on=any")
    assert commands[-1] == f"write {APT_LISTS}"


def test_a_power_cut_never_leaves_a_mark_for_lists_that_are_gone() -> None:
    commands, _ = lists(ABSENT, apt_facts(lists=[]))
    assert commands[1:] == ["sync -f /var/lib/apt/lists", f"write {APT_LISTS}"]


@pytest.mark.parametrize(
    ("mark", "state"), [(Unknown("no answer"), apt_facts()), (DONE, Unknown("no answer"))]
)
def test_lists_are_not_fetched_on_unknown(mark: Any, state: Any) -> None:
    with pytest.raises(OperationError, match="no answer"):
        lists(mark, state)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://Apt.repos.intel.com/oneapi/", "http://apt.repos.intel.com/oneapi"),
        ("https://user:pass@example.org/x", "https://example.org/x"),
    ],
)
def test_spellings_of_one_repository_are_the_same_place(left: str, right: str) -> None:
    assert same_place(left) == same_place(right)


def test_the_name_of_a_list_is_the_one_that_apt_gives_it(tmp_path: Path) -> None:
    root = AptRoot(tmp_path / "with_under~score")
    folder = root.archive("a", "A", {"thing": Made("1")})
    root.update()
    names = {path.name for path in (root.root / "var/lib/apt/lists").glob("*Release")}
    assert f"{list_stem(f'file:{folder}', 'x')}_Release" in names


def test_a_known_file_that_declares_only_our_repository_is_removed() -> None:
    facts = {AptSources: apt_facts([source(THEIRS, INTEL)])}
    commands, _ = run_operation(replaced_source, facts, path=THEIRS, repositories=[ONEAPI])
    assert commands == [f"rm -f -- {THEIRS}"]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [source(THEIRS, "https://example.org/x")],
        [source(THEIRS, INTEL, enabled=False)],
        [source(OURS, ONEAPI.addresses[0])],
    ],
)
def test_a_file_that_does_not_declare_our_repository_is_left_alone(entries: list[Any]) -> None:
    facts = {AptSources: apt_facts(entries)}
    commands, noops = run_operation(replaced_source, facts, path=THEIRS, repositories=[ONEAPI])
    assert (commands, noops) == ([], ["declares none of our repositories"])


def test_a_file_with_somebody_elses_repository_inside_is_left_to_a_person() -> None:
    entries = [source(THEIRS, INTEL), source(THEIRS, "https://example.org/x", line=2)]
    with pytest.raises(OperationError, match=r"also https://example.org/x \(line 2\)"):
        run_operation(
            replaced_source,
            {AptSources: apt_facts(entries)},
            path=THEIRS,
            repositories=[ONEAPI],
        )


def test_a_file_with_a_line_that_is_not_understood_is_left_to_a_person() -> None:
    odd = odd_line(THEIRS, 2, "dep https://example.org/x", "it is no source")
    state = replace(apt_facts([source(THEIRS, INTEL)]), odd=(odd,))
    with pytest.raises(OperationError, match=r"line 2 is not understood .it is no source."):
        run_operation(replaced_source, {AptSources: state}, path=THEIRS, repositories=[ONEAPI])


def sole(entries: list[Any]) -> list[str]:
    facts = {AptSources: apt_facts(entries)}
    _, noops = run_operation(
        sole_sources, facts, repositories=[ONEAPI], own=[OURS], replaced=[THEIRS]
    )
    return noops


def test_our_own_file_and_known_ones_are_no_finding() -> None:
    entries = [source(OURS, ONEAPI.addresses[0]), source(THEIRS, INTEL)]
    assert sole(entries) == ["each repository is declared once"]


@pytest.mark.parametrize("uri", [INTEL, ONEAPI.addresses[0] + "/"])
def test_an_unknown_file_that_declares_our_repository_stops_the_run_with_its_name(uri: str) -> None:
    with pytest.raises(OperationError, match=r"/etc/apt/sources.list line 7 .* which is oneapi"):
        sole([source("/etc/apt/sources.list", uri, line=7)])


def test_the_same_archive_in_another_suite_is_no_duplicate() -> None:
    assert sole([source("/etc/apt/sources.list", ONEAPI.addresses[0], "other")])


@pytest.mark.parametrize("operation", [replaced_source, sole_sources])
def test_sources_are_not_judged_on_unknown(operation: Any) -> None:
    arguments = (
        {"path": THEIRS, "repositories": []}
        if operation is replaced_source
        else {"repositories": [], "own": []}
    )
    with pytest.raises(OperationError, match="no answer"):
        run_operation(operation, {AptSources: Unknown("no answer")}, **arguments)


@pytest.mark.parametrize(
    ("mark", "there", "expected"),
    [
        (
            ABSENT,
            [],
            ("package lists", "fetched for the declared sources", "never fetched for them"),
        ),
        (
            stat(),
            [LIST],
            (
                "package lists",
                "fetched for the declared sources",
                "fetched for other sources or packages",
            ),
        ),
        (DONE, [], (f"package list {LIST.removesuffix('_InRelease')}", "fetched", None)),
    ],
)
def test_lists_say_whether_they_are_of_other_sources_or_gone(
    mark: Any, there: list[str], expected: Any
) -> None:
    facts = {FileState: mark, AptSources: apt_facts(lists=there)}
    told = reasons(apt_lists, facts, purpose=PURPOSE, repositories=[ONEAPI])
    assert [(item.what, item.expected, item.seen) for item in told.differences] == [expected]


def test_a_duplicate_says_of_which_repository_it_is_one_and_in_which_line() -> None:
    private = source(THEIRS, "https://b70:s3cret@apt.repos.intel.com/oneapi", line=4)
    facts = {AptSources: apt_facts([private])}
    told = reasons(replaced_source, facts, path=THEIRS, repositories=[ONEAPI])
    assert [(item.what, item.expected, item.seen) for item in told.differences] == [
        ("second source of oneapi", None, "line 4")
    ]
