"""One gate: what is asked, what each answer decides, and why. A row is data; this is its shape."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gates.expression import Expression
from gates.model import Severity, Verdict

#: Value of `unknown: {choose: ...}` that chooses nothing; something must be forbidden instead.
NOTHING: Final = "nothing"


class Outcome(BaseModel):
    """What an answer decides.

    Attributes:
        reason: template; names of the vocabulary in braces are filled in.
        cards: template for each card that the answer rests on, appended to the reason.
        choose: one key of keys.yaml with its value (a template where the key has no order).
        forbid: actions of keys.yaml.
        next_step: what a person should do now.
        card_step: a name of the vocabulary whose text is the next step of each card that the answer
            rests on; `next_step` stands for those that have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal[Verdict.PASS, Verdict.WARN, Verdict.FAIL]
    reason: str = Field(min_length=1)
    cards: str = ""
    choose: dict[str, str] = Field(default_factory=dict, max_length=1)
    forbid: tuple[str, ...] = ()
    next_step: str = ""
    card_step: str = ""

    @model_validator(mode="after")
    def _bad_news_has_a_next_step(self) -> Outcome:
        if (self.verdict is not Verdict.PASS) != bool(self.next_step):
            raise ValueError("a WARN or FAIL needs a next_step, a PASS has none")
        return self


class UnknownOutcome(BaseModel):
    """What UNKNOWN decides beside what the engine adds: never less than the other two answers.

    Attributes:
        choose: another value than the strictest of the other answers, not looser; or `nothing`.
        forbid: actions beyond those that the other answers forbid.
        card_step: as in `Outcome`, for the cards that made the answer UNKNOWN.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    next_step: str = Field(min_length=1)
    card_step: str = ""
    choose: dict[str, str] = Field(default_factory=dict, max_length=1)
    forbid: tuple[str, ...] = ()


class Row(BaseModel):
    """One gate.

    Attributes:
        tables: rows of the published tables behind it (docs/evidence.md names the tables).
        about: what there must be for the row to be asked: a `host`, `cards`, a `stack`, or a
            `profile` on a host with cards.
        needs: asked first; false = the row does not concern this host.
        condition: the question.
        blame: asked of each card, to name those that a false answer rests on; without it those are
            named that broke the condition.
        holds, fails: what a true and a false answer decide.
        shell_check: check that the host repeats at every start of a model slot.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=1)
    tables: tuple[str, ...] = Field(min_length=1)
    severity: Severity
    about: Literal["host", "cards", "stack", "profile"] = "cards"
    needs: Expression | None = None
    condition: Expression
    blame: Expression | None = None
    holds: Outcome
    fails: Outcome
    unknown: UnknownOutcome
    evidence: str = Field(min_length=1)
    boot_dependent: bool = False
    shell_check: str = ""

    @property
    def key(self) -> str:
        """Return the key that the row chooses a value for, empty when it chooses none."""
        for chosen in (self.holds.choose, self.fails.choose, self.unknown.choose):
            for key in chosen:
                return key
        return ""
