"""`b70 storage` and `b70 swap`: what is shown, what is refused, what reaches the engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import Result

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.disks.directory_use import DirectoryUse, Entry, RealPath, TreeUse
from facts.system.clock import ClockState
from facts.value import ABSENT, Unknown
from fleet.base.errors import FleetError, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.disks.buildswap import BuildSwapRefused, around_build, layer
from fleet.host.keys import FactKey
from fleet.model.events import Emit, discard
from fleet.model.plan import Change, HostResult, HostState, Resource, ResourceStatus
from fleet.run.order import Order
from tests.given import given
from tests.unit.disk_facts import GIB, POINT, disks, mount, rig
from tests.unit.fleet.cli.cli_harness import (
    Answered,
    ScriptedEngine,
    Told,
    b70,
    imaginary_fleet,
    run_result,
)
from tests.unit.fleet.cli.golden import check_golden
from tests.unit.pyinfra_harness import run_deploy

NOW, DAY = 1_000 * 86_400, 86_400
SRC, MODELS = f"{POINT}/src", f"{POINT}/llm-models"
STORAGE = {
    "filesystems": {POINT: {"serial": "S1"}},
    "directories": {
        SRC: {"use": "sources", "budget_gib": 80},
        MODELS: {"use": "models", "budget_gib": 250},
    },
}
TREES: dict[str, Any] = {
    SRC: TreeUse(
        SRC,
        90 * GIB,
        (
            Entry("vllm-old", "directory", 60 * GIB, NOW - 40 * DAY),
            Entry("vllm", "directory", 20 * GIB, NOW - 40 * DAY),
            Entry("kernels", "directory", 10 * GIB, NOW - 2 * DAY),
        ),
        {f"{SRC}/vllm/lib.so": (4711,)},
    ),
    MODELS: TreeUse(MODELS, 113 * GIB, (Entry("minimax", "directory", 113 * GIB, 0),), {}),
}


@dataclass
class DiskEngine(ScriptedEngine):
    """Answers questions about directories and keeps what it was told to run."""

    trees: dict[str, Any] = field(default_factory=lambda: dict(TREES))
    values: dict[str, object] = field(
        default_factory=lambda: {
            "block": disks(mount(POINT), room={POINT: 200 * GIB, "/": 90 * GIB}),
            "clock": ClockState(NOW * 10**9, 1.0, ABSENT, "UTC"),
        }
    )
    outcomes: list[HostResult] = field(default_factory=list)
    ran: list[tuple[str, frozenset[str], HostSpec, Layer]] = field(default_factory=list)

    def run(self, hosts: Sequence[HostSpec], order: Order, emit: Emit = discard) -> Answered:
        (spec,) = hosts
        if order.command is None:
            return Answered(visits=(self._read(order.questions),))
        (wanted,) = order.layers or ()
        self.ran.append((order.command, order.excused, spec, wanted))
        state = HostState.CONVERGED
        result = self.outcomes.pop(0) if self.outcomes else HostResult(host=spec.name, state=state)
        return Answered(run_result(order.command, result))

    def _read(self, questions: Sequence[FactKey]) -> Told:
        if isinstance(self.raises, FleetError):
            return Told(error=self.raises)
        answers: dict[FactKey, object] = {}
        for key in questions:
            path = str(key.kwargs["path"])
            answers[key] = self.trees.get(path, ABSENT) if key.fact is DirectoryUse else path
            assert key.fact in (DirectoryUse, RealPath)
        return Told(given(self.values), answers=answers)


def rigs(**changes: Any) -> Any:
    fleet = imaginary_fleet("rig-a")
    spec = fleet.hosts["rig-a"].model_dump() | {"storage": STORAGE, **changes}
    fleet.hosts["rig-a"] = HostSpec.model_validate(spec)
    return fleet


def ask(*words: str, engine: DiskEngine | None = None, answer: str = "", **changes: Any) -> Result:
    return b70(*words, engine=engine or DiskEngine(), fleet=rigs(**changes), answer=answer)


def test_the_budget_shows_directories_then_file_systems() -> None:
    result = ask("storage", "budget", "rig-a")
    check_golden("storage-budget.txt", result.stdout)
    assert result.exit_code == ExitCode.PENDING


def test_the_budget_as_json_keeps_bytes() -> None:
    body = json.loads(ask("storage", "budget", "rig-a", "--json").stdout)
    assert body["lines"][0] | {"note": ""} == {
        "path": MODELS,
        "use": "models",
        "mount": POINT,
        "used": 113 * GIB,
        "budget": 250 * GIB,
        "verdict": "ok",
        "note": "",
    }
    assert (body["lines"][1]["verdict"], body["filesystems"][0]["verdict"]) == ("over", "ok")


def test_a_directory_that_could_not_be_read_ends_with_4() -> None:
    trees = {**TREES, SRC: Unknown("no answer within 120 s")}
    result = ask("storage", "budget", "rig-a", engine=DiskEngine(trees=trees))
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "no answer within 120 s" in result.stdout


@pytest.mark.parametrize("verb", ["budget", "prune"])
def test_a_host_that_does_not_answer_is_no_empty_disk(verb: str) -> None:
    engine = DiskEngine(raises=Unreachable("rig-a: silence"))
    result = ask("storage", verb, "rig-a", engine=engine)
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "rig-a: silence" in result.stderr


def test_prune_lists_what_may_go_and_why_the_rest_stays_and_removes_nothing() -> None:
    engine = DiskEngine()
    result = ask("storage", "prune", "rig-a", engine=engine)
    check_golden("storage-prune.txt", result.stdout)
    assert (result.exit_code, engine.ran) == (ExitCode.CLEAN, [])


def test_prune_removes_what_is_named_after_a_yes() -> None:
    engine = DiskEngine()
    path = f"{SRC}/vllm-old"
    result = ask("storage", "prune", "rig-a", f"{path}/", path, engine=engine, answer="y\n")
    assert result.exit_code == ExitCode.CLEAN
    ((command, excused, spec, wanted),) = engine.ran
    assert (command, excused) == ("storage prune", {"disk-full"})
    resources = run_deploy(wanted.deploy, rig(), spec=spec)
    assert [item.name for item in resources] == [f"Tree[{path}]"]


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_prune_removes_nothing_without_a_yes(answer: str) -> None:
    engine = DiskEngine()
    result = ask("storage", "prune", "rig-a", f"{SRC}/vllm-old", engine=engine, answer=answer)
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{SRC}/vllm", "in use by process 4711"),
        (f"{SRC}/kernels", "changed less than 14 days ago"),
        (f"{SRC}/nothing", "does not lie directly in"),
        (f"{MODELS}/minimax", "does not lie directly in"),
        ("/etc", "does not lie directly in"),
    ],
)
def test_prune_refuses_everything_when_one_name_may_not_go(path: str, said: str) -> None:
    engine = DiskEngine()
    result = ask("storage", "prune", "rig-a", f"{SRC}/vllm-old", path, "-y", engine=engine)
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])
    assert said in result.stderr


def test_a_younger_thing_may_go_when_its_age_is_said() -> None:
    engine = DiskEngine()
    words = ("storage", "prune", "rig-a", f"{SRC}/kernels", "--older-than", "1", "-y")
    assert ask(*words, engine=engine).exit_code == ExitCode.CLEAN
    assert len(engine.ran) == 1


def test_ages_are_not_guessed_without_the_hosts_clock() -> None:
    values = {"clock": Unknown("no answer")}
    result = ask("storage", "prune", "rig-a", engine=DiskEngine(values=values))
    assert result.exit_code == ExitCode.REFUSED
    assert "its clock is UNKNOWN" in result.stderr


def test_a_host_without_such_directories_has_nothing_to_prune() -> None:
    result = ask("storage", "prune", "rig-a", storage={})
    assert result.exit_code == ExitCode.USAGE
    assert "declares no directory" in result.stderr


def resource(name: str, *why: str) -> Resource:
    return Resource(
        layer="build-swap",
        name=name,
        status=ResourceStatus.IN_SYNC,
        why=list(why),
        changes=[Change(kind="shell", text="fallocate")] if not why else [],
    )


def test_build_up_tells_what_it_did_and_takes_another_size_for_this_time() -> None:
    done = HostResult(
        host="rig-a",
        state=HostState.CONVERGED,
        resources=[resource("Swap[build]")],
        changed=["Swap[build]"],
    )
    engine = DiskEngine(outcomes=[done])
    result = ask("swap", "build-up", "rig-a", "--size", "64", engine=engine)
    assert (result.exit_code, result.stdout) == (0, "  ~ Swap[build]\nrig-a: converged\n")
    ((command, _, spec, _),) = engine.ran
    assert (command, spec.swap.build.size_gib) == ("swap build-up", 64)


def test_build_down_says_when_there_was_nothing_to_do() -> None:
    done = HostResult(
        host="rig-a", state=HostState.IN_SYNC, resources=[resource("Swap[build]", "is absent")]
    )
    result = ask("swap", "build-down", "rig-a", engine=DiskEngine(outcomes=[done]))
    assert result.stdout == "  = Swap[build]  is absent\nrig-a: in-sync\n"


REFUSED = HostResult(
    host="rig-a", state=HostState.REFUSED, error="rig-a: no room", error_id="refused"
)


def test_a_refused_build_up_exits_3_with_its_reason() -> None:
    result = ask("swap", "build-up", "rig-a", engine=DiskEngine(outcomes=[REFUSED]))
    assert result.exit_code == ExitCode.REFUSED
    assert "rig-a: no room" in result.stderr
    as_json = ask("swap", "build-up", "rig-a", "--json", engine=DiskEngine(outcomes=[REFUSED]))
    assert json.loads(as_json.stdout)["exit_code"] == 3


def commands_of(engine: DiskEngine) -> list[str]:
    return [command for command, *_ in engine.ran]


def test_around_a_build_swap_comes_and_goes() -> None:
    engine, spec = DiskEngine(), rigs().hosts["rig-a"]
    with around_build(engine, spec):
        assert commands_of(engine) == ["swap build-up"]
    assert commands_of(engine) == ["swap build-up", "swap build-down"]


def test_a_failed_build_keeps_its_swap_file_and_its_error() -> None:
    engine, spec = DiskEngine(), rigs().hosts["rig-a"]
    with pytest.raises(OSError, match="cc1plus died"), around_build(engine, spec):
        raise OSError("cc1plus died")
    assert commands_of(engine) == ["swap build-up", "swap build-keep"]


def test_a_build_does_not_start_without_its_swap() -> None:
    engine, spec = DiskEngine(outcomes=[REFUSED]), rigs().hosts["rig-a"]
    started = []
    with pytest.raises(BuildSwapRefused, match="no room"), around_build(engine, spec):
        started.append(True)
    assert (started, commands_of(engine)) == ([], ["swap build-up"])
    lost = HostResult(host="rig-a", state=HostState.UNREACHABLE, error="rig-a: silence")
    with (
        pytest.raises(FleetError, match="silence"),
        around_build(DiskEngine(outcomes=[lost]), spec),
    ):
        started.append(True)
    assert started == []


def test_the_layer_of_build_swap_has_one_resource() -> None:
    spec = rigs().hosts["rig-a"]
    facts = rig(Block=disks(mount(POINT), room={POINT: 400 * GIB}))
    (only,) = run_deploy(layer(spec, present=True).deploy, facts, spec=spec)
    assert only.name == "Swap[build]"
    assert len(only.commands) == 3
