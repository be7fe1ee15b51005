"""Who needs which boot set, and that what cannot be told protects every one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts.boot.sets import HostSets
from facts.value import Unknown
from gates.boot_roles import Role, Roles, roles, why_it_stays
from tests.unit.boot_facts import NEW, OLD, read_boot
from tests.unit.bootsets_given import (
    DEFAULT,
    FOUND,
    PACKAGES,
    STALE,
    STALE_RELEASE,
    WANTED,
    boot_set,
    grub,
    runs,
    sets,
    without,
)


def found(**changes: Any) -> Roles:
    values: dict[str, Any] = {
        "sets": sets(),
        "boot": grub(),
        "kernel": runs(),
        "declared": WANTED,
    }
    return roles(**{**values, **changes})


def why(name: str, **changes: Any) -> str:
    return why_it_stays(name, found(**changes), changes.get("sets", sets()), PACKAGES)


def test_roles_come_from_grub_the_record_the_kernel_and_the_declaration() -> None:
    assert found().of == {
        DEFAULT: (Role.DEFAULT, Role.RUNNING, Role.DECLARED),
        FOUND: (Role.FALLBACK,),
    }


def test_a_set_without_a_role_is_not_needed() -> None:
    assert why(STALE) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boot": grub({"saved_entry": STALE})}, "GRUB boots it by default"),
        ({"boot": grub({"prev_saved_entry": STALE})}, "GRUB boots it by default"),
        ({"boot": grub({"saved_entry": f"Boot set {STALE} (Linux {STALE_RELEASE})"})}, "default"),
        ({"boot": grub(default=STALE)}, "GRUB boots it by default"),
        ({"boot": grub({"saved_entry": "4"})}, "GRUB boots it by default"),
        ({"boot": grub({"b70fleet_default": STALE})}, "it is recorded as the default"),
        ({"sets": sets(default=STALE)}, "it is recorded as the default"),
        ({"boot": grub({"b70fleet_fallback": STALE})}, "it is the fallback"),
        ({"sets": sets(fallback=STALE)}, "it is the fallback"),
        ({"boot": grub({"next_entry": STALE})}, "it is armed for the next boot"),
        ({"boot": grub({"b70fleet_trial_set": STALE})}, "it is under trial"),
        ({"kernel": runs(STALE, STALE_RELEASE)}, "it runs now"),
    ],
)
def test_a_set_that_anything_names_stays(changes: dict[str, Any], said: str) -> None:
    assert said in why(STALE, **changes)


def test_the_set_that_is_booted_on_trial_is_under_trial() -> None:
    own = found(sets=sets(trial="20261130T1"), kernel=runs(STALE, STALE_RELEASE)).of[STALE]
    assert own == (Role.RUNNING, Role.TRIAL)


def test_the_declared_set_stays_before_its_first_boot() -> None:
    menu = grub({"saved_entry": FOUND, "b70fleet_default": FOUND})
    assert why(DEFAULT, boot=menu, kernel=runs(FOUND, OLD)).endswith("declared for this host")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boot": Unknown("no answer")}, "GRUB's menu is UNKNOWN: no answer"),
        ({"boot": grub(Unknown("needs root"))}, "GRUB's environment is UNKNOWN: needs root"),
        (
            {"boot": replace(grub(), choice=Unknown("a word"))},
            "boots by default is UNKNOWN: a word",
        ),
        ({"kernel": Unknown("no answer")}, "which kernel runs is UNKNOWN: no answer"),
        ({"kernel": runs(tokens=Unknown("no /proc"))}, "command line is UNKNOWN (no /proc)"),
        ({"sets": sets(trial=Unknown("x"))}, "whether this boot is a trial is UNKNOWN: x"),
    ],
)
def test_a_role_that_cannot_be_told_protects_every_set(changes: dict[str, Any], said: str) -> None:
    assert said in why(STALE, **changes)


def test_the_only_complete_set_to_go_back_to_stays_without_a_role() -> None:
    broken = without(boot_set(FOUND, OLD), "initrd")
    said = why(STALE, sets=sets(broken))
    assert said == f"nothing else that is complete can be gone back to from {DEFAULT}"


def test_what_was_found_on_a_new_host_stays_until_something_is_the_default() -> None:
    listed = HostSets({FOUND: boot_set(FOUND, OLD), DEFAULT: boot_set(DEFAULT, NEW)})
    menu = grub(
        {"saved_entry": "gnulinux-simple-6f0b", "b70fleet_default": "", "b70fleet_fallback": ""}
    )
    assert "can be gone back to" in why(FOUND, sets=listed, boot=menu, kernel=runs("", OLD))


def test_a_default_that_is_gone_from_the_menu_is_named() -> None:
    gone = "b70-7.0.0-20-generic-aaaaaaaaaa"
    menu = grub({"saved_entry": gone, "b70fleet_fallback": ""})
    assert found(boot=menu).elsewhere == (
        "GRUB boots Ubuntu by default: no boot set",
        f"GRUB is told to boot {gone}, which is not in the menu",
    )


def test_a_one_shot_that_is_no_set_is_named() -> None:
    menu = grub({"next_entry": f"gnulinux-advanced-6f0b>gnulinux-{OLD}-advanced-6f0b"})
    assert found(boot=menu).elsewhere == (
        f"the next boot is Ubuntu, with Linux {OLD}, once: no boot set",
    )


def test_a_host_without_grub_and_sets_has_no_role_to_tell() -> None:
    none = roles(HostSets({}), read_boot(), runs(""), None)
    assert (none.of, none.default, none.unknown) == ({}, "", ())
    assert none.elsewhere == (f"{NEW} runs, booted from an entry that is no boot set",)


def test_an_entry_that_is_named_by_its_number_is_told() -> None:
    assert found(boot=grub({"saved_entry": "3"})).numbered == {DEFAULT: "saved_entry=3"}
    assert found(boot=grub(default="3")).numbered == {DEFAULT: 'set default="3"'}
    assert found(boot=grub()).numbered == {}


def test_the_first_entry_boots_without_a_saved_one_and_a_record() -> None:
    menu = grub({"saved_entry": "", "b70fleet_default": ""}, without=[DEFAULT])
    assert found(boot=menu, sets=sets(default="")).default == "Ubuntu"


def test_an_environment_that_was_lost_boots_the_recorded_default() -> None:
    assert found(boot=grub(lost=True)).default == DEFAULT


def test_a_default_whose_entry_is_gone_boots_the_fallback() -> None:
    assert found(boot=grub(without=[DEFAULT])).default == FOUND
