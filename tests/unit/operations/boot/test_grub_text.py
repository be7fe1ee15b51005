"""Tokens that leave /etc/default/grub: no other byte does, and sh reads what was meant."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.shell_words import ShellTextError, assignments
from operations.boot.grub_text import without
from tests.unit.fact_frame import fixture

VAR = "GRUB_CMDLINE_LINUX_DEFAULT"
TOKEN = "xe.disable_display=1"


def taken(text: str, *tokens: str) -> tuple[str, tuple[str, ...]]:
    """Return what `without` makes of a file in which `@` stands for the variable."""
    after, gone = without(text.replace("@", VAR), VAR, tokens or ("nomodeset",))
    return after.replace(VAR, "@"), gone


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@="nomodeset quiet"\n', '@="quiet"\n'),
        ('@="quiet  nomodeset"\n', '@="quiet"\n'),
        ('@="a   nomodeset b"\n', '@="a b"\n'),
        ('@="a nomodeset  b"   # keep\n', '@="a  b"   # keep\n'),
        ('@="nomodeset"\n', '@=""\n'),
        ("@=nomodeset\n", "@=\n"),
        ("  export @='a nomodeset'; X=1\n", "  export @='a'; X=1\n"),
        ('@="nomodeset nomodeset a"', '@="a"'),
        # a token that crosses quote marks or lines
        ("@=\"a nomode\"'set b'\n", "@=\"a\"' b'\n"),
        ('@="a nomode\\\nset b"\n', '@="a\\\n b"\n'),
        # only the part that reaches the final value is looked at, and all of it
        ('@="nomodeset a"\n@="b nomodeset"\n', '@="nomodeset a"\n@="b"\n'),
        ('@="nomodeset a"\n@="$@ b nomodeset"\n', '@="a"\n@="$@ b"\n'),
        ('@="nomodeset a"\n@="${@} b"\n', '@="a"\n@="${@} b"\n'),
    ],
)
def test_a_token_goes_with_its_blanks(before: str, after: str) -> None:
    assert taken(before) == (after, ("nomodeset",))


@pytest.mark.parametrize(
    "text",
    [
        '@="quiet"\n',
        '@="nomodesetx a"\n',
        '@="nomodeset a"\n@="b"\n',
        '@="$OTHER"\n',
        '@="x$nomodeset"\n',
        "# nothing\n",
        "",
        'X="nomodeset"\n',
        # a record without a value is no record of one with a value
        '@="nomodeset=1 a"\n',
    ],
)
def test_a_file_without_the_token_stays_as_it_is(text: str) -> None:
    assert taken(text) == (text, ())


def test_another_value_of_the_parameter_stays() -> None:
    text = '@="xe.disable_display=0 panic=10 console=tty0"\n'
    assert taken(text, "xe.disable_display=1", "panic", "console=ttyS0") == (text, ())


def test_each_token_that_goes_is_told_once_and_as_it_stood_there() -> None:
    text = '@="xe.disable-display=1 a"\n@="$@ panic=10 panic=10 xe.disable_display=1"\n'
    after, gone = taken(text, "xe.disable_display=1", "panic=10", "quiet")
    assert after == '@="a"\n@="$@"\n'
    assert gone == ("panic=10", "xe.disable_display=1", "xe.disable-display=1")


def test_double_quotes_inside_the_value_protect_blanks_as_the_kernel_sees_it() -> None:
    before = '@="dyndbg=\\"file nomodeset +p\\" quiet nomodeset"\n'
    assert taken(before)[0] == before.replace(' nomodeset"\n', '"\n')
    inside = 'dyndbg="file nomodeset +p"'
    assert taken(before, inside)[0] == '@="quiet nomodeset"\n'


def test_comments_and_texts_in_quotes_are_no_assignments() -> None:
    before = '# @="nomodeset"\necho "\n@=nomodeset\n"\n@="a nomodeset"\n'
    assert taken(before)[0] == before.replace('="a nomodeset"', '="a"')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f'{VAR}="quiet\n', "a quote is not closed on its line"),
        (f'{VAR}+=" x"\n', "sh has no +="),
        (f"{VAR}=`echo\n", "a backquote is not closed"),
        (f"{VAR}=$(echo\n", "a substitution is not closed"),
        (f"{VAR}='a\"b'\n", "a double quote inside the command line is not closed"),
        (
            f"A=1\n{VAR}=\u201dquiet splash\u201d\n",
            f"line 2: '{VAR}=\u201dquiet splash\u201d': a curly",
        ),
        (f'{VAR}="quiet\u00a0splash"\n', "the kernel takes it as a letter"),
        (f'{VAR} = "quiet"\n', f"sh does not set {VAR}"),
        (f"{VAR}=quiet splash\n", "it runs splash with it"),
        (f'{VAR}="quiet splash\u201d\nGRUB_TIMEOUT=""\n', "line 1"),
        (f'{VAR}="quiet"\r\n', "Windows line end"),
        (f'\ufeff# first\n{VAR}="quiet"\n', "a byte order mark"),
        (f'# first\nGRUB_TIMEOUT = 5\n{VAR}="quiet"\n', "sh does not set GRUB_TIMEOUT"),
    ],
)
def test_a_file_that_cannot_be_read_safely_is_not_edited(text: str, complaint: str) -> None:
    with pytest.raises(ShellTextError, match=re.escape(complaint)):
        without(text, VAR, (TOKEN,))


def test_the_defaults_of_ubuntu_change_in_one_place() -> None:
    before = fixture("boot/default-grub")
    after, _ = without(before, VAR, ("splash",))
    assert after == before.replace('"quiet splash"', '"quiet"')


#: Tokens that go, each in every spelling of its parameter.
WRITTEN = ("xe.disable_display=1", "iommu=pt", "panic=10", "nomodeset", "quiet=loud")
SPELLINGS = (*WRITTEN, "xe.disable-display=1")
POOL = st.sampled_from(
    [
        *SPELLINGS,
        "xe.disable_display=0",
        "panic=0",
        "quiet",
        "splash",
        "iommu=off",
        "console=ttyS0,115200n8",
        "root=/dev/sda1",
    ]
)
BLANKS = st.sampled_from([" ", "  ", "\t"])


@st.composite
def value(draw: st.DrawFn) -> str:
    """Draw the right side of an assignment, in one of the ways that people write them."""
    words = draw(st.lists(POOL, max_size=5))
    text = "".join(word + draw(BLANKS) for word in words)
    text = text if draw(st.booleans()) else text.rstrip()
    style = draw(st.sampled_from(["double", "single", "mixed", "bare", "continued", "self"]))
    if style == "single":
        return f"'{text}'"
    if style == "bare":
        return words[0] if words else ""
    if style == "mixed":
        cut = draw(st.integers(0, len(text)))
        return f"\"{text[:cut]}\"'{text[cut:]}'"
    if style == "continued":
        cut = draw(st.integers(0, len(text)))
        return f'"{text[:cut]}\\\n{text[cut:]}"'
    if style == "self":
        return f'"${VAR} {text}"'
    return f'"{text}"'


NOISE = st.sampled_from(
    [
        '# GRUB_CMDLINE_LINUX_DEFAULT="quiet" \'unbalanced\n',
        "\n",
        "GRUB_TIMEOUT=5 # seconds\n",
        "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME} ) 2>/dev/null || echo Debian`\n",
        "GRUB_CMDLINE_LINUX='nomodeset panic=0'\n",
        "#\tindented\t\n",
        "   \n",
    ]
)


@st.composite
def grub_file(draw: st.DrawFn) -> str:
    """Draw a whole file."""
    lines = draw(st.lists(NOISE, max_size=3))
    for _ in range(draw(st.integers(0, 3))):
        head = draw(st.sampled_from(["", "export ", "  "]))
        tail = draw(st.sampled_from(["", " # why", ";", "  "]))
        lines.append(f"{head}{VAR}={draw(value())}{tail}\n")
        lines += draw(st.lists(NOISE, max_size=2))
    text = "".join(lines)
    return text if draw(st.booleans()) else text.removesuffix("\n")


def as_sh_reads(text: str, folder: Path) -> list[str]:
    """Return the tokens that a real shell puts into the variable."""
    file = folder / "grub"
    file.write_text(text)
    done = subprocess.run(
        ["sh", "-c", f'. "$1"; printf %s "${VAR}"', "sh", str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.split()


def outline(text: str) -> str:
    """Return everything of a file that is not a token that goes, a blank or a quote mark."""
    text = re.sub(r"\\\n|[\"']", "", text)
    for token in SPELLINGS:
        text = re.sub(rf"(?<![\w.]){re.escape(token)}(?![\w=])", "", text)
    return re.sub(r"\s", "", text)


@settings(max_examples=150, deadline=None)
@given(text=grub_file())
def test_whatever_the_file_looks_like_sh_reads_the_old_tokens_without_those_that_went(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("grub")
    before = as_sh_reads(text, folder)
    new, gone = without(text, VAR, WRITTEN)
    assert as_sh_reads(new, folder) == [token for token in before if token not in SPELLINGS]
    assert set(gone) == set(before) & set(SPELLINGS)


@settings(max_examples=300, deadline=None)
@given(text=grub_file())
def test_every_byte_that_is_not_a_token_that_goes_stays_and_a_second_time_none_goes(
    text: str,
) -> None:
    new, gone = without(text, VAR, WRITTEN)
    assert without(new, VAR, WRITTEN) == (new, ())
    assert bool(gone) is (new != text)
    assert outline(new) == outline(text)
    places = [(item.value.start, item.value.end) for item in assignments(text) if item.name == VAR]
    if places:
        # in front of the first value and behind the last one nothing moves at all
        first, last = places[0][0], len(text) - places[-1][1]
        assert new[:first] == text[:first]
        assert new[len(new) - last :] == text[len(text) - last :]
