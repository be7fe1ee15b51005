"""Every branch of swap files: exact commands, what is written down, or a sentence why not."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.onhost import BUILD_SWAP
from declaration.storage import Storage
from declaration.swap import BuildSwap, SwapFile
from facts.system.memory import MemoryState
from facts.system.units import Unit, UnitState
from facts.value import ABSENT, Unknown
from operations.swap.build_swap import build_swap, build_swap_beside_serving, path_of
from operations.swap.swap_file import swap_file
from tests.unit.base_facts import stat
from tests.unit.disk_facts import FSTAB, GIB, POINT, area, disks, mount, rig, swaps
from tests.unit.operations.storage.test_storage import plan, why

PATH = f"{POINT}/b70fleet-build.swap"
STORAGE = Storage.model_validate({"filesystems": {POINT: {"serial": "S1"}}})
BUILD = BuildSwap(size_gib=160)
SWAP = SwapFile(path="/swap", size_gib=16)
LINE = b"/swap none swap sw,nofail 0 0\n"
ROOM = {"Block": disks(mount(POINT), room={POINT: 400 * GIB, "/": 400 * GIB})}
TIGHT = {"Block": disks(mount(POINT), room={POINT: 209 * GIB, "/": 60 * GIB})}
FULL_MEMORY = MemoryState(64 * GIB, 2 * GIB, 0, ABSENT, ABSENT, ())
VLLM = UnitState({"vllm-x.service": Unit("loaded", "active", "running", "enabled", False, 1)}, ())


def keep(declared: SwapFile = SWAP, **facts: Any) -> tuple[list[str], list[str]]:
    return plan(swap_file, rig(**{**ROOM, **facts}), declared=declared, storage=STORAGE)


def want(present: bool, failed: bool = False, **facts: Any) -> tuple[list[str], list[str]]:
    arguments = {"declared": BUILD, "storage": STORAGE, "failed": failed}
    return plan(build_swap, rig(**{**ROOM, **facts}), present=present, **arguments)


def state(phase: str, file: bool = True, on: bool = False, size: int = 160, **more: Any) -> Any:
    """Return facts of a build swap file: what is written down, whether it is there and on."""
    facts: dict[str, Any] = {"texts": {BUILD_SWAP: f"{phase}\n{PATH}\n".encode()}, **more}
    if file:
        facts["stats"] = {PATH: stat(size=size * GIB, mode="0600")}
    if on:
        facts["Swap"] = swaps(area(PATH, size * GIB))
    return facts


def written(phase: str) -> str:
    return f"write {BUILD_SWAP}: {phase}\n{PATH}\n"


MAKE = f"fallocate -l {160 * GIB} {PATH}"


def test_the_permanent_file_is_made_turned_on_and_in_fstab() -> None:
    assert keep() == (
        [
            f"fallocate -l {16 * GIB} /swap",
            f"write /etc/fstab: {LINE.decode()}",
            "systemctl daemon-reload",
        ],
        [],
    )


def test_only_what_is_missing_of_the_permanent_file_is_done() -> None:
    file = {"stats": {"/swap": stat(size=16 * GIB), "/etc/fstab": stat()}}
    line = {"texts": {"/etc/fstab": FSTAB + LINE}}
    on = {"Swap": swaps(area("/swap"))}
    assert keep(**file, **line, **on) == ([], ["16 GiB are on"])
    assert keep(**file, **line) == (["swapon -- /swap"], [])
    assert keep(**file, **on)[0][0].startswith("write /etc/fstab")
    other = SWAP.model_copy(update={"size_gib": 32})
    assert keep(other, **file, **line, **on) == ([f"fallocate -l {32 * GIB} /swap"], [])


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (TIGHT, "/swap: not enough room on /: 16.0 GiB needed, 50.0 stay free, 60.0 are free"),
        ({"stats": {"/swap": stat(size=1)}}, "may be somebody's data"),
        ({"stats": {"/swap": stat("directory")}}, "is a directory, a swap file was declared"),
        ({"Swap": Unknown("no answer")}, "swap is UNKNOWN"),
        (
            {
                "stats": {"/swap": stat(size=GIB)},
                "Swap": swaps(area("/swap", GIB, used=GIB)),
                "Memory": Unknown("no answer"),
            },
            "the size cannot be changed now: memory is UNKNOWN",
        ),
    ],
)
def test_a_permanent_file_is_refused_before_anything_is_written(
    facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(OperationError, match=said):
        keep(**facts)


@pytest.mark.parametrize(
    ("facts", "commands"),
    [
        ({}, [written("creating"), MAKE, written("active")]),
        (state("removed", file=False), [written("creating"), MAKE, written("active")]),
        (state("active"), [f"swapon -- {PATH}", written("active")]),
        (state("kept"), [f"swapon -- {PATH}", written("active")]),
        (state("active", on=True), []),
        (
            state("kept", size=64),
            [f"rm -f -- {PATH}", written("creating"), MAKE, written("active")],
        ),
    ],
)
def test_build_up_does_what_the_state_needs(facts: Any, commands: list[str]) -> None:
    assert want(True, **facts)[0] == commands


def test_build_up_clears_away_what_a_dead_run_left() -> None:
    facts = state("creating", file=False)
    facts["stats"] = {f"{PATH}.b70fleet-new": stat(size=GIB)}
    discard = f"rm -f -- {PATH}.b70fleet-new"
    assert want(True, **facts)[0] == [discard, written("creating"), MAKE, written("active")]


@pytest.mark.parametrize(
    ("failed", "facts", "commands"),
    [
        (False, {}, []),
        (False, state("removed", file=False), []),
        (
            False,
            state("active", on=True),
            [f"swapoff -- {PATH}", f"rm -f -- {PATH}", written("removed")],
        ),
        (False, state("kept"), [f"rm -f -- {PATH}", written("removed")]),
        (True, state("active", on=True), [f"swapoff -- {PATH}", written("kept")]),
        (True, state("active"), [written("kept")]),
        (True, state("kept"), []),
    ],
)
def test_build_down_removes_and_a_failed_build_keeps(
    failed: bool, facts: Any, commands: list[str]
) -> None:
    shown, noops = want(False, failed, **facts)
    assert shown == commands
    assert bool(noops) is not bool(commands)


@pytest.mark.parametrize(
    ("present", "facts", "said"),
    [
        (True, TIGHT, "nothing was written: not enough room on /mnt/fast-ai: 160.0 GiB needed"),
        (True, {"Block": disks()}, "/mnt/fast-ai is not mounted"),
        (False, {**state("active"), "Block": disks()}, "/mnt/fast-ai is not mounted"),
        (True, {"Units": VLLM}, r"nothing was written: vllm-x\.service serves"),
        (True, {"Units": Unknown("no systemd")}, "whether something serves is UNKNOWN"),
        (True, state("removed"), "no run of this tool made it"),
        (False, {"stats": {PATH: stat(size=GIB)}}, "no run of this tool made it"),
        (False, state("active", on=True, Memory=Unknown("x")), "cannot be turned off now"),
        (True, {"texts": {BUILD_SWAP: b"kept\n/old/place\n"}}, "lies at /old/place, declared is"),
    ],
)
def test_build_swap_is_refused_before_anything_is_written(
    present: bool, facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(OperationError, match=said):
        want(present, **facts)


def test_a_used_swap_is_not_turned_off_into_full_memory() -> None:
    facts = state("active", Memory=FULL_MEMORY, Swap=swaps(area(PATH, 160 * GIB, 50 * GIB)))
    with pytest.raises(OperationError, match=r"50\.0 GiB in use"):
        want(False, **facts)


def test_the_room_of_a_file_that_is_removed_first_counts() -> None:
    assert want(True, **state("kept", size=64, **TIGHT))[0][-1] == written("active")


def test_build_down_finds_the_file_where_it_was_made() -> None:
    facts = {
        "texts": {BUILD_SWAP: b"kept\n/old/place\n"},
        "stats": {"/old/place": stat(size=GIB)},
    }
    assert want(False, **facts)[0][0] == "rm -f -- /old/place"


def test_the_file_lies_on_the_largest_declared_file_system() -> None:
    two = Storage.model_validate(
        {"filesystems": {"/mnt/a": {"serial": "1"}, "/mnt/b": {"serial": "2"}}}
    )
    there = disks(mount("/mnt/a"), mount("/mnt/b"), room={"/mnt/a": 5, "/mnt/b": 5})
    assert path_of(BUILD, two, there) == "/mnt/a/b70fleet-build.swap"
    assert path_of(BUILD, Storage(), there) == "/b70fleet-build.swap"
    declared = BuildSwap(path="/srv/x.swap")
    assert path_of(declared, two, disks()) == "/srv/x.swap"
    with pytest.raises(OperationError, match="which declared file system is the largest"):
        path_of(BUILD, two, disks(mount("/mnt/a"), room={"/mnt/a": 5}))


def beside(declared: BuildSwap = BUILD, **facts: Any) -> tuple[list[str], list[str]]:
    return plan(build_swap_beside_serving, rig(**facts), declared=declared)


def test_a_converge_turns_build_swap_off_only_beside_forbidden_serving() -> None:
    on = state("active", on=True)
    assert beside() == ([], ["no build swap is on"])
    assert beside(**state("kept")) == ([], ["no build swap is on"])
    assert beside(**on)[0] == []
    assert beside(**on, Units=VLLM) == ([f"swapoff -- {PATH}", written("kept")], [])
    allowed = BuildSwap(forbid_while_serving=False)
    assert beside(allowed, **on, Units=VLLM)[0] == []
    with pytest.raises(OperationError, match="UNKNOWN"):
        beside(**on, Units=Unknown("no systemd"))


def test_a_file_on_a_disk_that_is_mounted_earlier_in_the_plan_is_planned_with_a_last_look() -> None:
    on_disk = SwapFile(path=f"{POINT}/swap", size_gib=16)
    unmounted = {"Block": disks(room={"/": 400 * GIB}), "stats": {f"{POINT}/swap": stat()}}
    commands, noops = keep(on_disk, **unmounted)
    assert commands[0] == f"findmnt --target {POINT}/swap {POINT}"
    assert commands[1].startswith("fallocate")
    assert commands[2].startswith(f"write /etc/fstab: {POINT}/swap none swap")
    assert noops == []
    with pytest.raises(OperationError, match="no device with serial S1"):
        keep(on_disk, Block=disks(devices=(), room={"/": 400 * GIB}))


ENTRY = ("fstab entry of /swap", "/swap swap sw,nofail 0 0", None)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, [("swap /swap", "on, 16 GiB", None), ENTRY]),
        (
            {"stats": {"/swap": stat(size=16 * GIB)}, "texts": {"/etc/fstab": FSTAB + LINE}},
            [("swap /swap", "on, 16 GiB", "off, 16 GiB")],
        ),
        (
            {
                "stats": {"/swap": stat(size=GIB // 2)},
                "texts": {"/etc/fstab": FSTAB + LINE},
                "Swap": swaps(area("/swap", GIB // 2)),
            },
            [("swap /swap", "on, 16 GiB", "on, 0.5 GiB")],
        ),
        (
            {"stats": {"/swap": stat(size=16 * GIB)}, "Swap": swaps(area("/swap"))},
            [ENTRY],
        ),
    ],
)
def test_the_permanent_file_says_what_of_it_is_not_as_declared(
    facts: dict[str, Any], expected: list[Any]
) -> None:
    assert why(swap_file, rig(**{**ROOM, **facts}), declared=SWAP, storage=STORAGE) == expected


def test_a_swap_file_on_a_later_mount_says_that_it_waits_for_it() -> None:
    on_disk = SwapFile(path=f"{POINT}/swap", size_gib=16)
    facts = rig(Block=disks(room={"/": 400 * GIB}))
    first, _ = why(swap_file, facts, declared=on_disk, storage=STORAGE)
    assert first == (f"swap {POINT}/swap", "on, 16 GiB", f"{POINT} is not mounted yet")


RECORD = "record of the build swap"
UNFINISHED = {f"{PATH}.b70fleet-new": stat(size=GIB)}


@pytest.mark.parametrize(
    ("present", "failed", "facts", "expected"),
    [
        (True, False, {}, [(f"swap {PATH}", "on, 160 GiB", None), (RECORD, "active", None)]),
        (
            True,
            False,
            state("active"),
            [(f"swap {PATH}", "on, 160 GiB", "off, 160 GiB")],
        ),
        (
            True,
            False,
            state("kept", size=64),
            [(f"swap {PATH}", "on, 160 GiB", "off, 64 GiB"), (RECORD, "active", "kept")],
        ),
        (
            False,
            False,
            state("active", on=True),
            [(f"swap {PATH}", None, "on, 160 GiB"), (RECORD, "removed", "active")],
        ),
        (
            False,
            True,
            state("active", on=True),
            [(f"swap {PATH}", "off, 160 GiB", "on, 160 GiB"), (RECORD, "kept", "active")],
        ),
        (False, True, state("active"), [(RECORD, "kept", "active")]),
        (
            False,
            False,
            {**state("creating", file=False), "stats": UNFINISHED},
            [
                (f"{PATH}.b70fleet-new", None, "left by a run that died"),
                (RECORD, "removed", "creating"),
            ],
        ),
    ],
)
def test_build_swap_says_what_is_not_as_the_build_needs_it(
    present: bool, failed: bool, facts: dict[str, Any], expected: list[Any]
) -> None:
    wanted = {"present": present, "declared": BUILD, "storage": STORAGE, "failed": failed}
    assert why(build_swap, rig(**{**ROOM, **facts}), **wanted) == expected


def test_build_swap_beside_serving_says_who_serves() -> None:
    facts = rig(**state("active", on=True, Units=VLLM))
    assert why(build_swap_beside_serving, facts, declared=BUILD)[0] == (
        f"swap {PATH}",
        "off, 160 GiB while vllm-x.service serves",
        "on, 160 GiB",
    )
