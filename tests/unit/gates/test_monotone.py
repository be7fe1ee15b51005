"""Knowing less never opens a gate: random questions, random worlds, all real rows."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facts.value import ABSENT, Unknown
from gates.engine import decide
from gates.expression import evaluate
from gates.keys import effects
from gates.model import Decision, Verdict
from gates.resolve import choices, forbidden
from gates.row import NOTHING
from gates.rows import load
from gates.syntax import parse
from gates.vocabulary import vocabulary
from gates.world import World
from tests.unit.gates.gate_cases import CASES
from tests.unit.gates.gate_world import CARD, HOST, LOST, good_world

ROWS = {row.id: row for row in load()}
MODEST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_CARD_NAMES = sorted(CARD)
#: every value that some test world gives a name, so that random worlds meet the rows' thresholds
_SEEN: dict[str, list[Any]] = {name: [value] for name, value in (HOST | CARD).items()}
for _case in CASES.values():
    for _change in (_case.given, _case.holds, _case.fails):
        for _name, _value in _change.items():
            _SEEN.setdefault(_name.removeprefix("cards:"), []).append(_value)


def _value_of(name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([*_SEEN[name], ABSENT])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world near the good one: some names have another value."""
    names = draw(st.lists(st.sampled_from(sorted(_SEEN)), max_size=12, unique=True))
    return good_world({name: draw(_value_of(name)) for name in names})


@st.composite
def darker(draw: st.DrawFn, world: World) -> World:
    """The same world, some of it unreadable."""
    gone = draw(st.sets(st.sampled_from(sorted(world.host)), max_size=6))
    host = {name: LOST if name in gone else value for name, value in world.host.items()}
    if isinstance(world.cards, Unknown) or draw(st.integers(0, 9)) == 0:
        return World(host, LOST, world.declared)
    lost = draw(st.sets(st.tuples(st.integers(0, 3), st.sampled_from(_CARD_NAMES)), max_size=6))
    cards = tuple(
        {name: LOST if (number, name) in lost else value for name, value in card.items()}
        for number, card in enumerate(world.cards)
    )
    return World(host, cards, world.declared)


def _leaf(inside_card: bool) -> st.SearchStrategy[Any]:
    numbers = ["cards.found", "cards.missing", "profile.cards"]
    plain = st.one_of(
        st.tuples(st.sampled_from(["eq", "lt", "ge"]), st.sampled_from(numbers), st.integers(0, 5)),
        st.tuples(
            st.just("eq"), st.sampled_from(numbers), st.sampled_from([f"${n}" for n in numbers])
        ),
    ).map(lambda part: {part[0]: [part[1], part[2]]})
    known = st.tuples(st.sampled_from(["is_known", "is_absent"]), st.sampled_from(numbers)).map(
        lambda part: {part[0]: part[1]}
    )
    card = st.tuples(st.sampled_from(["eq", "le"]), st.integers(0, 200)).map(
        lambda part: {part[0]: ["card.idle_vram_mib", part[1]]}
    )
    return st.one_of(plain, known, card) if inside_card else st.one_of(plain, known)


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["all", "any"]), several).map(lambda part: {part[0]: part[1]}),
        inner.map(lambda item: {"not": item}),
    )


_ABOUT_A_CARD = st.recursive(_leaf(inside_card=True), _grow, max_leaves=4)
_QUESTIONS = st.recursive(
    st.one_of(
        _leaf(inside_card=False),
        st.tuples(st.sampled_from(["every_card", "any_card", "no_card"]), _ABOUT_A_CARD).map(
            lambda part: {part[0]: part[1]}
        ),
        st.tuples(_ABOUT_A_CARD, st.integers(0, 4)).map(
            lambda part: {"count_cards": {"of": part[0], "ge": part[1]}}
        ),
    ),
    _grow,
    max_leaves=6,
)


@MODEST
@given(st.data())
def test_knowing_less_never_changes_an_answer_into_another(data: st.DataObject) -> None:
    question = parse(data.draw(_QUESTIONS), vocabulary())
    world = data.draw(worlds())
    before, after = evaluate(question, world), evaluate(question, data.draw(darker(world)))
    assert isinstance(after, Unknown) or after is before


@MODEST
@given(st.data())
def test_a_gate_never_opens_on_unknown(data: st.DataObject) -> None:
    world = data.draw(worlds())
    after = {d.id: d for d in decide(ROWS.values(), data.draw(darker(world)))}
    for before in decide(ROWS.values(), world):
        assert before.id in after, "a gate that concerns the host must not fall silent"
        _assert_not_opened(before, after[before.id])


def _assert_not_opened(before: Decision, after: Decision) -> None:
    if before.verdict is not Verdict.PASS:
        assert after.verdict is not Verdict.PASS
    assert set(before.forbid) <= set(after.forbid)
    if before.key and effects().keys[before.key].how != "value":
        assert _looseness(after) <= _looseness(before)


def _looseness(decision: Decision) -> float:
    key = effects().keys[decision.key]
    return math.inf if decision.choice is None else key.rank(decision.choice)


@MODEST
@given(st.data())
def test_all_gates_together_never_open_on_unknown(data: st.DataObject) -> None:
    world = data.draw(worlds())
    before = decide(ROWS.values(), world)
    after = decide(ROWS.values(), data.draw(darker(world)))
    assert set(forbidden(before)) <= set(forbidden(after))
    kept = choices(after)
    for name, choice in choices(before).items():
        key = effects().keys[name]
        if key.how != "value" and choice.value is not None:
            assert key.rank(str(kept[name].value)) <= key.rank(choice.value)


def test_with_nothing_known_no_gate_passes() -> None:
    blind = World({}, LOST)
    assert {decision.verdict for decision in decide(ROWS.values(), blind)} <= {
        Verdict.UNKNOWN,
        # these ask only for variables that the profile does not set
        Verdict.PASS,
    }
    passing = {d.id for d in decide(ROWS.values(), blind) if d.verdict is Verdict.PASS}
    assert passing == {"no-polling", "ccl-fabric-check", "ccl-workers", "ccl-worker-affinity"}


def test_unknown_chooses_nothing_only_where_it_forbids_something_of_its_own() -> None:
    for row in ROWS.values():
        if NOTHING in row.unknown.choose.values():
            assert row.unknown.forbid
