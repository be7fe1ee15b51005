"""Kernel command line tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facts.boot.cmdline import last_value, tokens


def test_spaces_separate_tokens_and_quotes_protect_them() -> None:
    line = 'BOOT_IMAGE=/vmlinuz ro  xe.disable_display=1 dyndbg="file a.c +p" quiet\n'
    assert tokens(line) == (
        "BOOT_IMAGE=/vmlinuz",
        "ro",
        "xe.disable_display=1",
        'dyndbg="file a.c +p"',
        "quiet",
    )


def test_the_last_token_of_a_name_wins_and_dashes_are_underscores() -> None:
    found = tokens("panic=1 xe.disable-display=0 xe.disable_display=1 nomodeset")
    assert last_value(found, "xe.disable_display") == "1"
    assert last_value(found, "nomodeset") == ""
    assert last_value(found, "iommu") is None
    assert last_value(tokens('a="x y"'), "a") == "x y"


@given(st.lists(st.text(alphabet="abc=._-1", min_size=1), max_size=8))
def test_tokens_without_quotes_survive_joining(words: list[str]) -> None:
    assert tokens(" ".join(words)) == tuple(words)
