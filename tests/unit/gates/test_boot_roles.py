"""Who needs which boot set, and that what cannot be told protects every one."""

from __future__ import annotations

from typing import Any

import pytest

from facts.boot.sets import HostSets
from facts.value import ABSENT, Unknown
from gates.boot_roles import Role, Roles, boots_by_default, entry_named, roles, why_it_stays
from tests.unit.boot_facts import NEW, OLD, boot
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
        ({"boot": grub(settings={"GRUB_DEFAULT": STALE})}, "GRUB boots it by default"),
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
        ({"boot": grub(entries=Unknown("needs root"))}, "GRUB's menu is UNKNOWN: needs root"),
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
    assert found(boot=menu).elsewhere == (f"GRUB boots {gone} by default, which is gone",)


def test_a_one_shot_that_is_no_set_is_named() -> None:
    menu = grub({"next_entry": "gnulinux-advanced-6f0b>gnulinux-7.0.0-31-generic-advanced-6f0b"})
    assert found(boot=menu).elsewhere == (
        "the next boot is Ubuntu, with Linux 7.0.0-31-generic, once: no boot set",
    )


def test_a_host_without_grub_and_sets_has_nothing_to_say() -> None:
    bare = boot(environment=ABSENT, entries=ABSENT)
    none = roles(HostSets({}), bare, runs(""), None)
    assert none.of == {}
    assert none.default == ""
    assert none.elsewhere == (f"{NEW} runs, booted from an entry that is no boot set",)


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        ("0", "Ubuntu"),
        ("1>1", f"Ubuntu, with Linux {OLD}"),
        ("1", f"Ubuntu, with Linux {NEW}"),
        ("gnulinux-advanced-6f0b>1", f"Ubuntu, with Linux {OLD}"),
        ("Ubuntu", "Ubuntu"),
    ],
)
def test_an_entry_is_named_by_number_id_or_title(wanted: str, title: str) -> None:
    entry = entry_named(grub().entries, wanted)
    assert entry is not None
    assert entry.title == title


def test_a_number_behind_the_menu_names_nothing() -> None:
    assert entry_named(grub().entries, "17") is None


def test_without_a_saved_entry_and_a_record_the_first_one_boots() -> None:
    menu = grub({"saved_entry": "", "b70fleet_default": ""})
    assert boots_by_default(menu, sets(default="")) == "Ubuntu"


def test_an_environment_that_was_lost_boots_the_recorded_default() -> None:
    assert boots_by_default(grub(environment={}), sets()) == DEFAULT


def test_a_default_whose_entry_is_gone_boots_the_fallback() -> None:
    entries = tuple(each for each in grub().entries if each.path != DEFAULT)
    assert boots_by_default(grub(entries=entries), sets()) == FOUND
