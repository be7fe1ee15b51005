"""What each operator answers, ABSENT and UNKNOWN included."""

from __future__ import annotations

from typing import Any

import pytest

from facts.value import ABSENT, Unknown
from gates.condition_words import words
from gates.expression import Truth, evaluate
from gates.syntax import SyntaxProblem, parse
from gates.vocabulary import vocabulary
from tests.unit.gates.gate_world import LOST, good_world


def ask(data: Any, **given: Any) -> Truth:
    changed = {name.replace("__", "."): value for name, value in given.items()}
    return evaluate(parse(data, vocabulary()), good_world(changed))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"eq": ["cards.found", 4]}, True),
        ({"ne": ["cards.found", 4]}, False),
        ({"lt": ["cards.found", 4]}, False),
        ({"le": ["cards.found", 4]}, True),
        ({"gt": ["cards.found", 3]}, True),
        ({"ge": ["cards.found", "$profile.cards"]}, True),
        ({"in": ["profile.family", ["gemma4", "minimax"]]}, True),
        ({"contains": ["kernel.cmdline", "quiet"]}, True),
        ({"contains": ["kernel.cmdline", "qui"]}, False),
        ({"contains_any": ["kernel.cmdline", ["splash", "quiet"]]}, True),
        ({"glob": ["kernel.release", "$stack.kernels"]}, True),
        ({"glob": ["kernel.release", ["7.*"]]}, False),
        ({"matches": ["kernel.release", "^6[.]17"]}, True),
        ({"is_known": "cards.found"}, True),
        ({"is_absent": "cards.found"}, False),
        ({"not": {"is_absent": "cards.found"}}, True),
        ({"count_cards": {"of": {"eq": ["card.first", True]}, "eq": 1}}, True),
        ({"every_card": {"eq": ["card.driver", "xe"]}}, True),
        ({"any_card": {"eq": ["card.first", True]}}, True),
        ({"no_card": {"eq": ["card.first", True]}}, False),
    ],
)
def test_an_operator_answers_about_known_values(question: Any, answer: bool) -> None:
    assert ask(question) is answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"ge": ["loader.version", "1.28.10"]}, False),
        ({"ge": ["loader.version", "1.28.2-1~24.04~ppa1"]}, False),
        ({"gt": ["loader.version", "1.28.2~rc1"]}, True),
        ({"lt": ["loader.version", "1:0"]}, True),
    ],
)
def test_versions_are_compared_as_dpkg_does(question: Any, answer: bool) -> None:
    assert ask(question) is answer


def test_what_is_no_version_is_unknown() -> None:
    assert isinstance(ask({"ge": ["loader.version", "1.28"]}, loader__version="latest"), Unknown)


def test_absent_equals_nothing_and_is_in_nothing() -> None:
    given = {"profile__quantization": ABSENT}
    assert ask({"eq": ["profile.quantization", "fp8"]}, **given) is False
    assert ask({"ne": ["profile.quantization", "fp8"]}, **given) is True
    assert ask({"in": ["profile.quantization", ["fp8"]]}, **given) is False
    assert ask({"glob": ["profile.quantization", ["*"]]}, **given) is False
    assert ask({"is_absent": "profile.quantization"}, **given) is True


def test_absent_has_no_order() -> None:
    answer = ask({"le": ["measured.launch_us", 5]}, measured__launch_us=ABSENT)
    assert answer == Unknown("there is no measured.launch_us")


def test_two_absent_values_are_not_equal() -> None:
    answer = ask(
        {"eq": ["measured.sentinels", "$toolchain.id"]},
        measured__sentinels=ABSENT,
        toolchain__id=ABSENT,
    )
    assert isinstance(answer, Unknown)


def test_one_false_decides_a_conjunction_whatever_is_unknown() -> None:
    both = [{"eq": ["cards.found", 4]}, {"eq": ["cards.missing", 0]}]
    assert ask({"all": both}, cards__found=LOST, cards__missing=1) is False
    assert ask({"all": both}, cards__found=LOST) == Unknown("cards.found: nobody could read it")


def test_one_true_decides_a_disjunction_whatever_is_unknown() -> None:
    either = [{"eq": ["cards.found", 4]}, {"eq": ["cards.missing", 0]}]
    assert ask({"any": either}, cards__found=LOST) is True
    assert isinstance(ask({"any": either}, cards__found=LOST, cards__missing=1), Unknown)


def test_is_known_is_never_false() -> None:
    assert ask({"is_known": "cards.found"}, cards__found=ABSENT) is True
    assert isinstance(ask({"is_known": "cards.found"}, cards__found=LOST), Unknown)
    assert isinstance(ask({"not": {"is_known": "cards.found"}}, cards__found=LOST), Unknown)


def test_one_bad_card_decides_for_all_and_one_unknown_card_leaves_it_open() -> None:
    every = {"every_card": {"eq": ["card.power_control", "on"]}}
    assert ask(every, card__power_control="auto") is False
    assert isinstance(ask(every, card__power_control=LOST), Unknown)
    assert ask({"any_card": {"eq": ["card.power_control", "on"]}}, card__power_control=LOST) is True


def test_a_count_is_unknown_only_while_the_unknown_cards_matter() -> None:
    good = {"eq": ["card.driver", "xe"]}
    lost = {"card__driver": LOST}
    assert ask({"count_cards": {"of": good, "ge": 3}}, **lost) is True
    assert ask({"count_cards": {"of": good, "gt": 4}}, **lost) is False
    assert isinstance(ask({"count_cards": {"of": good, "eq": 4}}, **lost), Unknown)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"equals": ["cards.found", 4]}, "'equals' is not an operator"),
        ({"eq": ["cards.fuond", 4]}, "did you mean cards.found?"),
        ({"eq": ["cards.found", "four"]}, "eq cannot compare a number with 'four'"),
        ({"eq": ["cards.found", True]}, "eq cannot compare a number with True"),
        ({"lt": ["kernel.release", "7"]}, "lt cannot compare a text"),
        ({"matches": ["kernel.release", "("]}, "matches cannot compare"),
        ({"eq": ["card.driver", "xe"]}, "needs every_card"),
        ({"every_card": {"any_card": {"eq": ["card.driver", "xe"]}}}, "inside a question"),
        ({"all": []}, "a non-empty list"),
        ({"eq": ["cards.found", 4], "ne": ["cards.found", 5]}, "one operator"),
        ({"count_cards": {"of": {"eq": ["card.driver", "xe"]}, "eq": "2"}}, "with a number"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(data: Any, message: str) -> None:
    with pytest.raises(SyntaxProblem) as problem:
        parse(data, vocabulary())
    assert message in str(problem.value)


def test_an_expression_reads_as_a_phrase() -> None:
    data = {
        "all": [
            {"not": {"is_absent": "model.filesystem"}},
            {
                "every_card": {
                    "any": [{"eq": ["card.first", True]}, {"le": ["card.idle_vram_mib", 26]}]
                }
            },
        ]
    }
    assert words(parse(data, vocabulary())) == (
        "not there is no `model.filesystem` and on every card "
        "(`card.first` is yes or `card.idle_vram_mib` <= `26`)"
    )
