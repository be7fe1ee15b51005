"""The disk budget: what is over, missing or UNKNOWN is said, and nothing UNKNOWN counts as zero."""

from __future__ import annotations

from typing import Any

import pytest

from declaration.host import Connection, HostSpec
from facts.disks.directory_use import TreeUse
from facts.value import ABSENT, Unknown
from fleet.base.exitcodes import ExitCode
from fleet.disks.budget import Budget, Verdict, budget
from fleet.model.finding import Severity
from gates.model import Verdict as GateVerdict
from tests.unit.disk_facts import GIB, POINT, disks, mount

MODELS, CACHE = f"{POINT}/models", f"{POINT}/models/cache"


def spec(**changes: Any) -> HostSpec:
    declared = {
        "filesystems": {POINT: {"serial": "S1"}},
        "directories": {
            MODELS: {"use": "models", "budget_gib": 200},
            CACHE: {"use": "hub-cache", "budget_gib": 50},
        },
    }
    return HostSpec.model_validate(
        {
            "name": "rig",
            "connection": Connection(address="192.0.2.1"),
            "storage": declared,
            **changes,
        }
    )


def used(gib: int) -> TreeUse:
    return TreeUse("/x", gib * GIB, (), {})


def ask(models: Any, cache: Any, free: int = 400, **changes: Any) -> Budget:
    there = disks(mount(POINT), room={POINT: free * GIB, "/": 90 * GIB})
    block = changes.pop("block", there)
    return budget(spec(**changes), block, {MODELS: models, CACHE: cache})


def verdicts(found: Budget) -> list[Verdict]:
    return [*(x.verdict for x in found.lines), *(x.verdict for x in found.filesystems)]


def test_a_budget_that_holds_exits_0() -> None:
    found = ask(used(120), used(10))
    assert verdicts(found) == [Verdict.OK] * 3
    assert found.exit_code is ExitCode.CLEAN
    (filesystem,) = found.filesystems
    # the cache lies in the models' directory: its budget is part of theirs
    assert (filesystem.mount, filesystem.planned) == (POINT, 80 * GIB)


@pytest.mark.parametrize(
    ("models", "cache", "free", "code", "told"),
    [
        (201, 10, 400, 2, [Verdict.OVER, Verdict.OK, Verdict.OK]),
        (120, 10, 129, 2, [Verdict.OK, Verdict.OK, Verdict.OVER]),
        (120, 10, 49, 2, [Verdict.OK, Verdict.OK, Verdict.OVER]),
        (120, 10, 130, 0, [Verdict.OK, Verdict.OK, Verdict.OK]),
    ],
)
def test_what_is_over_exits_2(
    models: int, cache: int, free: int, code: int, told: list[Verdict]
) -> None:
    found = ask(used(models), used(cache), free)
    assert (verdicts(found), found.exit_code) == (told, code)


def test_what_is_unknown_exits_4_and_is_not_zero() -> None:
    found = ask(Unknown("no answer within 120 s"), used(10))
    assert (found.lines[0].used, found.lines[0].verdict) == (None, Verdict.UNKNOWN)
    assert found.exit_code is ExitCode.UNREACHABLE
    assert ask(used(1), used(1), block=Unknown("x")).exit_code is ExitCode.UNREACHABLE


def test_a_missing_mount_or_directory_is_absent_and_exits_2() -> None:
    gone = ask(used(1), used(1), block=disks(room={"/": GIB}))
    assert verdicts(gone) == [Verdict.ABSENT] * 3
    assert gone.lines[0].note == f"{POINT} is not mounted"
    found = ask(used(1), ABSENT)
    assert found.lines[1].verdict is Verdict.ABSENT
    assert found.exit_code is ExitCode.PENDING


def test_build_swap_with_a_path_is_part_of_the_budget() -> None:
    swap = {"build": {"path": f"{POINT}/swap", "size_gib": 160}}
    found = ask(used(120), used(10), 289, swap=swap)
    assert [line.use for line in found.lines] == ["models", "hub-cache", "build-swap"]
    assert found.filesystems[0].planned == 240 * GIB
    assert found.filesystems[0].note == "the budgets do not fit into what is free"


def test_the_budget_is_told_as_findings_worst_first() -> None:
    found = ask(used(250), Unknown("no answer")).findings("rig")
    assert [(item.severity, item.verdict) for item in found[:2]] == [
        (Severity.CRITICAL, GateVerdict.FAIL),
        (Severity.WARNING, GateVerdict.UNKNOWN),
    ]
    over = found[0]
    assert (over.host, over.domain, over.remedy) == ("rig", "disks", "b70 storage prune rig")
    assert (over.expected, over.seen) == (
        f"at most {200 * GIB} bytes",
        f"{250 * GIB} bytes",
    )
    assert {item.verdict for item in ask(used(1), used(1)).findings("rig")} == {GateVerdict.PASS}
