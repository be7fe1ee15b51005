"""What the lab remembers about a User-mode Linux machine beside what it knows of all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from typing_extensions import override

from lab import rigshape
from lab.rigshape import RigShape
from lab.vm.record import VmRecord, decoded


@dataclass(frozen=True, slots=True)
class Showing:
    """A rig that is there in some boots only, such as a card that is missing under one kernel.

    Args:
        shape: the rig.
        kernel: pattern of the kernel's path in the boot entry, as `fnmatch` takes it.
        words: words of which one must be on the kernel's command line; empty = any line.
        boots: numbers of the boots since power-on, from 1; empty = all.
    """

    shape: RigShape
    kernel: str = "*"
    words: tuple[str, ...] = ()
    boots: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the showing that a record's file holds."""
        lists = {name: tuple(data[name]) for name in ("words", "boots")}
        return cls(**data | lists | {"shape": rigshape.from_json(json.dumps(data["shape"]))})


@dataclass(frozen=True, slots=True)
class UmlRecord(VmRecord):
    """One User-mode Linux machine.

    Args:
        showings: what it shows instead of its shape; the first that fits a boot counts.
        layout: how its disk is laid out (see uml.yaml).
        seccomp: its kernels run their processes without ptrace.
    """

    showings: tuple[Showing, ...] = ()
    layout: str = "plain"
    seccomp: bool = True

    @override
    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        showings = tuple(Showing.from_json(each) for each in data["showings"])
        return cls(**decoded(data) | {"showings": showings})
