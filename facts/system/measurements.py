"""Results of measurements that were made on the host and left there, each bound to its boot.

Some gates rest on what no probe may read in passing: a transfer test that checks its data, launch
latency, a memory test. Whoever measures appends one JSON object per line to
/var/lib/b70fleet/measurements/KIND.json with the keys boot_id, taken
(ISO-8601 UTC) and values. Must not know what a result means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from typing_extensions import override

from declaration.onhost import MEASUREMENTS
from facts.base import HostFact
from facts.parts import Line, Parts, script
from facts.value import ABSENT, Reading, Unknown

#: Value of one measured quantity.
Measured: TypeAlias = bool | int | float | str | tuple[str, ...]

_SCRIPT: Final = f"""
val boot_id "$root/proc/sys/kernel/random/boot_id"
lines records . {MEASUREMENTS}/*.json /dev/null
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One record.

    Args:
        kind: what was measured, the name of its file.
        boot_id: the boot it was made on.
        taken: ISO-8601 UTC.
    """

    kind: str
    boot_id: str
    taken: str
    values: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class MeasurementLog:
    """All records of a host in the order they were written.

    Args:
        spoiled: kind -> why its records cannot be trusted (a line that is no record ...).
    """

    boot_id: Reading[str]
    records: tuple[Measurement, ...]
    spoiled: Mapping[str, str]

    def latest(self, kind: str) -> Reading[Measurement]:
        """Return the newest record of a kind from whatever boot."""
        if kind in self.spoiled:
            return Unknown(self.spoiled[kind])
        return next((r for r in reversed(self.records) if r.kind == kind), ABSENT)

    def on_this_boot(self, kind: str) -> Reading[Measurement]:
        """Return the newest record of a kind from the current boot; ABSENT when there is none."""
        if kind in self.spoiled:
            return Unknown(self.spoiled[kind])
        if not isinstance(self.boot_id, str):
            return Unknown(f"which boot this is, is UNKNOWN: {self.boot_id}")
        own = [r for r in self.records if r.kind == kind and r.boot_id == self.boot_id]
        return own[-1] if own else ABSENT


class Measurements(HostFact[MeasurementLog]):
    """The measurement records of a host."""

    domain: ClassVar[str] = "measurements"
    simulable: ClassVar[bool] = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root)

    @override
    def parse(self, text: str) -> MeasurementLog:
        parts = Parts(text)
        files = parts.files("records")
        records: list[Measurement] = []
        spoiled = {_kind(path): f"{path} cannot be read" for path in files.denied}
        for line in files.lines:
            try:
                records.append(_record(line))
            except (ValueError, KeyError, TypeError) as error:
                spoiled[_kind(line.path)] = f"{line.path}:{line.number} is no measurement: {error}"
        return MeasurementLog(parts.reading("boot_id"), tuple(records), spoiled)


def _kind(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".json")


def _record(line: Line) -> Measurement:
    data = json.loads(line.text)
    return Measurement(
        kind=_kind(line.path),
        boot_id=_text(data["boot_id"]),
        taken=_text(data["taken"]),
        values={str(name): _value(value) for name, value in data["values"].items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def _value(value: object) -> Measured:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f"{value!r} is neither a plain value nor a list of texts")
