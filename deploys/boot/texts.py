"""The texts of the programs that a host runs, which stand beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from operations.boot.plain import PLAIN

_HERE: Final = Path(__file__).parent
#: Functions that stand in front of a program.
_IN_FRONT: Final[Mapping[str, str]] = MappingProxyType({"boot_commit.sh": PLAIN})


def text_of(name: str) -> str:
    """Return a program's text, with the functions that it shares with others in front.

    Args:
        name: of the file, such as `menu.sh`.
    """
    return _IN_FRONT.get(name, "") + (_HERE / name).read_text("utf-8")
