"""The glossary is read from its page, and every word can be explained."""

from __future__ import annotations

from fleet.reference.explain import entries
from fleet.reference.glossary import glossary, words
from tests.unit.fleet.cli.cli_harness import b70


def test_a_row_is_a_word_and_the_head_is_none() -> None:
    page = "# G\n\n| word | meaning |\n|---|---|\n| boot set | Kernel and friends. |\n"
    assert words(page) == {"boot set": "Kernel and friends."}


def test_the_words_stand_in_order_and_each_has_its_sentences() -> None:
    found = glossary()
    assert list(found) == sorted(found, key=str.lower)
    assert len(found) >= 30
    assert all(meaning.endswith((".", "?")) for meaning in found.values())


def test_every_word_is_explained() -> None:
    known = entries()
    for word, meaning in glossary().items():
        assert meaning in [entry.title for entry in known[word.replace(" ", "-")]]


def test_a_word_is_found_whatever_its_case() -> None:
    for asked, word in (("unknown", "UNKNOWN"), ("guc", "GuC"), ("Boot-Set", "boot-set")):
        assert b70("explain", asked).stdout.startswith(f"{word} (word)\n")
