"""No form of a known secret passes the redactor."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaration.secret import MASK
from fleet.base.secrets import Redactor, redact

SECRET = 'it\'s a "s3cret" $(id) ÄÖ/+='
#: Long enough to be no word of its own; printable, as passwords are.
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=8, max_size=40)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.know(value)
    return redactor


def b64(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        f"sh -c {shlex.quote(SECRET)}",
        f"sh -c {shlex.quote('echo ' + shlex.quote(SECRET))}",
        json.dumps({"password": SECRET}),
        json.dumps({"password": SECRET}, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET, safe=""),
        b64(SECRET),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        b64(f"user:{SECRET}"),
        b64(f"xuser:{SECRET}\n"),
        b64(f"xyuser:{SECRET} and more"),
    ],
)
def test_a_secret_is_masked_in_every_form(shown: str) -> None:
    hidden = knowing(SECRET).redact(shown)
    assert MASK in hidden
    assert "s3cret" not in hidden
    assert b64("s3cret")[:6] not in hidden


@given(SECRETS, TEXTS, TEXTS)
def test_no_text_around_it_lets_a_secret_pass(secret: str, before: str, after: str) -> None:
    assert secret not in knowing(secret).redact(before + secret + after)


@given(SECRETS, TEXTS, TEXTS)
def test_no_neighbour_lets_a_secret_pass_in_base64(secret: str, before: str, after: str) -> None:
    shown = b64(before + secret + after)
    hidden = knowing(secret).redact(shown)
    assert MASK in hidden
    # what is left is too little to rebuild it: the outer characters that mix with the neighbours
    assert len(hidden.replace(MASK, "")) <= len(b64(before)) + len(b64(after)) + 8


def test_a_secret_that_contains_another_one_is_masked_whole() -> None:
    assert knowing("hunter2", "hunter2hunter3").redact("x hunter2hunter3 y") == f"x {MASK} y"


def test_each_line_of_a_long_secret_is_masked_alone() -> None:
    key = "-----BEGIN KEY-----\nabcdefghij\nklmnopqrst\n-----END KEY-----"
    assert knowing(key).redact("+klmnopqrst") == f"+{MASK}"


def test_a_short_secret_is_masked_only_where_it_stands_alone() -> None:
    assert knowing("ab").redact("ab cab (ab) about") == f"{MASK} cab ({MASK}) about"


def test_text_without_secrets_stays_as_it_is() -> None:
    assert knowing(SECRET).redact("nothing to hide") == "nothing to hide"
    assert Redactor().redact("nothing known") == "nothing known"


def test_a_typed_password_is_known_and_returned_masked() -> None:
    redactor = Redactor()
    secret = redactor.know("typed-by-hand")
    assert (str(secret), secret.reveal()) == (MASK, "typed-by-hand")
    assert redactor.redact("typed-by-hand") == MASK


def test_an_empty_value_masks_nothing() -> None:
    assert knowing("").redact("a b") == "a b"


def test_the_process_has_one_redactor_that_logs_and_reports_share() -> None:
    from fleet.base.secrets import RUN

    RUN.know("planted-for-this-test-0815")
    assert redact("x planted-for-this-test-0815") == f"x {MASK}"
