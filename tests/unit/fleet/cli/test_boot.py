"""`b70 boot`: what is shown of the sets of a host, what is refused, what reaches the engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import Result

from declaration.host import HostSpec
from deploys.layer import Layer
from facts.boot.boots import BootLog
from facts.boot.sets import HostSets
from facts.value import Unknown
from fleet.base.errors import FleetError, Unreachable
from fleet.base.exitcodes import ExitCode
from fleet.model.events import Emit, discard
from fleet.model.plan import HostResult, HostState
from fleet.run.order import Order
from tests.given import given
from tests.unit.boot_facts import NEW, OLD
from tests.unit.bootsets_given import (
    DEFAULT,
    FOUND,
    LOG,
    SPEC,
    STALE,
    STALE_RELEASE,
    boot_set,
    grub,
    past,
    runs,
    sets,
    values,
    without,
)
from tests.unit.fleet.cli.cli_harness import (
    Answered,
    ScriptedEngine,
    Told,
    b70,
    imaginary_fleet,
    run_result,
)
from tests.unit.fleet.cli.golden import check_golden


@dataclass
class BootEngine(ScriptedEngine):
    """Says what the host's facts say and keeps what it was told to run."""

    said: dict[str, object] = field(default_factory=values)
    silence: FleetError | None = None
    outcome: HostResult | None = None
    ran: list[tuple[str, frozenset[str], Layer]] = field(default_factory=list)

    def run(self, hosts: Sequence[HostSpec], order: Order, emit: Emit = discard) -> Answered:
        (spec,) = hosts
        if order.command is None:
            asked = {fact.domain for fact in order.only or ()}
            told = given({name: value for name, value in self.said.items() if name in asked})
            return Answered(visits=(Told(told, error=self.silence),))
        (layer,) = order.layers or ()
        self.ran.append((order.command, order.excused, layer))
        done = HostResult(host=spec.name, state=HostState.CONVERGED)
        return Answered(run_result(order.command, self.outcome or done))


def ask(*words: str, answer: str = "", columns: int = 100, **said: Any) -> Result:
    return run(BootEngine(said=values(**said)), *words, answer=answer, columns=columns)


def run(engine: BootEngine, *words: str, answer: str = "", columns: int = 100) -> Result:
    fleet = imaginary_fleet("rig-a")
    fleet.hosts["rig-a"] = SPEC
    environ = {"COLUMNS": str(columns)}
    return b70("boot", *words, engine=engine, fleet=fleet, answer=answer, environ=environ)


def test_the_list_has_a_row_for_each_set_where_it_fits() -> None:
    result = ask("list", "rig-a", columns=120)
    check_golden("boot-list.txt", result.stdout)
    assert result.exit_code == ExitCode.CLEAN


def test_a_narrow_list_breaks_no_word() -> None:
    incomplete = without(boot_set(STALE, STALE_RELEASE), "initrd")
    result = ask("list", "rig-a", columns=80, boot_sets=sets(incomplete))
    check_golden("boot-list-narrow.txt", result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 80
    for name in (DEFAULT, FOUND, STALE):
        assert name in result.stdout


def test_an_incomplete_set_is_named_with_its_faults() -> None:
    incomplete = without(boot_set(FOUND, OLD), "initrd")
    result = ask("list", "rig-a", columns=120, boot_sets=sets(incomplete))
    assert f"{FOUND}: initrd is gone" in result.stdout
    assert "1 not complete" in result.stdout


def test_an_entry_that_is_no_set_and_boots_is_named() -> None:
    menu = grub({"saved_entry": "gnulinux-simple-6f0b", "b70fleet_default": ""})
    result = ask("list", "rig-a", boot=menu, boot_sets=sets(default=""))
    assert "GRUB boots Ubuntu by default: no boot set" in result.stdout


def test_an_entry_that_runs_and_is_no_set_is_named() -> None:
    result = ask("list", "rig-a", kernel=runs(""))
    assert f"{NEW} runs, booted from an entry that is no boot set" in result.stdout


def test_a_set_that_is_armed_for_one_boot_is_called_next() -> None:
    body = json.loads(ask("list", "rig-a", "--json", boot=grub({"next_entry": STALE})).stdout)
    (stale,) = [row for row in body["sets"] if row["name"] == STALE]
    assert stale["roles"] == ["next"]


def test_the_list_as_json_keeps_bytes_and_times() -> None:
    body = json.loads(ask("list", "rig-a", "--json").stdout)
    assert body["declared"] == DEFAULT
    assert body["sets"][0] == {
        "name": DEFAULT,
        "release": NEW,
        "boot_bytes": 95 * 1024**2,
        "firmware_bytes": 0,
        "state": "complete",
        "faults": [],
        "roles": ["default", "running"],
        "declared": True,
        "boots": 2,
        "last_boot": "2026-11-29T09:00:00Z",
    }
    assert [row["roles"] for row in body["sets"][1:]] == [["fallback"], []]
    assert (body["elsewhere"], body["unknown"], body["notes"]) == ([], [], [])


def test_a_host_without_sets_says_so() -> None:
    result = ask("list", "rig-a", boot_sets=HostSets({}))
    assert "rig-a: no boot sets" in result.stdout
    assert f"{DEFAULT} is declared and not there: b70 plan --limit rig-a" in " ".join(
        result.stdout.split()
    )


def test_a_journal_in_memory_is_no_proof_that_a_set_never_booted() -> None:
    log = BootLog((past(0, DEFAULT, NEW),), kept=False, whole=True)
    assert "only the current boot counts" in ask("list", "rig-a", boots=log).stdout


def test_a_list_that_looked_at_some_boots_alone_says_so() -> None:
    log = BootLog(LOG.boots, kept=True, whole=False)
    assert "only the last 5 boots were looked at" in ask("list", "rig-a", boots=log).stdout


def test_boots_that_could_not_be_read_are_no_zero() -> None:
    result = ask("list", "rig-a", "--json", boots=Unknown("needs root"))
    body = json.loads(result.stdout)
    assert {row["boots"] for row in body["sets"]} == {None}
    assert body["notes"] == ["when sets booted is UNKNOWN: needs root"]


def test_a_list_with_an_unknown_role_ends_with_4() -> None:
    result = ask("list", "rig-a", boot=grub(Unknown("needs root")))
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "GRUB's environment is UNKNOWN: needs root" in result.stdout


@pytest.mark.parametrize("words", [("list",), ("show", STALE), ("prune",)])
def test_a_host_that_does_not_answer_has_no_empty_list(words: tuple[str, ...]) -> None:
    verb, *rest = words
    engine = BootEngine(silence=Unreachable("rig-a: silence"))
    result = run(engine, verb, "rig-a", *rest)
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "rig-a: silence" in result.stderr


def test_sets_that_cannot_be_listed_end_with_4() -> None:
    result = ask("list", "rig-a", boot_sets=Unknown("no answer within 10 s"))
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "b70 facts rig-a boot_sets" in result.stderr


def test_show_has_everything_of_one_set() -> None:
    result = ask("show", "rig-a", DEFAULT)
    check_golden("boot-show.txt", result.stdout)
    assert result.exit_code == ExitCode.CLEAN


def test_show_has_whole_hashes_when_asked() -> None:
    assert "a" * 64 in ask("show", "rig-a", DEFAULT, "-v").stdout


def test_show_says_when_grub_cannot_boot_the_set() -> None:
    result = ask("show", "rig-a", STALE, boot=grub(without=[STALE]))
    assert "none: GRUB cannot boot it" in result.stdout


def test_show_of_a_wrong_name_offers_the_likely_one() -> None:
    result = ask("show", "rig-a", STALE[:-1] + "f")
    assert result.exit_code == ExitCode.REFUSED
    assert STALE in result.stderr
    assert "b70 boot list rig-a" in result.stderr


def pruned(engine: BootEngine | None = None, *words: str, answer: str = "") -> Result:
    return run(engine or BootEngine(), "prune", "rig-a", *words, answer=answer)


def test_prune_shows_sets_bytes_holds_and_the_command_for_packages() -> None:
    engine = BootEngine()
    result = pruned(engine, "--dry-run")
    check_golden("boot-prune.txt", result.stdout)
    assert (result.exit_code, engine.ran) == (ExitCode.PENDING, [])


def test_prune_as_json_has_the_same() -> None:
    body = json.loads(pruned(None, "--dry-run", "--json").stdout)
    assert [row["name"] for row in body["sets"]] == [STALE]
    assert [row["name"] for row in body["kept"]] == [DEFAULT, FOUND]
    packages = [f"linux-image-{STALE_RELEASE}", f"linux-modules-{STALE_RELEASE}"]
    assert (body["ends_hold"], body["unneeded"]) == (packages, packages)
    assert body["purge"] == "apt-get purge " + " ".join(packages)
    assert body["bytes"] == 95 * 1024**2


def test_prune_removes_the_sets_without_a_role_after_a_yes() -> None:
    engine = BootEngine()
    result = pruned(engine, answer="y\n")
    assert result.exit_code == ExitCode.CLEAN
    ((command, excused, layer),) = engine.ran
    assert (command, excused, layer.name) == ("boot prune", {"disk-full"}, "boot-prune")


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_prune_removes_nothing_without_a_yes(answer: str) -> None:
    engine = BootEngine()
    result = pruned(engine, STALE, answer=answer)
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])


def test_a_host_without_anything_to_prune_is_clean() -> None:
    listed = sets().sets
    left = {name: found for name, found in listed.items() if name != STALE}
    engine = BootEngine(said=values(boot_sets=HostSets(left, DEFAULT, FOUND)))
    result = pruned(engine)
    assert (result.exit_code, engine.ran) == (ExitCode.CLEAN, [])
    assert "rig-a: nothing to remove" in result.stdout


@pytest.mark.parametrize(
    ("name", "said", "changes"),
    [
        (DEFAULT, "GRUB boots it by default", {}),
        (FOUND, "it is the fallback", {}),
        (STALE, "it runs now", {"kernel": runs(STALE, STALE_RELEASE)}),
        (STALE, "it is armed for the next boot", {"boot": grub({"next_entry": STALE})}),
        (STALE, "it is under trial", {"boot": grub({"b70fleet_trial_set": STALE})}),
        (STALE, "cannot be told", {"boot": grub(Unknown("needs root"))}),
        (
            STALE,
            f"the default {DEFAULT} is not complete: vmlinuz is gone",
            {"boot_sets": sets(without(boot_set(DEFAULT, NEW), "vmlinuz"))},
        ),
        (STALE, "by its number (saved_entry=3)", {"boot": grub({"saved_entry": "3"})}),
    ],
)
def test_prune_refuses_a_set_that_is_needed_and_names_the_reason(
    name: str, said: str, changes: dict[str, object]
) -> None:
    engine = BootEngine(said=values(**changes))
    result = pruned(engine, name, "-y")
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])
    assert said in " ".join(result.stderr.split())
    assert "b70 boot list rig-a" in result.stderr
    assert "boot-set-needed" in result.stderr


def test_prune_of_everything_is_refused_while_a_role_is_unknown() -> None:
    engine = BootEngine(said=values(kernel=Unknown("no answer")))
    result = pruned(engine, "-y")
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])
    assert "which kernel runs is UNKNOWN" in result.stderr


def test_prune_of_one_name_that_is_wrong_removes_none_of_the_others() -> None:
    engine = BootEngine()
    result = pruned(engine, STALE, "b70-nothing", "-y")
    assert (result.exit_code, engine.ran) == (ExitCode.REFUSED, [])
    assert "has no boot set 'b70-nothing'" in result.stderr


def test_a_package_that_another_set_needs_stays_on_hold() -> None:
    shared = boot_set("b70-7.0.0-31-generic-1111111111", OLD)
    engine = BootEngine(said=values(boot_sets=sets(shared)))
    body = json.loads(pruned(engine, shared.name, "--dry-run", "--json").stdout)
    assert (body["unneeded"], body["purge"]) == ([], None)


def test_while_it_is_not_known_what_another_set_needs_all_packages_stay() -> None:
    unread = boot_set("b70-x", OLD, manifest=Unknown("no format, id"))
    engine = BootEngine(said=values(boot_sets=sets(unread)))
    result = pruned(engine, STALE, "--dry-run")
    assert "all packages stay as they are: what b70-x needs is not known" in result.stdout
