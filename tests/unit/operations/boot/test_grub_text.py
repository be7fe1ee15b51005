"""Editing /etc/default/grub: one token moves, no other byte does, and sh reads what was meant."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declaration.boot import REPEATABLE, covers, key_of
from facts.shell_words import ShellTextError, assignments
from operations.boot.grub_text import assign, changes, edit
from tests.unit.fact_frame import fixture

VAR = "GRUB_CMDLINE_LINUX_DEFAULT"
TOKEN = "xe.disable_display=1"


def added(text: str, *present: str, absent: tuple[str, ...] = ()) -> str:
    return edit(text.replace("@", VAR), VAR, present or (TOKEN,), absent).replace(VAR, "@")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@="quiet splash"\n', '@="quiet splash xe.disable_display=1"\n'),
        ("@='quiet'   # keep\n", "@='quiet xe.disable_display=1'   # keep\n"),
        ('@=""\n', '@="xe.disable_display=1"\n'),
        ("@=\n", '@="xe.disable_display=1"\n'),
        ("@=quiet\n", '@=quiet" xe.disable_display=1"\n'),
        ('  export @="quiet "; X=1\n', '  export @="quiet xe.disable_display=1"; X=1\n'),
        ('@="a"\\\n" b"\n', '@="a"\\\n" b xe.disable_display=1"\n'),
        ('@="a \\\nb"\n', '@="a \\\nb xe.disable_display=1"\n'),
        ('@="$OTHER"\n', '@="$OTHER xe.disable_display=1"\n'),
        ("# nothing\n", '# nothing\n@="xe.disable_display=1"\n'),
        ("X=1", 'X=1\n@="xe.disable_display=1"\n'),
        ("", '@="xe.disable_display=1"\n'),
    ],
)
def test_a_missing_token_is_appended_inside_the_value_as_it_is_quoted(
    before: str, after: str
) -> None:
    assert added(before) == after
    assert added(after) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # another value is changed where it stands
        ('@="a xe.disable_display=0  b"\n', '@="a xe.disable_display=1  b"\n'),
        ("@='xe.disable-display=0'\n", "@='xe.disable_display=1'\n"),
        ("@=xe.disable_display=0\n", "@=xe.disable_display=1\n"),
        # beside the right one, a wrong one goes
        ('@="xe.disable_display=0 xe.disable_display=1 b"\n', '@="xe.disable_display=1 b"\n'),
        # a token that crosses quote marks
        ("@=\"a xe.dis\"'able_display=0 b'\n", "@=\"a xe.disable_display=1\"' b'\n"),
    ],
)
def test_a_token_with_another_value_is_changed_in_place(before: str, after: str) -> None:
    assert added(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@="nomodeset quiet"\n', '@="quiet"\n'),
        ('@="quiet  nomodeset"\n', '@="quiet"\n'),
        ('@="a   nomodeset b"\n', '@="a b"\n'),
        ('@="nomodeset"\n', '@=""\n'),
        ('@="nomodeset=1 a"\n', '@="a"\n'),
        ('@="nomodesetx a"\n', '@="nomodesetx a"\n'),
        # only the part that reaches the final value is looked at, and all of it
        ('@="nomodeset a"\n@="b"\n', '@="nomodeset a"\n@="b"\n'),
        ('@="nomodeset a"\n@="$@ b"\n', '@="a"\n@="$@ b"\n'),
        ('@="nomodeset a"\n@="${@} b"\n', '@="a"\n@="${@} b"\n'),
    ],
)
def test_an_unwanted_token_goes_with_its_blanks(before: str, after: str) -> None:
    assert edit(before.replace("@", VAR), VAR, (), ("nomodeset",)).replace(VAR, "@") == after


def test_a_parameter_that_may_be_repeated_is_added_beside_the_others() -> None:
    assert added('@="console=tty0"\n', "console=ttyS0") == '@="console=tty0 console=ttyS0"\n'


def test_double_quotes_inside_the_value_protect_blanks_as_the_kernel_sees_it() -> None:
    before = '@="dyndbg=\\"file drivers/gpu/drm/xe/* +p\\" quiet"\n'
    assert added(before) == before.replace(' quiet"', f' quiet {TOKEN}"')
    assert edit(before.replace("@", VAR), VAR, (), ("dyndbg",)) == f'{VAR}="quiet"\n'


def test_comments_and_texts_in_quotes_are_no_assignments() -> None:
    before = f'# {VAR}="x"\necho "\n{VAR}=no\n"\n{VAR}="a"\n'
    assert edit(before, VAR, (TOKEN,), ()) == before.replace('="a"', f'="a {TOKEN}"')


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
        edit(text, VAR, (TOKEN,), ())


def test_the_defaults_of_ubuntu_change_in_one_place() -> None:
    before = fixture("boot/default-grub")
    after = edit(before, VAR, (TOKEN,), ())
    assert after == before.replace('"quiet splash"', f'"quiet splash {TOKEN}"')


def test_a_setting_is_the_assignment_that_counts_already() -> None:
    before = "GRUB_DEFAULT=0\nGRUB_DEFAULT=1 # why\n#GRUB_TIMEOUT=5\n"
    after = assign(before, {"GRUB_DEFAULT": "saved", "GRUB_TIMEOUT": "5", "GRUB_BADRAM": "a b"})
    assert after == (
        "GRUB_DEFAULT=0\nGRUB_DEFAULT=saved # why\n#GRUB_TIMEOUT=5\nGRUB_TIMEOUT=5\n"
        'GRUB_BADRAM="a b"\n'
    )
    assert assign(after, {"GRUB_DEFAULT": "saved", "GRUB_BADRAM": "a b"}) == after


def test_a_setting_in_other_quotes_is_left_as_it_is() -> None:
    for text in ("A='5'\n", 'A="5"\n', "export A=5\n"):
        assert assign(text, {"A": "5"}) == text


PRESENT = ("xe.disable_display=1", "iommu=pt", "panic=10")
ABSENT = ("nomodeset", "quiet=loud")
POOL = st.sampled_from(
    [
        *PRESENT,
        "xe.disable_display=0",
        "xe.disable-display=1",
        "panic=0",
        "nomodeset",
        "quiet",
        "quiet=loud",
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


def ours(token: str) -> bool:
    """Tell whether a declared token or pattern is about this one."""
    repeatable = {key_of(name) for name in REPEATABLE}
    changed = any(
        token == each or (key_of(each) == key_of(token) and key_of(token) not in repeatable)
        for each in PRESENT
    )
    return changed or any(covers(pattern, token) for pattern in ABSENT)


def outline(text: str) -> str:
    """Return everything of a file that is not a declared token, a blank or a quote mark."""
    text = re.sub(r"\\\n|[\"']", "", text)
    for token in ("xe.disable_display=0", "xe.disable-display=1", "panic=0", *PRESENT, *ABSENT):
        text = re.sub(rf"(?<![\w.]){re.escape(token)}(?!\w)", "", text)
    return re.sub(r"\s", "", text)


@settings(max_examples=150, deadline=None)
@given(text=grub_file())
def test_whatever_the_file_looks_like_sh_reads_the_declared_tokens_and_the_old_rest(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("grub")
    before = as_sh_reads(text, folder)
    new = edit(text, VAR, PRESENT, ABSENT)
    after = as_sh_reads(new, folder)
    assert [t for t in after if not ours(t)] == [t for t in before if not ours(t)]
    assert set(PRESENT) <= set(after)
    assert not [t for t in after if any(covers(pattern, t) for pattern in ABSENT)]
    for token in ("xe.disable_display=1", "panic=10"):
        assert [t for t in after if key_of(t) == key_of(token)][-1] == token


@settings(max_examples=300, deadline=None)
@given(text=grub_file())
def test_every_byte_that_is_not_a_declared_token_stays_and_a_second_edit_changes_none(
    text: str,
) -> None:
    new = edit(text, VAR, PRESENT, ABSENT)
    assert edit(new, VAR, PRESENT, ABSENT) == new
    places = [(item.value.start, item.value.end) for item in assignments(text) if item.name == VAR]
    assert outline(new) == outline(text) + ("" if places else f"{VAR}=")
    if places:
        # in front of the first value and behind the last one nothing moves at all
        first, last = places[0][0], len(text) - places[-1][1]
        assert new[:first] == text[:first]
        assert new[len(new) - last :] == text[len(text) - last :]


@settings(max_examples=300, deadline=None)
@given(text=grub_file())
def test_an_edit_that_changes_a_byte_has_a_reason_and_one_that_changes_none_has_none(
    text: str,
) -> None:
    wanted = {"GRUB_TIMEOUT": "5", "GRUB_DEFAULT": "saved"}
    new = assign(edit(text, VAR, PRESENT, ABSENT), wanted)
    told = changes(text, new, VAR, wanted)
    assert bool(told) is (new != text)
    assert all(expected != seen for _, expected, seen in told)
