"""Which entry boots by default: recorded in two places, changed by the host's own program."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from facts.boot.loader import Boot
from facts.boot.sets import BootSets
from facts.value import ABSENT, Unknown
from operations.boot.boot_default import boot_default, default_of, saved_entry
from tests.unit.boot_facts import NEW, boot, found, roles, set_entry, sets, staged
from tests.unit.pyinfra_harness import reasons, run_operation

WANTED = BootSet.model_validate({"kernel": {"package": f"linux-image-{NEW}", "version": "1"}})
NAME = WANTED.set_id
KEPT = found()
BOTH = (staged(WANTED), KEPT)
ENTRIES = tuple(map(set_entry, BOTH))
PROGRAM = "/usr/lib/b70fleet/boot-commit"


def facts(saved: str, recorded: str) -> dict[Any, Any]:
    """Return a host whose saved entry and recorded default are these."""
    return {
        Boot: boot(entries=ENTRIES, environment=roles(saved, KEPT.name)),
        BootSets: sets(*BOTH, default=recorded, fallback=KEPT.name),
    }


def default(
    saved: str, recorded: str, waits_for: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    return run_operation(
        boot_default,
        facts(saved, recorded),
        wanted=WANTED,
        fallback=KEPT.name,
        waits_for=waits_for,
    )


def test_a_set_that_is_the_default_in_both_places_is_left_alone() -> None:
    commands, noops = default(NAME, NAME)
    assert commands == []
    assert noops == [f"{NAME} is the default, {KEPT.name} the fallback"]


@pytest.mark.parametrize(
    ("saved", "recorded", "seen"),
    [
        ("gnulinux-simple-6f0b", "", "gnulinux-simple-6f0b"),
        ("", "", None),
        (KEPT.name, KEPT.name, KEPT.name),
        # a commit that was cut off between its two places
        (NAME, "", f"{NAME}, not "),
        (NAME, KEPT.name, f"{NAME}, not "),
        (KEPT.name, NAME, f"{KEPT.name}, not "),
        ("", NAME, None),
    ],
)
def test_every_other_default_is_committed_and_named(
    saved: str, recorded: str, seen: str | None
) -> None:
    assert default(saved, recorded)[0] == [f"{PROGRAM} commit {NAME} {KEPT.name}"]
    arguments: dict[str, Any] = {"wanted": WANTED, "fallback": KEPT.name, "waits_for": ()}
    (told,) = reasons(boot_default, facts(saved, recorded), **arguments).differences
    assert (told.what, told.expected) == ("default entry", NAME)
    assert told.seen == seen or (seen and str(told.seen).startswith(seen))


def test_a_set_without_a_fallback_is_committed_without_one() -> None:
    given = {Boot: boot(), BootSets: sets(staged(WANTED))}
    arguments: dict[str, Any] = {"wanted": WANTED, "fallback": "", "waits_for": ()}
    assert run_operation(boot_default, given, **arguments)[0] == [f"{PROGRAM} commit {NAME} ''"]


def test_a_set_that_has_not_booted_yet_waits_and_says_for_what() -> None:
    commands, noops = default("", "", waits_for=("kernel 1 runs", "the log is UNKNOWN"))
    assert commands == []
    assert noops == [f"waits for the first boot of {NAME}: kernel 1 runs; the log is UNKNOWN"]


@pytest.mark.parametrize(
    ("fact", "said"), [(Boot, "GRUB's environment"), (BootSets, "which boot sets there are")]
)
def test_no_default_is_changed_on_unknown_ground(fact: Any, said: str) -> None:
    given = {Boot: boot(), BootSets: sets(*BOTH)} | {fact: Unknown("timeout")}
    arguments: dict[str, Any] = {"wanted": WANTED, "fallback": "", "waits_for": ()}
    with pytest.raises(OperationError, match=f"{said} is UNKNOWN: timeout"):
        run_operation(boot_default, given, **arguments)


def test_an_entry_that_is_no_set_needs_no_role_on_record() -> None:
    assert default_of(boot(saved="memtest"), sets(*BOTH)) == "memtest"
    assert default_of(boot(environment=ABSENT), sets(*BOTH, default=NAME)) == ""
    assert default_of(boot(environment=Unknown("x")), sets(*BOTH, default=NAME)) == ""


def test_the_saved_entry_is_not_touched_on_unknown_ground() -> None:
    with pytest.raises(OperationError, match="GRUB's menu is UNKNOWN: timeout"):
        run_operation(saved_entry, {Boot: Unknown("timeout")})
