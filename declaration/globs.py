"""Package name patterns: do two of them mean the same package? Pure."""

from __future__ import annotations

from functools import cache


@cache
def overlap(left: str, right: str) -> bool:
    """Return True if some name matches both patterns (`*` any run of characters, `?` any one)."""
    if not left or not right:
        return not (left + right).strip("*")
    if left[0] == "*":
        return overlap(left[1:], right) or overlap(left, right[1:])
    if right[0] == "*":
        return overlap(right, left)
    return (left[0] == right[0] or "?" in (left[0], right[0])) and overlap(left[1:], right[1:])
