"""Reads inventory/lab.yaml: the rigs that `b70 lab up` starts when nobody names any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.errors import LabError
from lab.rigshape import RigShape
from lab.shapes import HEALTHY_GEN5, by_name

FILE: Final = Path(__file__).parent.parent / "inventory" / "lab.yaml"


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo rigs by name, the snapshot of the GPU sources and the stack that they follow."""

    rigs: dict[str, RigShape]
    snapshot: str
    stack: str


def load(file: Path = FILE) -> Demo:
    """Read the demo's description.

    Raises:
        LabError: it cannot be read or names an unknown shape.
    """
    try:
        data: dict[str, Any] = yaml.safe_load(file.read_text())
        rigs = {name: by_name(about["shape"]) for name, about in data["rigs"].items()}
        return Demo(rigs, str(data["snapshot"]), str(data["stack"]))
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"cannot read {file}: {error}") from error


def fleet(count: int, demo: Demo) -> dict[str, RigShape]:
    """Return `count` rigs: the demo's, then healthy ones named lab3, lab4, …"""
    rigs = dict(list(demo.rigs.items())[:count])
    number = 1
    while len(rigs) < count:
        rigs.setdefault(f"lab{number}", HEALTHY_GEN5)
        number += 1
    return rigs
