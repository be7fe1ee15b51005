"""The three kinds of a reading: a value, ABSENT, or UNKNOWN with its reason.

UNKNOWN is never zero, never false and never opens a gate. ABSENT: looked, and it is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from typing_extensions import override

T = TypeVar("T")

#: Longest part of a tool's raw output that an Unknown carries, in characters.
RAW_LIMIT: Final = 400


@dataclass(frozen=True, slots=True)
class Unknown:
    """A reading that could not be made.

    Args:
        reason: one sentence for a person.
        raw: what the tool said, cut to RAW_LIMIT characters.
    """

    reason: str
    raw: str = ""

    def __post_init__(self) -> None:
        if len(self.raw) > RAW_LIMIT:
            object.__setattr__(self, "raw", self.raw[:RAW_LIMIT] + "…")

    def __bool__(self) -> bool:
        """Refuse truth: `if value:` on a reading that may be UNKNOWN is a bug."""
        raise TypeError(f"UNKNOWN has no truth value ({self.reason})")

    @override
    def __str__(self) -> str:
        return f"UNKNOWN ({self.reason})"


class _Absent(Enum):
    ABSENT = "absent"

    @override
    def __str__(self) -> str:
        return "absent"


Absent: TypeAlias = _Absent
ABSENT: Final = _Absent.ABSENT

#: A reading of type T.
Reading: TypeAlias = T | _Absent | Unknown


def known(reading: T | _Absent | Unknown) -> T | None:
    """Return the value, or None for ABSENT and UNKNOWN (for display and optional use only)."""
    return None if isinstance(reading, Unknown | _Absent) else reading
