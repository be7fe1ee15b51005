"""How the lab fails: one sentence for the person, and the next thing to try."""

from __future__ import annotations


class LabError(Exception):
    """A lab action that could not be done.

    Args:
        sentence: what went wrong, for a person.
        hint: the next command or step, or empty.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
