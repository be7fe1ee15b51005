"""A run and a host's boot set: who is armed, what is refused, what the host says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.system.production import ProductionMark
from facts.value import ABSENT, Unknown
from fleet.base.exitcodes import ExitCode
from fleet.base.run import Run
from fleet.config import load
from fleet.host.session import Output
from fleet.ledger import Ledger
from fleet.model.plan import Difference, HostResult, HostState, Resource, ResourceStatus
from fleet.run import order, recipe, refuse, steps
from fleet.run.engine import Engine
from fleet.run.hosterrors import BootSetDrift, NotArmed, NotBootedAsDeclared, RebootPending
from fleet.run.recipe import Recipe
from fleet.run.visit import Visit
from operations.boot.grub_settings import WRITTEN_TOKENS
from tests.given import given
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, boot, found, running, set_entry, sets, staged
from tests.unit.disk_facts import device, disks

PACKAGES = package_facts({f"linux-image-{NEW}": "1"})
SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "stack": {
            "name": "s",
            "boot": {"kernel": {"package": f"linux-image-{NEW}", "version": "1"}},
        },
    }
)
WANTED = SPEC.stack.boot if SPEC.stack and SPEC.stack.boot else pytest.fail("no boot set")
NAME = WANTED.set_id
ROOT = device("vda1", "part", mountpoints=("/",))
ON_A_DISK = disks(devices=(device("vda", children=(ROOT,)),))
ON_LVM = disks(devices=(device("vda", children=(replace(ROOT, type="lvm"),)),))
LAYERS = (
    Layer("base", lambda: None),
    Layer("boot-programs", lambda: None),
    Layer("boot-set", lambda: None, boot=True),
    Layer("boot-default", lambda: None, boot=True),
)


def grub(saved: str = "", **changes: Any) -> Any:
    """Return GRUB with an entry of each set."""
    entries = tuple(map(set_entry, (found(), staged(WANTED))))
    return boot(**{"entries": entries, "saved": saved, **changes})


READINGS: dict[str, Any] = {
    "boot_sets": sets(staged(WANTED), found()),
    "boot": grub(),
    "efi": ABSENT,
    "block": ON_A_DISK,
    "kernel": running(OLD),
    "packages": PACKAGES,
    "gpu_log": Unknown("not asked"),
    "gpu_link": (),
}


class Answers:
    """A session that gives one answer and keeps what was asked.

    Args:
        answer: what the host says.
    """

    def __init__(self, answer: Output) -> None:
        self.answer = answer
        self.programs: list[tuple[str, float]] = []

    @property
    def execs(self) -> int:
        return len(self.programs)

    def connect(self, patience_s: float | None = None) -> None:
        pass

    def run(self, program: str, *, deadline_s: float) -> Output:
        self.programs.append((program, deadline_s))
        return self.answer

    def close(self) -> None:
        pass


def visit(
    changes: Mapping[str, Any] | None = None, status: int = 0, stderr: bytes = b"", **fields: Any
) -> tuple[Visit, Answers]:
    session = Answers(Output(status, b"", stderr))
    one = Visit(
        spec=SPEC,
        data={},
        run=Run.begin(),
        way=lambda name, data, shell: session,
        declared="",
        layers=LAYERS,
        emit=lambda event: None,
        stopping=lambda: False,
        redact=str,
        reads=(),
        **fields,
    )
    one.fence = 7
    one.readings = given(READINGS | dict(changes or {}))
    one._session = session
    return one, session


def test_a_staged_set_is_armed_for_one_boot_under_the_runs_own_lock() -> None:
    one, session = visit()
    steps.arm(one)
    ((program, deadline),) = session.programs
    assert program.endswith(f"/usr/lib/b70fleet/boot-commit arm {NAME}")
    assert '[ "$b70_f" = 7 ] || exit ' in program
    assert deadline == steps.ARM_S


@pytest.mark.parametrize(
    "changes",
    [
        {"boot": grub(NAME)},
        {"block": ON_LVM},
        {"boot": boot(environment=ABSENT)},
        {"boot": boot(entries=ABSENT)},
    ],
    ids=["default", "lvm", "no block", "no menu"],
)
def test_where_a_one_shot_is_not_needed_or_would_stay_for_ever_nothing_is_armed(
    changes: dict[str, Any],
) -> None:
    one, session = visit(changes)
    steps.arm(one)
    assert session.programs == []


@pytest.mark.parametrize("unread", ["block", "boot"])
def test_nothing_is_rebooted_while_nobody_knows_whether_grub_forgets_a_one_shot(
    unread: str,
) -> None:
    one, session = visit({unread: Unknown("timeout")})
    with pytest.raises(NotArmed, match="UNKNOWN: timeout"):
        steps.arm(one)
    assert session.programs == []


def test_a_commit_that_was_cut_off_before_grub_knew_of_it_has_not_happened() -> None:
    """Only the file beside the sets names the new default: it is armed again."""
    one, session = visit({"boot_sets": sets(staged(WANTED), found(), default=NAME)})
    steps.arm(one)
    assert len(session.programs) == 1


def test_what_boots_where_grub_is_not_understood_is_left_to_the_host_s_own_program() -> None:
    one, session = visit({"boot": grub(NAME, choice=Unknown("line 9"))})
    steps.arm(one)
    assert len(session.programs) == 1


def test_a_host_without_a_boot_set_is_not_armed() -> None:
    one, session = visit()
    one.spec = SPEC.model_copy(update={"stack": None})
    steps.arm(one)
    assert session.programs == []


def test_what_the_host_says_against_it_ends_the_visit_before_the_reboot() -> None:
    said = (
        "boot-commit: memtest is armed for the next boot already: grub-editenv - unset next_entry"
    )
    one, _ = visit(status=1, stderr=f"{said}\n".encode())
    with pytest.raises(NotArmed) as error:
        steps.arm(one)
    assert str(error.value) == f"rig: {NAME} cannot be booted once: {said}"
    assert error.value.hint == "b70 boot list rig"
    assert error.value.exit_code is ExitCode.REFUSED


def test_what_a_host_says_in_other_bytes_is_shown_all_the_same() -> None:
    one, _ = visit(status=1, stderr=b"boot-commit: \xff\n")
    with pytest.raises(NotArmed, match="boot-commit: "):
        steps.arm(one)


def production(**changes: Any) -> tuple[Visit, Answers]:
    mark = type("Mark", (), {"production_run": "r"})()
    one, session = visit(changes)
    one.readings = type(one.readings)({**dict(one.readings.items()), ProductionMark: mark})
    return one, session


def planned(one: Visit, layer: str, status: ResourceStatus = ResourceStatus.CHANGE) -> None:
    one.result.resources.append(Resource(layer=layer, name=f"File[{layer}]", status=status))


@pytest.mark.parametrize("layer", ["boot-set", "boot-default"])
@pytest.mark.parametrize("status", [ResourceStatus.CHANGE, ResourceStatus.CONDITIONAL])
def test_a_host_in_production_changes_its_boot_set_only_by_a_rollout(
    layer: str, status: ResourceStatus
) -> None:
    one, _ = production()
    planned(one, layer, status)
    with pytest.raises(BootSetDrift, match=re.escape(f"differs: File[{layer}]")):
        refuse.boot_drift(one)


def test_what_leads_to_the_recorded_default_is_mended_in_production() -> None:
    one, _ = production(boot_sets=sets(staged(WANTED), found(), default=NAME))
    for layer in ("boot-set", "boot-default"):
        planned(one, layer)
    refuse.boot_drift(one)


def test_a_damaged_default_set_is_not_made_again_in_production() -> None:
    sick = replace(staged(WANTED), files={})
    one, _ = production(boot_sets=sets(sick, found(), default=NAME))
    planned(one, "boot-set")
    with pytest.raises(BootSetDrift):
        refuse.boot_drift(one)


def test_a_host_of_the_old_way_is_brought_over_in_production() -> None:
    one, _ = production(boot_sets=sets(), kernel=running(NEW))
    planned(one, "boot-set")
    refuse.boot_drift(one)
    other, _ = production(boot_sets=sets(), kernel=running(OLD))
    planned(other, "boot-set")
    with pytest.raises(BootSetDrift):
        refuse.boot_drift(other)


def test_the_programs_around_the_sets_are_no_part_of_them() -> None:
    one, _ = production()
    planned(one, "boot-programs")
    planned(one, "base")
    planned(one, "boot-set", ResourceStatus.IN_SYNC)
    refuse.boot_drift(one)


def test_a_new_host_gets_its_first_boot_set_by_a_plain_converge() -> None:
    one, _ = visit()
    mark = type("Mark", (), {"production_run": ABSENT})()
    one.readings = type(one.readings)({**dict(one.readings.items()), ProductionMark: mark})
    planned(one, "boot-set")
    refuse.boot_drift(one)


class Taken:
    """Records which steps of a recipe were taken.

    Args:
        patch: replaces a step.
        pending: what is still pending after the boot.
    """

    def __init__(self, patch: pytest.MonkeyPatch, pending: list[str]) -> None:
        self.names: list[str] = []

        def taken(name: str) -> Any:
            def step(one: Visit) -> None:
                self.names.append(name)
                if name == "boot":
                    one.result.reboot_pending = pending

            return step

        for name in ("arm", "boot", "take"):
            patch.setattr(steps, name, taken(name))
        patch.setattr(recipe, "_ONE_BOOT", tuple(taken(f"one boot {n}") for n in range(2)))


def due(allow: bool) -> Visit:
    one, _ = visit(allow_reboot=allow)
    mark = type("Mark", (), {"production_run": ABSENT})()
    one.readings = type(one.readings)({**dict(one.readings.items()), ProductionMark: mark})
    one.result.state = HostState.CONVERGED
    one.result.changed = ["a"]
    one.result.reboot_pending = [f"kernel {OLD} runs"]
    one.result.certificate = "c"
    return one


def test_a_set_is_armed_before_its_first_boot_and_everything_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = Taken(monkeypatch, [])
    one = due(allow=True)
    recipe.reboot_where_due(one)
    assert taken.names == ["arm", "boot", "take", "one boot 0", "one boot 1"]
    assert (one.result.state, one.result.changed) == (HostState.CONVERGED, ["a"])
    assert one.result.cost.reboots == 1


def test_a_set_that_did_not_come_up_gets_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    Taken(monkeypatch, [f"kernel {OLD} runs"])
    one = due(allow=True)
    with pytest.raises(NotBootedAsDeclared, match=f"booted, but: kernel {OLD} runs"):
        recipe.reboot_where_due(one)
    assert one.result.certificate == ""


def test_a_host_that_cannot_be_armed_is_not_rebooted(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Taken(monkeypatch, [])

    def refuses(one: Visit) -> None:
        raise NotArmed("no")

    monkeypatch.setattr(steps, "arm", refuses)
    one = due(allow=True)
    with pytest.raises(NotArmed):
        recipe.reboot_where_due(one)
    assert taken.names == []
    assert one.result.certificate == ""


def test_without_leave_nothing_is_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Taken(monkeypatch, [])
    with pytest.raises(RebootPending):
        recipe.reboot_where_due(due(allow=False))
    assert taken.names == []


def tokens_on_record(folder: Path, ledger: Ledger | None) -> tuple[str, ...]:
    """Return what a run of an engine with that ledger hands to the layers of rig-a."""
    (folder / "hosts.yaml").write_text("hosts: {rig-a: {address: 192.0.2.1}}\n")
    fleet = load(folder, {})
    found: list[tuple[str, ...]] = []

    def work(one: Visit) -> None:
        asked = one.data[WRITTEN_TOKENS]
        assert callable(asked)
        found.append(tuple(asked()))

    wanted = replace(order.plan(), recipe=Mock(spec=Recipe, follow=work, changes=False))
    Engine(fleet, ledger, layers=()).run([fleet.hosts["rig-a"]], wanted)
    return found[0]


def test_the_layers_are_told_which_tokens_earlier_runs_wrote_on_that_very_host(
    tmp_path: Path,
) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    written = Resource(
        layer="boot-set",
        name="File[/etc/default/grub]",
        status=ResourceStatus.CHANGE,
        differences=[
            Difference(what="kernel command line", expected="iommu=pt", seen=None),
            Difference(what="GRUB_DEFAULT", expected="saved", seen="0"),
        ],
        outcome="done",
    )
    for host, resources in (("rig-a", [written]), ("rig-b", [])):
        ledger.host(
            "r",
            HostResult(host=host, state=HostState.CONVERGED, changed=["x"], resources=resources),
        )
    assert tokens_on_record(tmp_path, ledger) == ("iommu=pt",)


def test_without_a_ledger_no_token_is_on_record(tmp_path: Path) -> None:
    assert tokens_on_record(tmp_path, None) == ()
