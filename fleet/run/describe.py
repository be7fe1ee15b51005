"""Turns evaluated operations into the resources of a plan: commands, diffs, cost. Pure.

Knows pyinfra's command types but no State and no host; everything it returns is already redacted.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from pyinfra.api import StringCommand
from pyinfra.api.command import FunctionCommand, PyinfraCommand

from facts.value import Absent, Unknown
from fleet.model.plan import Change, Cost, Difference, Resource, ResourceStatus
from fleet.run.planner import PlannedOp
from gates.serving import is_serving
from operations.files.filewrite import FileWrite
from operations.operation import Difference as Found
from operations.script import Script

Redact = Callable[[str], str]

#: Live content of files that would be overwritten: path -> content, ABSENT, or why not.
LiveFiles = Mapping[str, bytes | Absent | Unknown]


def resource(op: PlannedOp, live: LiveFiles, redact: Redact) -> Resource:
    """Return what a plan shows of one operation."""
    if op.commands:
        status = ResourceStatus.CONDITIONAL if op.conditional else ResourceStatus.CHANGE
    else:
        status = ResourceStatus.IN_SYNC
    return Resource(
        layer=op.layer,
        name=op.name,
        status=status,
        why=[redact(text) for text in op.noops],
        differences=[_difference(item, redact) for item in op.differences],
        restarts={unit: redact(why) for unit, why in op.restarts.items()},
        download=None if isinstance(op.downloads, Unknown) else op.downloads,
        changes=[change(command, live, redact) for command in op.commands],
    )


def _difference(found: Found, redact: Redact) -> Difference:
    return Difference(
        what=redact(found.what),
        expected=None if found.expected is None else redact(found.expected),
        seen=None if found.seen is None else redact(found.seen),
    )


def change(command: PyinfraCommand, live: LiveFiles, redact: Redact) -> Change:
    """Return what a plan shows of one command."""
    if isinstance(command, FileWrite):
        return Change(kind="write", text=command.path, diff=redact(_diff(command, live)))
    if isinstance(command, FunctionCommand):
        return Change(kind="python", text=command.function.__name__)
    if isinstance(command, Script):
        return Change(kind="shell", text=redact(command.shown))
    if isinstance(command, StringCommand):
        return Change(kind="shell", text=redact(str(command)))
    return Change(kind="shell", text=redact(repr(command)))


def files_to_show(ops: Iterable[PlannedOp]) -> list[str]:
    """Return the paths whose live content the diffs need."""
    return [
        command.path
        for op in ops
        for command in op.commands
        if isinstance(command, FileWrite) and not command.sensitive
    ]


def cost(
    resources: Iterable[Resource],
    durations: Mapping[str, float],
    *,
    gpus: int,
    serving_units: Sequence[str],
    reboots: int,
) -> Cost:
    """Return what a plan costs its host.

    Args:
        resources: the plan.
        durations: resource -> seconds that it took here before.
        gpus: cards of the host.
        serving_units: names or globs of the units that serve with them.
        reboots: reboots that are due.
    """
    changing = [r for r in resources if r.status is not ResourceStatus.IN_SYNC]
    restarted = sorted({unit for r in changing for unit in r.restarts})
    sizes = [r.download for r in changing]
    out = reboots > 0 or any(is_serving(unit, serving_units) for unit in restarted)
    return Cost(
        changes=sum(r.status is ResourceStatus.CHANGE for r in changing),
        restarts=restarted,
        reboots=reboots,
        minutes=round(sum(durations.get(r.name, 0.0) for r in changing) / 60, 1),
        gpus_out=gpus if out else 0,
        download=None if None in sizes else sum(size or 0 for size in sizes),
    )


def fingerprint(item: Resource) -> str:
    """Return a hash of what would be done to a resource and why; saved plans compare it."""
    body = item.model_dump(
        include={"status", "changes", "why", "differences", "restarts"}, mode="json"
    )
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _diff(write: FileWrite, live: LiveFiles) -> str:
    if write.sensitive:
        return "(sensitive content, not shown)"
    before = live.get(write.path)
    if isinstance(before, Unknown):
        return f"(no diff: {before.reason})"
    old, new = before if isinstance(before, bytes) else b"", write.content
    try:
        have, want = (_text(content).splitlines(keepends=True) for content in (old, new))
    except ValueError:
        return f"(binary, {len(old)} -> {len(new)} bytes)"
    label = f"live:{write.path}" if isinstance(before, bytes) else "/dev/null"
    diff = difflib.unified_diff(have, want, label, f"want:{write.path}")
    return "".join(_with_newlines(diff))


def _text(content: bytes) -> str:
    """Return content as text.

    Raises:
        ValueError: it is none. NUL is valid UTF-8, but nothing that carries it is for a terminal.
    """
    if b"\0" in content:
        raise ValueError("contains NUL")
    return content.decode()


def _with_newlines(lines: Iterable[str]) -> Iterable[str]:
    """Mark a missing line break at the end of a file the way diff(1) does."""
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
