"""The words of docs/glossary.md, so that `b70 explain WORD` shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: The page; the product is used from its checkout.
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"
_ROW: Final = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \|$")


def words(page: str) -> dict[str, str]:
    """Return word -> its sentences, in the order of the page.

    Args:
        page: the text of the page; every row of its table but the head is a word.
    """
    rows = [match.groups() for line in page.splitlines() if (match := _ROW.match(line))]
    return {word: meaning for word, meaning in rows if word != "word"}


def glossary() -> dict[str, str]:
    """Return the product's words."""
    return words(PAGE.read_text("utf-8"))
