"""Boot sets in preflight: what is wrong with them, and a remedy that works in that very state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.boot.sets import HostSets, SetOnHost
from facts.system.production import Production
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from gates.model import Verdict
from tests.given import given
from tests.unit.boot_facts import NEW, OLD
from tests.unit.bootsets_given import (
    DEFAULT,
    FOUND,
    PACKAGES,
    SPEC,
    STALE,
    STALE_RELEASE,
    boot_set,
    grub,
    packages_of,
    runs,
    sets,
    values,
    without,
)

PRODUCTION = Production("20261130T081500Z-1f2e", "2026-11-30T08:20:00Z")
NEW_HOST = Production(ABSENT, ABSENT)
CONVERGE = "b70 converge --limit rig-a"
COMMIT = "on the host, as root: /usr/lib/b70fleet/boot-commit commit"


def findings(spec: HostSpec = SPEC, **changes: Any) -> list[Finding]:
    said = values(**{"production": PRODUCTION, **changes})
    found = inspect(spec, given(said))
    return [each for each in found if each.id.startswith("boot-set")]


def only(found: list[Finding]) -> Finding:
    (one,) = found
    return one


def test_a_host_whose_sets_are_right_has_no_findings() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"boot": grub({"saved_entry": "gnulinux-simple-6f0b"})},
        {"kernel": runs("")},
        {"packages": Unknown("no answer")},
        {"boot": Unknown("no answer")},
    ],
)
def test_a_host_without_sets_has_no_findings_whatever_else_is_so(changes: dict[str, Any]) -> None:
    assert findings(boot_sets=HostSets({}), **changes) == []


def test_an_incomplete_set_without_a_role_warns_and_can_be_pruned() -> None:
    found = only(findings(boot_sets=sets(without(boot_set(STALE, STALE_RELEASE), "initrd"))))
    assert (found.id, found.severity) == ("boot-set-incomplete", Severity.WARNING)
    assert found.text == f"{STALE} is incomplete: initrd is gone"
    assert found.remedy == f"b70 boot prune rig-a {STALE}"


def test_an_incomplete_set_that_runs_warns_and_is_not_to_be_pruned() -> None:
    listed = sets(without(boot_set(STALE, STALE_RELEASE), "initrd"))
    found = findings(boot_sets=listed, kernel=runs(STALE, STALE_RELEASE))
    assert [each.id for each in found] == ["boot-set-incomplete", "boot-set-running"]
    assert found[0].remedy == "b70 boot list rig-a   # it runs now"


@pytest.mark.parametrize(
    ("production", "remedy"), [(NEW_HOST, CONVERGE), (PRODUCTION, f"b70 boot show rig-a {DEFAULT}")]
)
def test_an_incomplete_default_is_critical(production: object, remedy: str) -> None:
    broken = without(boot_set(DEFAULT, NEW), "vmlinuz")
    found = only(findings(boot_sets=sets(broken), production=production))
    assert (found.id, found.severity) == ("boot-set-incomplete", Severity.CRITICAL)
    assert found.text.endswith("vmlinuz is gone (default, declared)")
    assert (found.remedy or "").startswith(remedy)


def test_an_incomplete_fallback_is_critical_and_another_complete_set_takes_its_place() -> None:
    found = only(findings(boot_sets=sets(without(boot_set(FOUND, OLD), "initrd"))))
    assert (found.id, found.severity) == ("boot-set-incomplete", Severity.CRITICAL)
    assert found.text.endswith("initrd is gone (fallback)")
    assert found.remedy == f"{COMMIT} {DEFAULT} {STALE}"


def test_an_incomplete_fallback_without_another_set_is_for_a_converge() -> None:
    listed = sets(without(boot_set(FOUND, OLD), "initrd"))
    left = {name: each for name, each in listed.sets.items() if name != STALE}
    found = only(findings(boot_sets=replace(listed, sets=left)))
    assert found.remedy == CONVERGE


def test_a_declared_set_that_was_staged_half_is_critical() -> None:
    listed = sets(SetOnHost(DEFAULT, ABSENT), default=FOUND, fallback=STALE)
    menu = grub({"saved_entry": FOUND, "b70fleet_default": FOUND, "b70fleet_fallback": STALE})
    found = only(
        findings(boot_sets=listed, boot=menu, kernel=runs(FOUND, OLD), production=NEW_HOST)
    )
    assert (found.id, found.severity) == ("boot-set-incomplete", Severity.CRITICAL)
    assert found.remedy == CONVERGE


def test_a_package_of_a_set_that_was_upgraded_is_named() -> None:
    package = f"linux-image-{STALE_RELEASE}"
    installed = {**PACKAGES.installed, package: replace(PACKAGES.installed[package], version="2")}
    found = only(findings(packages=replace(PACKAGES, installed=installed)))
    assert f"package {package} is 2, it was " in found.text


def test_a_folder_without_a_manifest_is_a_leftover_to_prune() -> None:
    found = only(findings(boot_sets=sets(SetOnHost(STALE, ABSENT))))
    assert (found.id, found.severity) == ("boot-set-leftover", Severity.WARNING)
    assert found.remedy == f"b70 boot prune rig-a {STALE}"


def test_a_default_without_a_fallback_on_record_warns() -> None:
    found = only(findings(boot_sets=sets(fallback=""), boot=grub({"b70fleet_fallback": ""})))
    assert (found.id, found.severity) == ("boot-set-fallback", Severity.WARNING)
    assert found.text == f"{DEFAULT} is the default, no fallback is on record"
    assert found.remedy == f"{COMMIT} {DEFAULT} {STALE}"


def test_a_fallback_that_is_gone_is_named() -> None:
    gone = "b70-7.0.0-20-generic-aaaaaaaaaa"
    found = only(findings(boot_sets=sets(fallback=gone)))
    assert found.text.endswith(f"the fallback {gone} is gone")


def test_a_host_without_a_second_kernel_is_told_to_install_one() -> None:
    left = HostSets({DEFAULT: boot_set(DEFAULT, NEW)}, DEFAULT)
    kernels = {NEW: grub().kernels[NEW]}
    menu = replace(grub({"b70fleet_fallback": ""}), kernels=kernels)
    found = only(findings(boot_sets=left, boot=menu))
    assert found.remedy == "install a second kernel and name it in stack.boot.kernel.fallbacks"


def test_a_default_whose_entry_vanished_is_critical_and_a_converge_repairs_it() -> None:
    found = only(findings(boot=grub(without=[DEFAULT])))
    assert (found.id, found.severity) == ("boot-set-default", Severity.CRITICAL)
    assert found.text == f"the menu has no entry of the default {DEFAULT}; GRUB boots {FOUND}"
    assert found.remedy == CONVERGE


def test_another_default_in_grubs_environment_is_critical() -> None:
    found = only(findings(boot=grub({"saved_entry": "gnulinux-simple-6f0b"})))
    assert found.text == f"{DEFAULT} was made the default, GRUB boots Ubuntu"
    assert found.remedy == CONVERGE


def test_a_default_that_is_no_longer_declared_is_put_back_by_hand_in_production() -> None:
    menu = grub({"saved_entry": "gnulinux-simple-6f0b"})
    found, running = findings(boot=menu, boot_sets=sets(default=STALE))
    assert (found.id, running.id) == ("boot-set-default", "boot-set-running")
    assert found.remedy == f"{COMMIT} {STALE}"


def test_a_default_that_cannot_be_told_is_unknown() -> None:
    found = only(findings(boot=grub(Unknown("needs root"))))
    assert (found.id, found.verdict) == ("boot-set-default", Verdict.UNKNOWN)
    assert "needs root" in found.text


@pytest.mark.parametrize(
    ("kernel", "what"),
    [
        (runs(FOUND, OLD), FOUND),
        (runs("", OLD), f"an entry with {OLD} that is no boot set"),
    ],
)
def test_another_set_than_the_default_that_runs_is_told(kernel: object, what: str) -> None:
    found = only(findings(kernel=kernel))
    assert (found.id, found.severity) == ("boot-set-running", Severity.INFO)
    assert found.text.startswith(f"{what} runs, {DEFAULT} is the default")
    assert found.text.endswith("or booted before that set became the default")


def test_packages_of_a_set_that_are_not_on_hold_are_named() -> None:
    loose = list(packages_of(STALE_RELEASE))
    holds = tuple(name for name in PACKAGES.holds if name not in loose)
    found = only(findings(packages=replace(PACKAGES, holds=holds)))
    assert (found.id, found.severity) == ("boot-set-hold", Severity.WARNING)
    assert found.text.endswith(", ".join(loose))
    assert found.remedy == CONVERGE


def test_holds_that_no_converge_may_set_are_for_a_person() -> None:
    spec = SPEC.model_copy(update={"stack": None})
    loose = list(packages_of(STALE_RELEASE))
    holds = tuple(name for name in PACKAGES.holds if name not in loose)
    found = only(findings(spec, packages=replace(PACKAGES, holds=holds)))
    assert found.remedy == f"on the host, as root: apt-mark hold {' '.join(loose)}"
