"""Which entry boots by default: recorded in two places, changed by the host's own program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from facts.boot.grub_syntax import Because
from facts.boot.loader import Boot, MenuEntry
from facts.boot.sets import BootSets
from facts.value import ABSENT, Unknown
from operations.boot.boot_default import boot_default, default_of, lasting, saved_entry
from operations.boot.grub_menu import MENU
from tests.unit.boot_facts import NEW, OLD, boot, chosen, entry, found, set_entry, sets, staged
from tests.unit.pyinfra_harness import Told, reasons, run_operation

WANTED = BootSet.model_validate({"kernel": {"package": f"linux-image-{NEW}", "version": "1"}})
NAME = WANTED.set_id
KEPT = found()
BOTH = (staged(WANTED), KEPT)
PROGRAM = "/usr/lib/b70fleet/boot-commit"
SIMPLE = "gnulinux-simple-6f0b"
#: What the distribution's scripts write: the newest kernel at the top, each of them below.
TOP = entry(NEW, path=SIMPLE, title="Ubuntu")
DISTRIBUTION = (TOP, entry(NEW), entry(OLD))
ENTRIES = (*DISTRIBUTION, *(set_entry(each) for each in BOTH))
NEW_ID, OLD_ID = DISTRIBUTION[1].path, DISTRIBUTION[2].path


def state(
    saved: str, recorded: str = "", fallback: str = "", *, file: str | None = None, **changes: Any
) -> dict[Any, Any]:
    """Return what a host says.

    Args:
        saved: the saved entry.
        recorded: the default on record in GRUB's environment.
        fallback: the fallback on record, likewise.
        file: the default on record beside the sets; None = the same.
        changes: of GRUB.
    """
    block = {"saved_entry": saved, "b70fleet_default": recorded, "b70fleet_fallback": fallback}
    named = recorded if file is None else file
    return {
        Boot: boot(**{"entries": ENTRIES, "environment": block, **changes}),
        BootSets: sets(*BOTH, default=named, fallback=fallback),
    }


CONVERGED = state(NAME, NAME, KEPT.name)
ARGUMENTS: dict[str, Any] = {"wanted": WANTED, "fallback": KEPT.name, "waits_for": ()}


def default(given: dict[Any, Any], **changes: Any) -> tuple[list[str], list[str]]:
    return run_operation(boot_default, given, **{**ARGUMENTS, **changes})


def differences(told: Told) -> list[tuple[str, str | None, str | None]]:
    return [(each.what, each.expected, each.seen) for each in told.differences]


def test_a_set_that_is_the_default_in_both_places_is_left_alone() -> None:
    assert default(CONVERGED) == ([], [f"{NAME} is the default, {KEPT.name} the fallback"])


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (state(SIMPLE), SIMPLE),
        (state(""), None),
        (state(KEPT.name, KEPT.name), KEPT.name),
        # a commit that was cut off between its two places
        (state(NAME, "", file=NAME), f"{NAME}, not on record everywhere"),
        (state(NAME, KEPT.name, file=NAME), f"{NAME}, not on record everywhere"),
        (state(KEPT.name, "", file=NAME), f"{KEPT.name}, not on record everywhere"),
        (state("", "", file=NAME), None),
        # or a record that was lost beside the sets
        (state(NAME, NAME, file=""), f"{NAME}, not on record everywhere"),
    ],
)
def test_every_other_default_is_committed_and_named(given: dict[Any, Any], seen: Any) -> None:
    assert default(given)[0] == [f"{PROGRAM} commit {NAME} {KEPT.name}"]
    told = reasons(boot_default, given, **ARGUMENTS)
    assert differences(told) == [("default entry", NAME, seen)]


def test_a_fallback_that_is_on_record_in_one_place_alone_is_committed_again() -> None:
    given = CONVERGED | {BootSets: sets(*BOTH, default=NAME)}
    assert default(given)[0] == [f"{PROGRAM} commit {NAME} {KEPT.name}"]


@pytest.mark.parametrize("lost", ["", "b70-gone"])
def test_a_fallback_that_was_lost_is_committed_while_the_default_stays(lost: str) -> None:
    given = state(NAME, NAME, lost)
    assert default(given)[0] == [f"{PROGRAM} commit {NAME} {KEPT.name}"]
    told = reasons(boot_default, given, **ARGUMENTS)
    assert differences(told) == [("fallback", KEPT.name, lost or None)]


def test_a_host_with_nothing_to_go_back_to_is_left_alone() -> None:
    given = state(NAME, NAME)
    assert default(given, fallback="") == ([], [f"{NAME} is the default, nothing the fallback"])


#: A file that a person wrote has the last word on what boots.
BY_HAND = Because("/boot/grub/custom.cfg", 3, f'set default="{OLD_ID}"')


def overridden() -> dict[Any, Any]:
    decided = chosen(CONVERGED[Boot].entries, OLD_ID, BY_HAND)
    return CONVERGED | {Boot: replace(CONVERGED[Boot], choice=decided)}


def test_another_file_that_decides_what_boots_is_no_default_of_ours() -> None:
    with pytest.raises(OperationError) as error:
        default(overridden())
    assert str(error.value) == (
        f"{NAME} is the saved entry, but {OLD_ID} boots: "
        f'/boot/grub/custom.cfg:3 decides it (set default="{OLD_ID}")'
    )


def test_a_menu_that_is_written_first_may_be_what_ends_it() -> None:
    assert differences(reasons(boot_default, overridden(), (MENU,), **ARGUMENTS)) == []


def test_a_set_without_a_fallback_is_committed_without_one() -> None:
    given = {Boot: boot(), BootSets: sets(staged(WANTED))}
    assert default(given, fallback="")[0] == [f"{PROGRAM} commit {NAME} ''"]


def test_a_set_that_has_not_booted_yet_waits_and_says_for_what() -> None:
    commands, noops = default(state(""), waits_for=("kernel 1 runs", "the log is UNKNOWN"))
    assert commands == []
    assert noops == [f"waits for the first boot of {NAME}: kernel 1 runs; the log is UNKNOWN"]


def test_where_there_is_no_automatic_return_the_plan_says_so() -> None:
    told = reasons(boot_default, state(""), **ARGUMENTS, no_return="GRUB cannot write")
    assert differences(told)[1:] == [
        ("automatic return", "one boot, then the old entry", "none: GRUB cannot write")
    ]


@pytest.mark.parametrize("operation", [boot_default, saved_entry])
@pytest.mark.parametrize(
    ("fact", "said"), [(Boot, "GRUB's (environment|menu)"), (BootSets, "which boot sets there are")]
)
def test_no_default_is_changed_on_unknown_ground(operation: Any, fact: Any, said: str) -> None:
    given = state("") | {fact: Unknown("timeout")}
    arguments = ARGUMENTS if operation is boot_default else {}
    with pytest.raises(OperationError, match=f"{said} is UNKNOWN: timeout"):
        run_operation(operation, given, **arguments)


def test_an_entry_that_is_no_set_needs_no_role_on_record() -> None:
    assert default_of(boot(saved="memtest"), sets(*BOTH)) == "memtest"
    assert default_of(boot(environment=ABSENT), sets(*BOTH, default=NAME)) == ""
    assert default_of(boot(environment=Unknown("x")), sets(*BOTH, default=NAME)) == ""


# what boots now, before a newer kernel is installed


def kept(given: dict[Any, Any]) -> tuple[list[str], list[str]]:
    return run_operation(saved_entry, given)


@pytest.mark.parametrize(
    ("saved", "seen"),
    [
        # the first entry of the menu means whatever kernel is the newest
        ("", None),
        (SIMPLE, SIMPLE),
        # and so does an entry that is gone
        ("gnulinux-6.8.0-1", "gnulinux-6.8.0-1"),
    ],
)
def test_what_boots_now_is_pinned_by_a_path_that_means_its_kernel_for_ever(
    saved: str, seen: str | None
) -> None:
    given = state(saved, entries=DISTRIBUTION)
    assert kept(given)[0] == [f"{PROGRAM} keep '{NEW_ID}'"]
    assert differences(reasons(saved_entry, given)) == [("saved entry", NEW_ID, seen)]


def test_a_saved_entry_that_nobody_boots_is_replaced_by_what_does_boot() -> None:
    """The settings named the first entry; from now on the saved one counts."""
    given = state(OLD_ID, entries=DISTRIBUTION)
    first = replace(given[Boot], choice=chosen(given[Boot].entries, ""))
    assert kept(given | {Boot: first})[0] == [f"{PROGRAM} keep '{NEW_ID}'"]


def test_an_older_kernel_that_a_person_chose_by_its_path_stays_chosen() -> None:
    assert kept(state(OLD_ID, entries=DISTRIBUTION)) == ([], [f"{OLD_ID} is the saved entry"])


@pytest.mark.parametrize("saved", ["", SIMPLE, KEPT.name])
def test_once_a_set_is_on_record_as_the_default_nothing_is_pinned(saved: str) -> None:
    assert kept(state(saved, NAME)) == ([], [f"{NAME} is on record as the default"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"foreign": True}, "another system's entry"),
        ({"path": f"{SIMPLE}-recovery-6f0b"}, "a rescue entry"),
        ({"tokens": ("root=UUID=6f0b", "single")}, "a rescue entry"),
    ],
)
def test_another_systems_entry_or_a_rescue_is_not_made_to_boot_for_ever(
    changes: dict[str, Any], said: str
) -> None:
    odd = replace(TOP, **changes)
    with pytest.raises(OperationError) as error:
        kept(state(odd.path, entries=(odd, *DISTRIBUTION[1:])))
    assert str(error.value) == (
        f"/boot/grub/grubenv:2 makes {odd.path} the default, {said}; "
        "choose an entry of this system first (grub-set-default)"
    )


def test_what_boots_must_be_known_before_it_is_pinned() -> None:
    for menu in ({"entries": ABSENT}, {"choice": Unknown("grub.cfg:9 is not understood")}):
        with pytest.raises(OperationError, match="what boots when nobody chooses is UNKNOWN"):
            kept(state("", **menu))


@pytest.mark.parametrize(
    ("there", "path"),
    [
        (DISTRIBUTION, NEW_ID),
        # without a submenu the newest stands at the top by its release
        ((replace(TOP, path=f"gnulinux-{NEW}-advanced-6f0b"), entry(OLD)), None),
        # a menu whose entries have no lasting name at all
        ((replace(TOP, path="mine"),), None),
    ],
    ids=["submenu", "flat", "by hand"],
)
def test_the_lasting_path_of_an_entry_names_its_release(
    there: tuple[MenuEntry, ...], path: str | None
) -> None:
    assert lasting(boot(entries=there), there[0]) == (path or there[0].path)
