"""Whether a boot set is complete, what a host goes back to, and when no set changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declaration.boot import BootSet
from declaration.host import HostSpec
from facts.boot.sets import HostSets, Manifest, Recorded, Seen, SetOnHost
from facts.packages.dpkg import PackageState
from facts.readings import Readings
from facts.value import ABSENT, Unknown
from gates.boot_sets import faults, incomplete, is_repair, other_build, way_back
from tests.given import given as readings_of
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import (
    MADE,
    NEW,
    OLD,
    SHA,
    SIZE,
    boot,
    found,
    manifest,
    on_disk,
    running,
    sets,
    staged,
)

IMAGE = f"linux-image-{NEW}"
INSTALLED = package_facts({IMAGE: "7.0.0-38.38"})
BOOT: dict[str, Any] = {
    "kernel": {"package": IMAGE, "version": "7.0.0-38.38"},
    "cmdline": {"present": ["xe.disable_display=1"]},
    "guc": {"sha256": "a" * 64, "version": "70.49.4"},
}
WANTED = BootSet.model_validate(BOOT)
NAME = WANTED.set_id
WHOLE = staged(WANTED)
XE = f"/lib/modules/{NEW}/xe.ko.zst"


def recorded(**changes: Any) -> SetOnHost:
    """Return the whole set with another manifest."""
    assert isinstance(WHOLE.manifest, Manifest)
    return replace(WHOLE, manifest=replace(WHOLE.manifest, **changes))


def seen(**changes: Seen | None) -> SetOnHost:
    """Return the whole set with other files; None = it is gone."""
    files: dict[str, Seen | None] = {**WHOLE.files, **changes}
    return replace(WHOLE, files={name: file for name, file in files.items() if file is not None})


def test_a_set_that_is_as_it_was_staged_has_no_fault() -> None:
    assert faults(WHOLE, INSTALLED) == []
    assert faults(found(), package_facts({})) == []


@pytest.mark.parametrize(
    ("sick", "fault"),
    [
        (
            replace(WHOLE, manifest=ABSENT),
            "it has no manifest: it was not staged to its end",
        ),
        (
            replace(WHOLE, manifest=Unknown("half a line")),
            "its manifest cannot be read: half a line",
        ),
        (recorded(format="2"), "its manifest has the format 2, 1 is known"),
        (recorded(set_id="b70-other"), "its manifest is the one of b70-other"),
        (
            recorded(files={"vmlinuz": Recorded("vmlinuz", SHA, SIZE, MADE)}),
            "its manifest records no initrd",
        ),
        (
            recorded(files={"initrd": Recorded("initrd", SHA, SIZE, MADE)}),
            "its manifest records no vmlinuz",
        ),
        (seen(vmlinuz=None), "vmlinuz is gone"),
        (seen(initrd=None), "initrd is gone"),
        (seen(initrd=Seen(3, MADE)), "initrd has 3 bytes, 7 were staged"),
        (seen(vmlinuz=Seen(SIZE, MADE + 1)), "vmlinuz was written again after it was staged"),
        (seen(vmlinuz=Seen(SIZE, MADE - 1)), "vmlinuz was written again after it was staged"),
        (replace(WHOLE, firmware={}), "firmware xe/bmg_guc_70.bin is gone"),
        (
            replace(WHOLE, firmware={"xe/bmg_guc_70.bin": Seen(1, 0)}),
            "firmware xe/bmg_guc_70.bin is another",
        ),
        (replace(WHOLE, has_modules=False), f"/lib/modules/{NEW} is gone"),
        (replace(WHOLE, xe=ABSENT), f"the xe module of {NEW} is gone"),
        (replace(WHOLE, xe=Unknown("no modinfo")), f"the xe module of {NEW} is gone"),
        (
            replace(WHOLE, xe=("/lib/modules/x/updates/xe.ko", Seen(SIZE, MADE))),
            f"xe of {NEW} is /lib/modules/x/updates/xe.ko, it was {XE}",
        ),
        (
            replace(WHOLE, xe=(XE, Seen(SIZE, MADE + 1))),
            f"{XE} is another module than the one it was made with",
        ),
        (
            replace(WHOLE, xe=(XE, Seen(SIZE + 1, MADE))),
            f"{XE} is another module than the one it was made with",
        ),
    ],
)
def test_each_fault_alone_makes_a_set_incomplete(sick: SetOnHost, fault: str) -> None:
    assert faults(sick, INSTALLED) == [fault]
    assert incomplete(sets(sick, found()), INSTALLED) == {NAME: [fault]}


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (package_facts({}), f"package {IMAGE} is not installed"),
        (package_facts({IMAGE: "7.0.0-38.39"}), f"package {IMAGE} is 7.0.0-38.39, it was 7.0.0"),
    ],
)
def test_another_package_of_its_kernel_makes_a_set_incomplete(
    state: PackageState, fault: str
) -> None:
    (one,) = faults(WHOLE, state)
    assert one.startswith(fault)
    assert faults(WHOLE, None) == []


def test_a_package_that_is_half_installed_makes_a_set_incomplete() -> None:
    state = package_facts({IMAGE: "7.0.0-38.38"}, statuses={IMAGE: "half-configured"})
    assert faults(WHOLE, state) == [f"package {IMAGE} is half-configured, it was 7.0.0-38.38"]


def test_times_are_not_compared_where_the_file_system_has_none() -> None:
    assert faults(seen(vmlinuz=Seen(SIZE, 1)), INSTALLED, timed=False) == []
    timeless = recorded(
        files={name: Recorded(name, SHA, SIZE, 0) for name in ("vmlinuz", "initrd")}
    )
    assert faults(timeless, INSTALLED) == []
    # the module lies on another file system
    moved = replace(WHOLE, xe=(XE, Seen(SIZE, MADE + 1)))
    assert faults(moved, INSTALLED, timed=False) != []
    assert incomplete(sets(seen(vmlinuz=Seen(SIZE, 1)), timed=False), INSTALLED) == {}


def test_a_kernel_without_the_driver_has_none_to_lose() -> None:
    kept = on_disk(manifest("b70-x", OLD, xe=ABSENT))
    assert faults(kept, INSTALLED) == []
    assert faults(replace(kept, xe=("/lib/modules/x/xe.ko", Seen(1, 1))), INSTALLED) == []


DAMAGES: tuple[dict[str, Any], ...] = (
    {"files": {}},
    {"firmware": {}},
    {"has_modules": False},
)


@given(st.sets(st.sampled_from(range(len(DAMAGES)))))
def test_of_several_faults_none_hides_another(chosen: set[int]) -> None:
    sick = WHOLE
    alone: set[str] = set()
    for number in chosen:
        sick = replace(sick, **DAMAGES[number])
        alone |= set(faults(replace(WHOLE, **DAMAGES[number]), INSTALLED))
    assert set(faults(sick, INSTALLED)) == alone


A, B, C = (on_disk(manifest(f"b70-{name}", OLD)) for name in "abc")
BROKEN_A, BROKEN_B = (replace(each, files={}) for each in (A, B))


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (sets(WHOLE), ""),
        (sets(), ""),
        (sets(WHOLE, A), "b70-a"),
        (sets(WHOLE, A, B, default="b70-b", fallback="b70-a"), "b70-b"),
        (sets(WHOLE, A, B, default=NAME, fallback="b70-b"), "b70-b"),
        (sets(WHOLE, A, B, C, default=NAME, fallback="b70-gone"), "b70-a"),
        (sets(WHOLE, A, BROKEN_B, default="b70-b", fallback="b70-a"), "b70-a"),
        (sets(WHOLE, BROKEN_A, C, default=NAME, fallback="b70-a"), "b70-c"),
        (sets(WHOLE, BROKEN_A, BROKEN_B, default="b70-a", fallback="b70-b"), ""),
    ],
)
def test_the_way_back_is_default_then_fallback_then_any_complete_set(
    there: HostSets, back: str
) -> None:
    assert way_back(there, INSTALLED, NAME) == back


@settings(max_examples=100)
@given(
    broken=st.sets(st.sampled_from("abcd")),
    default=st.sampled_from(["", "a", "b", "gone"]),
    fallback=st.sampled_from(["", "a", "b", "gone"]),
    but=st.sampled_from("abcd"),
)
def test_the_way_back_is_never_the_set_itself_nor_an_incomplete_one_and_is_found_if_there_is_one(
    broken: set[str], default: str, fallback: str, but: str
) -> None:
    there = {name: on_disk(manifest(name, OLD)) for name in "abcd"}
    for name in broken:
        there[name] = replace(there[name], files={})
    back = way_back(sets(*there.values(), default=default, fallback=fallback), INSTALLED, but)
    good = set(there) - broken - {but}
    assert back in good if good else back == ""
    if default in good:
        assert back == default
    elif fallback in good:
        assert back == fallback


@pytest.mark.parametrize(
    ("theirs", "release", "other"),
    [
        ({IMAGE: "7.0.0-38.38"}, NEW, ""),
        ({IMAGE: "7.0.0-38.37"}, NEW, "b70-other"),
        ({IMAGE: "7.0.0-38.37"}, OLD, ""),
        ({"linux-firmware": "1"}, NEW, ""),
        ({}, NEW, ""),
    ],
)
def test_two_builds_of_one_release_cannot_stand_side_by_side(
    theirs: dict[str, str], release: str, other: str
) -> None:
    there = sets(found(), on_disk(manifest("b70-other", release, packages=theirs)))
    assert other_build(WANTED, there) == other


@pytest.mark.parametrize("damaged", [ABSENT, Unknown("cut")])
def test_a_set_without_a_readable_manifest_is_no_other_build(damaged: Any) -> None:
    assert other_build(WANTED, sets(replace(A, manifest=damaged))) == ""


SPEC = HostSpec.model_validate(
    {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": []},
        "stack": {"name": "s", "boot": {**BOOT, "guc": None}},
    }
)
HERE = staged(BootSet.model_validate({**BOOT, "guc": None}))
TOKENS = ("quiet", "xe.disable_display=1")


def readings(there: Any, kernel: Any = None, state: Any = INSTALLED) -> Readings:
    return readings_of(
        {
            "boot_sets": there,
            "packages": state,
            "boot": boot(),
            "kernel": running(NEW, TOKENS) if kernel is None else kernel,
            "gpu_log": Unknown("not looked at"),
            "gpu_link": (),
        }
    )


def test_what_leads_to_the_recorded_default_may_be_mended_in_production() -> None:
    assert is_repair(SPEC, readings(sets(HERE, A, default=HERE.name)))


@pytest.mark.parametrize(
    ("there", "kernel", "state"),
    [
        # another set is the default: to change it takes a rollout
        (sets(HERE, A, default="b70-a"), None, INSTALLED),
        # it is not complete: to make it again changes what boots
        (sets(replace(HERE, files={}), A, default=HERE.name), None, INSTALLED),
        (sets(HERE, default=HERE.name), None, package_facts({})),
        (sets(A, default=HERE.name), None, INSTALLED),
        (Unknown("timeout"), None, INSTALLED),
        (sets(HERE, default=HERE.name), None, Unknown("timeout")),
        (Unknown("timeout"), Unknown("timeout"), Unknown("timeout")),
        # converged before sets stood side by side, and what runs is not what is declared
        (sets(), running(OLD, TOKENS), INSTALLED),
        (sets(), running(NEW, ("quiet",)), INSTALLED),
        (sets(), Unknown("timeout"), INSTALLED),
        (sets(), replace(running(NEW), tokens=Unknown("cut")), INSTALLED),
    ],
)
def test_everything_else_is_drift(there: Any, kernel: Any, state: Any) -> None:
    assert not is_repair(SPEC, readings(there, kernel, state))


def test_a_host_of_the_old_way_that_runs_what_is_declared_is_brought_over() -> None:
    assert is_repair(SPEC, readings(sets()))


def test_a_host_without_a_boot_set_has_none_to_repair() -> None:
    bare = SPEC.model_copy(update={"stack": None})
    assert not is_repair(bare, readings(sets()))
