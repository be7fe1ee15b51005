"""Rows x world -> decisions. Pure and deterministic.

UNKNOWN decides at least as strictly as either other answer, by construction: it forbids what any
answer forbids and chooses the strictest value that any answer chooses. So a gate never opens on
UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from facts.value import Unknown
from gates.expression import (
    Cards,
    Compare,
    Count,
    Every,
    Expression,
    Is,
    Not,
    Truth,
    evaluate,
    names,
)
from gates.keys import Key, effects
from gates.model import Decision, Verdict
from gates.row import NOTHING, Outcome, Row, UnknownOutcome
from gates.wording import fill, fill_exactly, per_card, placeholders, with_unit
from gates.world import World


def decide(
    rows: Iterable[Row], world: World, keys: Mapping[str, Key] | None = None
) -> tuple[Decision, ...]:
    """Return one decision for each row that concerns this host, in the order of the rows.

    Args:
        keys: what can be chosen; by default those of group_data/gates/keys.yaml.
    """
    targets = effects().keys if keys is None else keys
    decisions = (_decide(row, world, targets) for row in rows)
    return tuple(decision for decision in decisions if decision is not None)


def _decide(row: Row, world: World, keys: Mapping[str, Key]) -> Decision | None:
    if row.about not in world.declared:
        return None
    concerned: Truth = True if row.needs is None else evaluate(row.needs, world)
    if concerned is False:
        return None
    answer = concerned if isinstance(concerned, Unknown) else evaluate(row.condition, world)
    if isinstance(answer, Unknown):
        return _unknown(row, world, keys, answer)
    outcome = row.holds if answer else row.fails
    return _decision(
        row,
        world,
        verdict=outcome.verdict,
        reason=_reason(row, outcome, world, answer=answer),
        choice=_choice(row, outcome, world),
        forbid=outcome.forbid,
        next_step=_step(outcome, world, broken_by(row, world, answer=answer)),
    )


def _unknown(row: Row, world: World, keys: Mapping[str, Key], why: Unknown) -> Decision:
    return _decision(
        row,
        world,
        verdict=Verdict.UNKNOWN,
        reason=f"Not known: {why.reason}.",
        choice=_strictest(row, world, keys),
        forbid=tuple(dict.fromkeys((*row.holds.forbid, *row.fails.forbid, *row.unknown.forbid))),
        next_step=_step(row.unknown, world, untold_by(row, world)),
    )


def _decision(
    row: Row,
    world: World,
    *,
    verdict: Verdict,
    reason: str,
    choice: str | None,
    forbid: tuple[str, ...],
    next_step: str,
) -> Decision:
    used = tuple(dict.fromkeys((*(names(row.needs) if row.needs else ()), *names(row.condition))))
    return Decision(
        id=row.id,
        title=row.title,
        verdict=verdict,
        choice=choice,
        reason=reason,
        facts={name: _shown(name, world) for name in used},
        evidence=row.evidence,
        next_step=next_step,
        severity=row.severity,
        boot_dependent=row.boot_dependent,
        simulated=world.rests_on_simulation((*used, *_named(row))),
        key=row.key,
        forbid=forbid,
        tables=row.tables,
        shell_check=row.shell_check,
    )


def _choice(row: Row, outcome: Outcome, world: World) -> str | None:
    template = outcome.choose.get(row.key)
    return None if template is None else fill_exactly(template, world)


def _strictest(row: Row, world: World, keys: Mapping[str, Key]) -> str | None:
    """Return what UNKNOWN chooses: the row's own choice, the strictest value, or that of false."""
    own = row.unknown.choose.get(row.key)
    if own is not None:
        return None if own == NOTHING else fill_exactly(own, world)
    if not row.key:
        return None
    if keys[row.key].how == "value":
        return _choice(row, row.fails, world)
    chosen = (_choice(row, row.holds, world), _choice(row, row.fails, world))
    return keys[row.key].strictest(value for value in chosen if value is not None)


def _named(row: Row) -> tuple[str, ...]:
    """Return the names whose values a row can choose."""
    values = (*row.holds.choose.values(), *row.fails.choose.values())
    return tuple(name for value in values for name in placeholders(value))


def _shown(name: str, world: World) -> str:
    term = world.term(name)
    if not name.startswith("card."):
        return with_unit(world.read(name), term)
    cards = world.card_numbers()
    if isinstance(cards, Unknown):
        return str(cards)
    return "; ".join(
        f"{world.label(card)}: {with_unit(world.read(name, card), term)}" for card in cards
    )


def _reason(row: Row, outcome: Outcome, world: World, *, answer: bool) -> str:
    reason = fill(outcome.reason, world)
    if not outcome.cards:
        return reason
    cards = broken_by(row, world, answer=answer)
    return f"{reason} {per_card(outcome.cards, world, cards)}." if cards else reason


def broken_by(row: Row, world: World, *, answer: bool) -> tuple[int, ...]:
    """Return the cards that an answer rests on: those that broke the rule, else all of them."""
    cards = world.card_numbers()
    if isinstance(cards, Unknown):
        return ()
    if answer:
        return cards
    if row.blame is not None:
        return tuple(card for card in cards if evaluate(row.blame, world, card) is True)
    return tuple(card for card in cards if _breaks(row.condition, world, card)) or cards


def untold_by(row: Row, world: World) -> tuple[int, ...]:
    """Return the cards that made an answer UNKNOWN."""
    cards = world.card_numbers()
    if isinstance(cards, Unknown):
        return ()
    return tuple(card for card in cards if _is_untold(row.condition, world, card))


def _is_untold(expression: Expression, world: World, card: int) -> bool:
    match expression:
        case Cards(_, item) | Count(item):
            return isinstance(evaluate(item, world, card), Unknown)
        case Every(_, items):
            return any(_is_untold(item, world, card) for item in items)
        case Not(item):
            return _is_untold(item, world, card)
        case Compare() | Is():
            return False


def _step(outcome: Outcome | UnknownOutcome, world: World, cards: tuple[int, ...]) -> str:
    """Return the next step of each card, cards with the same one together.

    The row's own stands for cards that have none.
    """
    steps: dict[str, list[str]] = {}
    own = fill(outcome.next_step, world)
    for card in cards if outcome.card_step else ():
        step = world.read(outcome.card_step, card)
        if isinstance(step, str):
            steps.setdefault(step, []).append(world.label(card))
    told = [f"{', '.join(labels)}: {step}." for step, labels in steps.items()]
    if len(cards) > sum(map(len, steps.values())) or not told:
        told.append(own)
    return " ".join(told)


def _breaks(expression: Expression, world: World, card: int) -> bool:
    match expression:
        case Cards("every_card", item):
            return evaluate(item, world, card) is False
        case Cards("no_card", item):
            return evaluate(item, world, card) is True
        case Count(item):
            return evaluate(item, world, card) is not True
        case Every(_, items):
            return any(_breaks(item, world, card) for item in items)
        case Cards() | Not() | Compare() | Is():
            return False
