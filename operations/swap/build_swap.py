"""Effects of the build swap's state machine on a host.

What the last run wanted is written down on the host (BUILD_SWAP: phase, path), so that any
controller can go on, and a file that no run of ours made is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.host import SERVING_UNITS
from declaration.onhost import BUILD_SWAP
from declaration.storage import Storage
from declaration.swap import BuildSwap
from facts.disks.block import Disks
from facts.reader import read
from facts.system.memory import Memory, MemoryState
from facts.system.units import Units, UnitState
from facts.value import Unknown
from gates.serving import is_serving_now, serving
from operations.files.filewrite import FileWrite
from operations.operation import Commands, differs, operation
from operations.require import path_state, require
from operations.storage.storage_facts import block, live_mount, swap_state, text_of
from operations.swap import swap_make
from operations.swap.build_swap_state import (
    OURS,
    Seen,
    Step,
    SwapEvent,
    SwapMove,
    SwapPhase,
    respond,
)
from operations.swap.swap_place import admit_file, described, may_turn_off, to_bytes

#: Name of the file when no path is declared.
FILE: Final = "b70fleet-build.swap"


def path_of(declared: BuildSwap, storage: Storage, disks: Disks) -> str:
    """Return where the file lies: as declared, else on the largest declared file system, else on /.

    Raises:
        OperationError: the largest cannot be told, one of several is not mounted.
    """
    if declared.path:
        return declared.path
    points = sorted(storage.filesystems)
    if len(points) > 1:
        sizes: dict[str, int] = {}
        for point in points:
            room = disks.room.get(point)
            if live_mount(disks, point) is None or room is None:
                raise OperationError(
                    f"{point} is not mounted: which declared file system is the largest is UNKNOWN "
                    "(mount it, or declare swap.build.path)"
                )
            sizes[point] = room.size
        points.sort(key=lambda point: -sizes[point])
    return str(PurePosixPath(points[0] if points else "/") / FILE)


def forbidding(
    declared: BuildSwap, serving_units: Sequence[str], units: UnitState | Unknown
) -> list[str]:
    """Return the serving units that run, when swap must not be on beside them.

    Raises:
        OperationError: it matters, and units are UNKNOWN, or one that could not be read may serve.
    """
    if not declared.forbid_while_serving:
        return []
    known = require(units, "whether something serves")
    require(is_serving_now(known, serving_units), "whether something serves")
    return serving(known, serving_units)


def recorded() -> tuple[str, str]:
    """Return phase and path that the last run wrote down on the current host, empty for none."""
    phase, path, *_ = [*text_of(BUILD_SWAP).decode("utf-8", "replace").split("\n"), "", ""]
    return phase, path


def seen_on_host(path: str) -> Seen:
    """Return what the current host's facts say about the file."""
    found, unfinished = path_state(path), path_state(path + swap_make.UNFINISHED)
    active = any(area.path == path for area in swap_state().active)
    phase, known_path = recorded()
    mine = phase if known_path == path else ""
    return Seen(active, found.size if found else None, unfinished is not None, mine)


@operation()
def build_swap(
    present: bool,
    declared: BuildSwap,
    storage: Storage,
    failed: bool = False,
    serving_units: Sequence[str] = SERVING_UNITS,
) -> Commands:
    """Have swap for a build, or none any more.

    + present: True before the build, False after it
    + declared: path, size, and what must not run beside it
    + storage: floors and mounts of the host
    + failed: with present=False: the build failed, the file is kept for the next try
    + serving_units: names or globs of the units that serve
    """
    disks, units, memory = block(), read(Units), read(Memory)
    known_phase, known_path = recorded()
    ours = known_path if known_phase in OURS else ""
    path = path_of(declared, storage, disks) if present or not ours else ours
    if ours and ours != path:
        raise OperationError(f"build swap lies at {ours}, declared is {path}: build-down first")
    size = to_bytes(declared.size_gib)
    seen = seen_on_host(path)
    _refuse_foreign(path, seen)
    if _lost(path, storage, disks):
        raise OperationError(
            f"{storage.required_mount(path)} is not mounted: {path} is out of reach"
        )
    if present and (found := forbidding(declared, serving_units, units)):
        raise OperationError(
            f"build swap refused, nothing was written: {', '.join(found)} serves, and "
            "swap.build.forbid_while_serving is set"
        )
    move = respond(
        seen, SwapEvent.UP if present else SwapEvent.FAILED if failed else SwapEvent.DOWN, size
    )
    if Step.CREATE in move.steps:
        gone = seen.size or 0 if Step.REMOVE in move.steps else 0
        answer = admit_file(path, size, disks, storage, freed_bytes=gone)
        if not answer.admitted:
            raise OperationError(f"build swap refused, nothing was written: {answer.reason}")
    if Step.TURN_OFF in move.steps:
        _refuse_crowding(path, memory)
    if not move.steps and (move.phase is SwapPhase.ABSENT or seen.record == move.phase):
        host.noop(f"{path} is {move.phase.value}")
        return
    yield from effects(path, size, seen, move)


@operation()
def build_swap_beside_serving(
    declared: BuildSwap, serving_units: Sequence[str] = SERVING_UNITS
) -> Commands:
    """Turn build swap off while something serves and the declaration forbids it; make nothing.

    + declared: what must not run beside it
    + serving_units: names or globs of the units that serve
    """
    units, memory, swap, (phase, path) = read(Units), read(Memory), swap_state(), recorded()
    if phase not in OURS or all(area.path != path for area in swap.active):
        host.noop("no build swap is on")
        return
    seen = seen_on_host(path)
    if not (found := forbidding(declared, serving_units, units)):
        host.noop(f"{path} is on for a build; nothing that forbids it serves")
        return
    _refuse_crowding(path, memory)
    because = f" while {', '.join(found)} serves"
    yield from effects(path, 0, seen, respond(seen, SwapEvent.SERVING, 0), because)


def effects(path: str, size: int, seen: Seen, move: SwapMove, because: str = "") -> Commands:
    """Yield the commands of a move, and what is written down before and after them.

    Args:
        size: bytes of a file that is made.
        because: what follows the wanted state in the reason, such as ` while x.service serves`.
    """
    _say(path, size, seen, move, because)
    for step in move.steps:
        match step:
            case Step.DISCARD:
                differs(f"{path}{swap_make.UNFINISHED}", None, "left by a run that died")
                yield swap_make.discard(path)
            case Step.CREATE:
                # before the file, so that it is known as ours whatever happens next
                yield _write(SwapPhase.CREATING, path)
                yield swap_make.make(path, size)
            case Step.TURN_ON:
                yield swap_make.turn_on(path)
            case Step.TURN_OFF:
                yield swap_make.turn_off(path)
            case Step.REMOVE:
                yield swap_make.remove(path)
    if seen.record != move.phase:
        differs("record of the build swap", move.phase.value, seen.record or None)
    yield _write(move.phase, path)


def _say(path: str, size: int, seen: Seen, move: SwapMove, because: str) -> None:
    """Say how the swap differs from what it is after the move."""
    wanted = {
        SwapPhase.ACTIVE: described(size, True),
        SwapPhase.KEPT: described(seen.size, False),
    }.get(move.phase)
    found = described(seen.size, seen.active)
    if wanted != found:
        differs(f"swap {path}", f"{wanted}{because}" if wanted else None, found)


def _refuse_foreign(path: str, seen: Seen) -> None:
    if seen.foreign:
        raise OperationError(f"{path} is there and no run of this tool made it: remove it by hand")


def _refuse_crowding(path: str, memory: MemoryState | Unknown) -> None:
    area = next(item for item in swap_state().active if item.path == path)
    if not (fits := may_turn_off(area, memory)).admitted:
        raise OperationError(f"build swap cannot be turned off now: {fits.reason}")


def _lost(path: str, storage: Storage, disks: Disks) -> bool:
    required = storage.required_mount(path)
    return bool(required) and live_mount(disks, required) is None


def _write(phase: SwapPhase, path: str) -> FileWrite:
    text = f"{phase.value}\n{path}\n"
    return FileWrite(BUILD_SWAP, text.encode(), mode="0644", user="root", group="root")
