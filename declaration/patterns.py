"""Texts that have to match a pattern; the error says what they should have been."""

from __future__ import annotations

import re

from pydantic import AfterValidator


def matching(pattern: re.Pattern[str], what: str, *, empty: bool = False) -> AfterValidator:
    """Return a validator for a text.

    Args:
        pattern: what the whole text must look like; it begins with `^` and ends with `$`.
        what: the sentence's end: `'x' is not ...`.
        empty: an empty text is accepted, too: it means that nothing is declared.
    """

    def check(value: str) -> str:
        if not (empty and not value) and not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)
