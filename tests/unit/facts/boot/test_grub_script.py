"""GRUB's script language, read and run as GRUB does; what nobody knows stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.boot.grub_choice import choose, listed
from facts.boot.grub_files import BLOCK, MENU, GrubFiles, parse_block
from facts.boot.grub_number import strtoul
from facts.boot.grub_script import MenuTooLargeError, Runner
from facts.boot.grub_state import Entry, More, State, Value
from facts.boot.grub_syntax import Broken, parse
from facts.value import Unknown

CUSTOM = "/boot/grub/custom.cfg"
HEADER = "# GRUB Environment Block\n"
LISTED = frozenset(("/boot", "/boot/grub"))


def files(menu: str, block: str | Unknown | None = None, **changes: object) -> GrubFiles:
    """Return a disk with a menu on a BIOS machine; every file of /boot is known."""
    values: dict[str, object] = {
        "texts": {MENU: menu},
        "platform": "pc",
        "folders": LISTED,
        "sizes": {},
    }
    if block is not None:
        values["block"] = parse_block(block.encode()) if isinstance(block, str) else block
    return GrubFiles(**{**values, **changes})  # type: ignore[arg-type]


def run(menu: str, block: str | Unknown | None = None, **changes: object) -> State:
    """Return the state after a menu was read."""
    runner = Runner(files(menu, block, **changes))
    state = runner.start()
    runner.menu(state)
    return state


def value(menu: str, name: str = "x", block: str | None = None, **changes: object) -> Value:
    """Return what a variable holds after a menu was read."""
    return run(menu, block, **changes).get(name)


@pytest.mark.parametrize(
    ("menu", "x"),
    [
        ("set x=1", "1"),
        ("x=1", "1"),
        ("x='a $b \"c'", 'a $b "c'),
        ('y=2; x="a$y\\$y\\"${y}b\\\\"', 'a2$y"2b\\'),
        ("x=a\\ b\\'c", "a b'c"),
        ("x=a'b c'\"d\"e", "ab cde"),
        ("x='it'\\''s'", "it's"),
        ("set x='two\nlines'", "two\nlines"),
        ("set x=one\\\nword", "oneword"),
        ("set x='a\n# left out, even here\nb'", "a\nb"),
        ("set x=1 # set x=2", "1"),
        ("set x=1 y=2; set x=$x$y", "1"),
        ("set y='a b'; set x=$y", "a"),
        ("set y='a b'; set x=\"$y\"", "a b"),
        ("set x=1; unset x", ""),
        ("if [ a = a ]; then x=1; else x=2; fi", "1"),
        ("if [ a == b -o c != d ]; then x=1; fi", "1"),
        ("if [ a = b -o c = c -a d = e ]; then x=1; else x=2; fi", "2"),
        ("if [ ! -n '' -a -z '' ]; then x=1; fi", "1"),
        ("if [ '(' a = b ')' -o '(' a = a ')' ]; then x=1; fi", "1"),
        ("if [ ]; then x=1; fi", "1"),
        ("if [ $nothing ]; then x=1; fi", "1"),
        ("if test 0x10 -eq 16; then x=1; fi", "1"),
        ("if [ 10 -gt 9 ]; then x=1; fi", "1"),
        ("if ! [ a = a ]; then x=1; else x=2; fi", "2"),
        ("if false; then x=1; elif true; then x=2; else x=3; fi", "2"),
        ("if no_such_command; then x=1; else x=2; fi", "1"),
        ("function f {\n set x=$1$2\n}\nf a b", "ab"),
        ("function f {\n return 3\n set x=1\n}\nf; x=$?", "3"),
        ("for i in a b c; do if [ $i = b ]; then continue; fi; x=$x$i; done", "ac"),
        ("for i in a b c; do if [ $i = b ]; then break; fi; x=$x$i; done", "a"),
        ("while [ x$x != xaaa ]; do x=a$x; done", "aaa"),
        ("until [ x$x = xaa ]; do x=a$x; done", "aa"),
        ("function f {\n shift\n x=$1$#\n}\nf a b", "b1"),
        ("function f {\n setparams c\n x=$1\n}\nf a b", "c"),
        ("insmod nosuch; search --set=root --label x; echo a; terminal_output gfxterm; x=1", "1"),
        ("if [ -f (hd0,1)/x ]; then y=1; fi; x=1", "1"),
        ("true; ! false; x=$?", "0"),
        ("set 1=a; x=$1", ""),
    ],
)
def test_a_menu_is_run_as_grub_runs_it(menu: str, x: str) -> None:
    assert value(f"{menu}\n").text == x


@pytest.mark.parametrize(
    "menu",
    [
        "set x=a>b",
        "x='open",
        'x="open',
        "x=$",
        'x="$(true)"',
        "if true; then x=1",
        "if true; fi",
        "menuentry a { }",
        "echo a | cat",
        "x=1; ; y=2",
        "then x=1",
        "function f { true }",
        "time true",
        "fi",
        "}",
        "{ true; }",
        "echo #don't",
    ],
)
def test_what_grub_refuses_leaves_everything_behind_it_unknown(menu: str) -> None:
    found = value(f"set a=1\n{menu}\nset b=1\n", "x")
    assert found.text is None
    assert found.doubt is not None
    assert (found.doubt.where.path, found.doubt.where.line) == (MENU, 2)
    assert isinstance(parse(MENU, menu)[-1], Broken)


def test_a_fork_that_nobody_can_decide_leaves_what_differs_unknown_and_nothing_else() -> None:
    menu = "set y=1\nif background_image a.png; then\n x=1\n y=1\nelse\n x=2\nfi\nz=3\n"
    state = run(menu)
    assert [state.get(name).text for name in "xyz"] == [None, "1", "3"]
    assert state.get("x").possible() == {"1", "2"}
    assert state.get("x").doubt is not None
    assert "/boot/grub/grub.cfg:2: if background_image" in str(state.get("x").doubt)


def test_values_that_are_all_possible_are_tried_each() -> None:
    menu = (
        'function gfxmode {\n if [ "${1}" = keep ]; then set vt=7; else set vt=; fi\n}\n'
        "if hwmatch a 3; then set mode=keep; else set mode=text; fi\n"
        'gfxmode $mode\nif [ -n "$mode" ]; then x=1; fi\nif [ "$mode" = other ]; then x=2; fi\n'
    )
    assert value(menu).text == "1"
    assert value(menu, "vt").possible() == {"7", ""}


def test_a_file_that_the_fact_carries_is_there_or_not() -> None:
    menu = "if [ -s $prefix/a ]; then x=1; elif [ -e $prefix/b ]; then x=2; else x=3; fi\n"
    assert value(menu, sizes={"/boot/grub/a": 1}).text == "1"
    assert value(menu, sizes={"/boot/grub/a": 0, "/boot/grub/b": 0}).text == "2"
    assert value(menu).text == "3"
    assert value(menu, folders=frozenset()).possible() == {"1", "2", "3"}


def test_another_file_is_run_where_it_is_read_and_makes_all_unknown_where_not() -> None:
    menu = (
        "set y=1\nif [ -f ${config_directory}/custom.cfg ]; then\n  source $prefix/custom.cfg\nfi\n"
    )
    texts = {MENU: menu, CUSTOM: "set x=2\n"}
    found = value(menu, texts=texts)
    assert found.text == "2"
    assert [str(line) for line in found.because] == [f"{CUSTOM}:1: set x=2"]
    assert value(menu).text == ""
    denied = value(menu, texts={MENU: menu, CUSTOM: Unknown("needs root")}, sizes={CUSTOM: 9})
    assert denied.text is None
    assert "needs root" in str(denied.doubt)
    other = value("configfile (hd1,1)/x.cfg\nsource (hd1,1)/y.cfg\n")
    assert other.text == "", "the menu is left before"
    assert value("source (hd1,1)/y.cfg\n").text is None


def test_the_environment_block_is_read_as_grub_reads_it() -> None:
    block = f"{HEADER}a=1\nb=x\\\\y\\\nz\nodd\nc=2\nlast=3"
    state = run("load_env\n", block)
    assert [state.get(name).text for name in ("a", "b", "c", "last")] == ["1", "x\\y\nz", "", ""]
    assert state.get("odd\nc").text == "2", "a name reaches to the next ="
    assert [str(line) for line in state.get("a").because] == [f"{BLOCK}:2: a=1"]


def test_only_listed_variables_are_loaded_where_a_list_is_given() -> None:
    block = f"{HEADER}a=1\nb=2\n"
    state = run("load_env -f $prefix/grubenv --skip-sig b\n", block)
    assert (state.get("a").text, state.get("b").text) == ("", "2")
    other = run("load_env --file (hd0,1)/env b\n", block)
    assert (other.get("a").text, other.get("b").text) == ("", None)


@pytest.mark.parametrize("block", ["", "x" * 1024, "# GRUB Env", "# GRUB environment block\na=1\n"])
def test_a_damaged_block_sets_nothing(block: str) -> None:
    state = run("set a=0\nif load_env; then x=1; else x=2; fi\n", block)
    assert (state.get("a").text, state.get("x").text) == ("0", "2")


def test_a_block_that_only_root_may_read_makes_every_variable_unknown() -> None:
    menu = "set y=0\nload_env\nset z=1\n"
    state = run(menu, Unknown("needs root"))
    assert (state.get("y").text, state.get("z").text) == (None, "1")
    assert "needs root" in str(state.get("y").doubt)
    state = run(menu)
    assert (state.get("y").text, state.get("x").text) == ("0", ""), "there is none"


def test_entries_carry_what_their_line_says() -> None:
    menu = (
        "menuentry 'A' --class os --hotkey=a --users 'u v' --id i { true; }\n"
        'submenu "B\\"b" --unrestricted --id=j {\n menuentry C { true; }\n}\n'
        "menuentry 'D' $menuentry_id_option 'k' { true; }\n"
    )
    a, b, d = run(menu).context.items
    assert isinstance(a, Entry)
    assert isinstance(b, Entry)
    assert isinstance(d, Entry)
    assert (a.title, a.id, a.users, a.where.line, a.submenu) == ("A", "i", "u v", 1, False)
    assert (b.title, b.id, b.users, b.where.line, b.submenu) == ('B"b', "j", None, 2, True)
    assert (d.id, d.users) == ("k", "")


@pytest.mark.parametrize(
    "command", ["blscfg", "uki", "legacy_source x", "extract_entries_source x", "menuentry"]
)
def test_entries_that_stand_elsewhere_are_not_left_out(command: str) -> None:
    items = run(f"menuentry A {{ true; }}\n{command}\nmenuentry B {{ true; }}\n").context.items
    assert [type(item) for item in items] == [Entry, More, Entry]


def test_a_menu_without_end_is_given_up() -> None:
    loops = ("while true; do true; done\n", "function f {\n f\n}\nf\n", "source $prefix/grub.cfg\n")
    for menu in (*loops, "x=a\nfor i in 1 2 3 4 5 6 7 8 9 a b c d e f g h; do x=$x$x; done\n"):
        with pytest.raises(MenuTooLargeError):
            run(menu)
        assert isinstance(choose(files(menu)), Unknown)
        assert isinstance(listed(files(menu)), Unknown)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", (0, 1)),
        ("12>3", (12, 2)),
        ("7.0-x", (7, 1)),
        ("0x1f", (31, 4)),
        ("017", (15, 3)),
        ("08", (8, 2)),
        (" 2", (2, 2)),
        ("", (0, 0)),
        ("-1", (0, 0)),
        ("0x", (0, 0)),
        ("a1", (0, 0)),
    ],
)
def test_a_number_is_what_a_text_begins_with(text: str, number: tuple[int, int]) -> None:
    assert strtoul(text) == number


_WORDS = st.sampled_from(
    [
        *("if", "then", "else", "elif", "fi", "for", "in", "do", "done", "while", "function", "f"),
        *(
            "{",
            "}",
            ";",
            "\n",
            " ",
            "[",
            "]",
            "=",
            "$x",
            "${y}",
            '"',
            "'",
            "\\",
            "#",
            "true",
            "false",
        ),
        *("set x=1", "menuentry", "submenu", "a", "linux /vmlinuz", "source $prefix/grub.cfg"),
        *("load_env", "save_env x", "return", "break", "!", "export x", "unset x", "fallback=0"),
        *(
            "default=",
            "0",
            ">",
            "timeout=0",
            "blscfg",
            "eval",
            "search --set",
            "-f",
            "--id",
            "initrd a",
        ),
    ]
)


@settings(max_examples=300, deadline=2000)
@given(st.lists(_WORDS, max_size=60).map(" ".join) | st.text(max_size=200))
def test_no_text_breaks_the_reader_or_holds_it_up(text: str) -> None:
    found = choose(files(text, f"{HEADER}x=1\n"))
    assert found is not None
    assert listed(files(text)) is not None


@settings(max_examples=200, deadline=2000)
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_environment_block(data: bytes, with_header: bool) -> None:
    found = parse_block((HEADER.encode() if with_header else b"") + data)
    assert all(variable.where.line > 1 for variable in found.variables.values())
