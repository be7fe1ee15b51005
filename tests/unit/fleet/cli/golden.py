"""Golden outputs: what a person sees, kept as files. `B70_UPDATE_GOLDEN=1` writes them anew."""

from __future__ import annotations

import os

from tests.places import FIXTURES

GOLDEN = FIXTURES / "golden"


def check_golden(name: str, text: str) -> None:
    """Compare a text with its file."""
    path = GOLDEN / name
    if os.environ.get("B70_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
