"""Which entry GRUB boots: numbers, ids, titles, submenus, passwords, fallbacks, the menu's time.

What stands in the tables was seen on GRUB 2.06's own code; tests/vm/test_grub_choice.py asks real
GRUB.
"""

from __future__ import annotations

import pytest

from facts.boot.grub_choice import Choice, choose, is_named, listed
from facts.boot.grub_files import MENU, GrubFiles, parse_block
from facts.value import Reading, Unknown
from tests.unit.fact_frame import fixture

HEADER = "# GRUB Environment Block\n"
CUSTOM = "/boot/grub/custom.cfg"
UUID = "1b700001-0000-4000-8000-000000000001"
OLD, NEW = "7.0.0-31-generic", "7.0.0-38-generic"
ADVANCED = f"gnulinux-advanced-{UUID}"
OLD_ID = f"{ADVANCED}>gnulinux-{OLD}-advanced-{UUID}"
NEW_ID = f"{ADVANCED}>gnulinux-{NEW}-advanced-{UUID}"
SIMPLE = f"gnulinux-simple-{UUID}"
IMAGES = {
    f"/boot/{kind}-{release}": 9 for kind in ("vmlinuz", "initrd.img") for release in (OLD, NEW)
}
#: Three levels, names with every sign that matters.
TREE = """set timeout=0
menuentry 'Zero' --id zero { linux /zero; }
menuentry '7.0 kernel' --id 7.0-x { linux /seven; }
submenu 'Sub > one' --id 's>1' {
 menuentry 'A' --id a { linux /a; }
 menuentry 'B>b' { linux /b; }
 submenu 'inner' { menuentry 'deep' --id deep { linux /deep; }; }
}
menuentry 'Zero' --id dup { linux /dup; }
menuentry 'a>b' --id 'x>y' { linux /xy; }
menuentry "q'uote" --id 'back\\slash' { linux /quote; }
"""


def choice(
    menu: str,
    block: str | bytes | None = None,
    custom: str | None = None,
    platform: Reading[str] = "pc",
    gone: tuple[str, ...] = (),
) -> Choice | Unknown:
    """Return what GRUB chooses on a disk with these files."""
    texts = {MENU: menu} if custom is None else {MENU: menu, CUSTOM: custom}
    sizes = {path: size for path, size in IMAGES.items() if path not in gone}
    data = block.encode() if isinstance(block, str) else block
    files = GrubFiles(
        texts=texts,
        sizes=sizes,
        folders=frozenset(("/boot", "/boot/grub")) if "vmlinuz" in menu else frozenset(),
        uuids=frozenset((UUID,)),
        platform=platform,
    )
    if data is not None:
        files = GrubFiles(
            texts, parse_block(data), files.sizes, files.folders, files.uuids, platform
        )
    return choose(files)


def known(found: Choice | Unknown) -> Choice:
    """Return a choice that is known."""
    assert isinstance(found, Choice), found
    return found


def ubuntu(*lines: str, custom: str | None = None, **more: object) -> Choice | Unknown:
    """Return what boots on Ubuntu with these variables in the environment block."""
    block = HEADER + "".join(f"{line}\n" for line in lines) + "#" * 500
    return choice(fixture("boot/ubuntu.cfg"), block, custom, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("default", "path"),
    [
        ("", "zero"),
        ("0", "zero"),
        ("1", "7.0-x"),
        ("2", "s>>1>a"),
        ("3", "dup"),
        ("9", "zero"),
        ("99999999999999999999", "zero"),
        ("0x2", "s>>1>a"),
        (" 2", "s>>1>a"),
        ("-1", "zero"),
        ("2 3", "s>>1>a"),
        ("7.0-x", "zero"),
        ("7.0 kernel", "zero"),
        ("zero", "zero"),
        ("Zero", "zero"),
        ("dup", "dup"),
        ("gone", "zero"),
        ("s>>1", "s>>1>a"),
        ("s>1", "zero"),
        ("Sub >> one>A", "s>>1>a"),
        ("s>>1>1", "s>>1>B>>b"),
        ("s>>1>B>>b", "s>>1>B>>b"),
        ("s>>1>B>b", "s>>1>a"),
        ("s>>1>gone", "s>>1>a"),
        ("s>>1>inner", "s>>1>inner>deep"),
        ("2>2>deep", "s>>1>inner>deep"),
        ("2>inner>deep>more", "s>>1>inner>deep"),
        ("x>>y", "x>>y"),
        ("a>>b", "x>>y"),
        ("x>y", "zero"),
        ("q'uote", "back\\slash"),
        ("back\\slash", "back\\slash"),
        (">", "zero"),
        (">>", "zero"),
    ],
)
def test_a_default_is_taken_as_grub_takes_it(default: str, path: str) -> None:
    block = f"{HEADER}saved_entry={default}\n".replace("\\", "\\\\")
    found = known(choice('load_env\nset default="${saved_entry}"\n' + TREE, block))
    assert found.path == path
    assert found.waits is None


def test_an_id_that_begins_with_a_digit_is_a_number() -> None:
    menu = TREE.replace("7.0-x", "12-x")
    assert known(choice(f"set default=12-x\n{menu}")).missed == "12-x"


def test_a_default_that_is_not_there_is_named() -> None:
    found = known(choice(f"set default=gone\n{TREE}"))
    assert (found.missed, found.path, found.wanted) == ("gone", "zero", "gone")
    assert [str(line) for line in found.because] == [f"{MENU}:1: set default=gone"]
    assert known(choice(f"set default='s>>1>gone'\n{TREE}")).missed == "s>>1>gone"


def test_ubuntus_menu_boots_the_saved_entry_and_names_both_lines() -> None:
    found = known(ubuntu("b70=1", f"saved_entry={OLD_ID}"))
    assert found.path == OLD_ID
    assert found.loaded is not None
    assert found.loaded.image == f"/boot/vmlinuz-{OLD}"
    assert found.loaded.words == (
        f"root=UUID={UUID}",
        *("ro", "quiet", "xe.disable_display=1", "vt.handoff=7"),
    )
    assert found.loaded.initrds == (f"/boot/initrd.img-{OLD}",)
    assert [str(line) for line in found.because] == [
        '/boot/grub/grub.cfg:25: set default="${saved_entry}"',
        f"/boot/grub/grubenv:3: saved_entry={OLD_ID}",
    ]
    assert (found.once, found.armed, found.saves) == (False, {}, {})


def test_a_failure_is_recorded_by_an_entry_at_the_top_and_not_inside_a_submenu() -> None:
    # have_grubenv is not exported, so a submenu does not see it
    assert known(ubuntu(f"saved_entry={SIMPLE}")).saves == {"recordfail": "1"}
    assert known(ubuntu(f"saved_entry={NEW_ID}")).saves == {}


def test_an_armed_entry_boots_once_and_is_taken_back() -> None:
    found = known(ubuntu(f"saved_entry={OLD_ID}", f"next_entry={NEW_ID}"))
    assert (found.path, found.once, found.armed) == (NEW_ID, True, {"next_entry": ""})
    assert found.because[-1].text == f"next_entry={NEW_ID}"
    top = known(ubuntu(f"next_entry={SIMPLE}"))
    assert top.saves == {"next_entry": ""}, "a one-shot records no failure"


def test_an_initramfs_that_failed_brings_the_entry_before_it_back_once() -> None:
    found = known(ubuntu(f"saved_entry={NEW_ID}", f"prev_entry={OLD_ID}", "initrdfail=1"))
    assert (found.path, found.once) == (OLD_ID, True)
    assert found.armed == {"prev_entry": "", "next_entry": ""}
    later = known(ubuntu(f"saved_entry={NEW_ID}", f"prev_entry={OLD_ID}", "initrdfail=2"))
    assert later.path == NEW_ID


def test_an_entry_that_was_put_aside_for_one_boot_comes_back_after_it() -> None:
    found = known(ubuntu(f"saved_entry={OLD_ID}", f"prev_saved_entry={NEW_ID}"))
    assert found.path == OLD_ID
    assert found.armed == {"saved_entry": NEW_ID, "prev_saved_entry": ""}


def test_a_recorded_failure_changes_the_words_but_not_the_entry() -> None:
    found = known(ubuntu("recordfail=1", f"saved_entry={OLD_ID}"))
    assert found.path == OLD_ID
    assert found.waits is None
    assert found.loaded is not None
    assert "vt.handoff=7" not in found.loaded.words


def test_custom_cfg_has_the_last_word_and_its_entries_count() -> None:
    entry = "menuentry 'Spare' --id spare { linux /boot/vmlinuz-7.0.0-31-generic spare; }\n"
    found = known(ubuntu(f"saved_entry={NEW_ID}", custom=f"set default=spare\n{entry}"))
    assert (found.path, str(found.where)) == ("spare", f"{CUSTOM}:2: {entry.strip()}")
    assert str(found.because[0]) == f"{CUSTOM}:1: set default=spare"
    assert known(ubuntu("saved_entry=spare", custom=entry)).path == "spare"


@pytest.mark.parametrize("block", [b"", b"x" * 1024, b"\xff\x00" * 512])
def test_a_damaged_block_means_the_first_entry(block: bytes) -> None:
    found = known(choice(fixture("boot/ubuntu.cfg"), block))
    assert (found.path, found.missed) == (SIMPLE, None)


def test_a_saved_entry_with_a_quote_or_a_backslash_is_unescaped_first() -> None:
    menu = 'load_env\nset default="$saved_entry"\nset timeout=0\n'
    menu += "menuentry A { linux /a; }\nmenuentry 'a\\b' --id \"it's\" { linux /b; }\n"
    for saved in ("a\\\\b", "it's"):
        assert known(choice(menu, f"{HEADER}saved_entry={saved}\n")).path == "it's"


def test_a_submenu_that_asks_for_a_password_stops_the_entry_inside_it() -> None:
    menu = fixture("boot/password.cfg")
    top = known(choice(menu, f"{HEADER}saved_entry={SIMPLE}\n"))
    assert top.waits is None
    inner = known(choice(menu, f"{HEADER}saved_entry={NEW_ID}\n"))
    assert inner.path == NEW_ID
    assert inner.waits is not None
    assert "password" in inner.waits
    assert 'set superusers="keeper"' in inner.waits
    found = listed(GrubFiles({MENU: menu}, platform="pc"))
    assert isinstance(found, tuple)
    assert [entry.asks for entry in found] == [False, True, True, True, True]


def test_superusers_that_are_not_exported_are_forgotten_in_an_unrestricted_submenu() -> None:
    menu = "set timeout=0\nset superusers=a\n"
    menu += "submenu S --unrestricted {\n menuentry A { linux /a; }\n}\n"
    assert known(choice(menu)).waits is None
    assert known(choice(menu.replace("submenu", "export superusers\nsubmenu", 1))).waits is not None


@pytest.mark.parametrize(
    ("time", "waits"),
    [
        ("", True),
        ("set timeout=-1", True),
        ("set timeout=", True),
        ("set timeout=x", True),
        ("set timeout=0", False),
        ("set timeout=10", False),
        ("if sleep 1; then set timeout=0; else set timeout=5; fi", False),
    ],
)
def test_a_menu_without_a_time_waits_for_a_person(time: str, waits: bool) -> None:
    found = known(choice(f"{time}\nmenuentry A {{ linux /a; }}\n"))
    assert (found.waits is not None) == waits
    assert found.path == "A"


def test_a_kernel_that_is_missing_is_not_booted() -> None:
    gone = (f"/boot/vmlinuz-{NEW}",)
    found = known(ubuntu(f"saved_entry={NEW_ID}", gone=gone))
    assert found.loaded is None
    assert found.waits is not None
    assert "missing" in found.waits
    menu = fixture("boot/ubuntu.cfg").replace(
        "terminal_output", "set fallback='0 2'\nterminal_output"
    )
    spare = "menuentry S --id s { linux /boot/vmlinuz-7.0.0-31-generic; }\n"
    menu = menu.replace("### END /etc/grub.d/30", spare + "### END /etc/grub.d/30")
    second = known(choice(menu, f"{HEADER}saved_entry={NEW_ID}\n", gone=gone))
    assert (second.path, second.waits) == ("s", None)
    assert second.instead == (NEW_ID, SIMPLE)


def test_a_fallback_is_a_number_and_an_id_ends_the_list() -> None:
    menu = "set timeout=0\nmenuentry A { true; }\nmenuentry B --id b { linux /b; }\n"
    assert known(choice(f"set fallback=1\n{menu}")).path == "b"
    assert known(choice(f"set fallback=b\n{menu}")).waits is not None
    assert isinstance(choice(f"set fallback=7\n{menu}"), Unknown)


def test_an_initrd_that_is_missing_is_left_out() -> None:
    found = known(ubuntu(f"saved_entry={NEW_ID}", gone=(f"/boot/initrd.img-{NEW}",)))
    assert found.loaded is not None
    assert found.loaded.initrds == ()


def test_an_entry_that_saves_itself_is_seen_to_do_so() -> None:
    menu = fixture("boot/ubuntu.cfg").replace("\trecordfail\n", "\trecordfail\n\tsavedefault\n")
    found = known(choice(menu, f"{HEADER}saved_entry={OLD_ID}\n"))
    assert found.saves["saved_entry"] == OLD_ID
    entries = listed(GrubFiles({MENU: menu}, platform="pc"))
    assert isinstance(entries, tuple)
    assert {entry.saves for entry in entries} == {True}


def test_words_that_the_firmware_decides_stand_as_they_are_written() -> None:
    menu = fixture("boot/ubuntu.cfg")
    sizes = {**IMAGES, "/boot/grub/gfxblacklist.txt": 9}
    folders = frozenset(("/boot", "/boot/grub"))
    files = GrubFiles({MENU: menu}, sizes=sizes, folders=folders, uuids=frozenset((UUID,)))
    found = known(choose(files))
    assert found.path == SIMPLE
    assert found.loaded is not None
    assert found.loaded.words[-1] == "$vt_handoff"


def test_a_firmware_entry_of_which_nobody_knows_hides_nothing_that_has_a_name() -> None:
    entry = "menuentry 'Spare' --id spare { linux /boot/vmlinuz-7.0.0-31-generic; }\n"
    assert known(ubuntu("saved_entry=spare", custom=entry, platform="efi")).path == "spare"
    assert known(ubuntu(f"saved_entry={OLD_ID}", custom=entry, platform="efi")).path == OLD_ID
    by_number = ubuntu("saved_entry=3", custom=entry, platform="efi")
    assert isinstance(by_number, Unknown)
    assert "whether the firmware can" in by_number.reason
    assert isinstance(ubuntu("saved_entry=uefi-firmware", platform="efi"), Unknown)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("blscfg\nmenuentry A { linux /a; }", "grub.cfg:2: blscfg: blscfg adds entries"),
        ("eval set default=a\nmenuentry A { linux /a; }", "grub.cfg:2: eval"),
        ("source (hd1,1)/x\nmenuentry A { linux /a; }", "grub.cfg:2: source (hd1,1)/x"),
        ("if cmp a b; then set default=1; fi\nmenuentry A { linux /a; }", "grub.cfg:2: if cmp a b"),
        ("configfile (hd1,1)/x.cfg", "grub.cfg:2: configfile (hd1,1)/x.cfg"),
        ("menuentry A { configfile (hd1,1)/x.cfg; }", "grub.cfg:2: menuentry A"),
        ("menuentry A { if cmp a b; then linux /a; else linux /b; fi; }", "cmp"),
        ("menuentry $lockdown { linux /a; }", "lockdown"),
        ("regexp --set 1:default (.) a\nmenuentry A { linux /a; }", "grub.cfg:2: regexp"),
        ("set default='a\nmenuentry A { linux /a; }", "a quote is not closed"),
        ("", "the menu has no entry"),
    ],
)
def test_a_form_that_is_not_understood_where_it_matters_is_unknown(lines: str, said: str) -> None:
    found = choice(f"set timeout=0\n{lines}\n")
    assert isinstance(found, Unknown), found
    assert said in found.reason


def test_boot_loader_spec_entries_do_not_matter_behind_what_has_a_name() -> None:
    menu = "set timeout=0\nset default=a\nmenuentry A --id a { linux /a; }\nblscfg\n"
    assert known(choice(menu)).path == "a"
    assert isinstance(choice(menu.replace("=a", "=b", 1)), Unknown)


def test_xen_and_other_loaders_are_named_by_their_command() -> None:
    menu = (
        "set timeout=0\nmenuentry X --id x {\n multiboot2 /boot/xen.gz placeholder a=1\n"
        " module2 /boot/vmlinuz-7.0.0-38-generic placeholder root=UUID=1\n}\n"
        "menuentry W --id w { chainloader /EFI/Microsoft/Boot/bootmgfw.efi; }\n"
    )
    found = known(choice(menu))
    assert found.loaded is not None
    assert (found.loaded.how, found.loaded.image) == ("multiboot2", "/boot/xen.gz")
    entries = listed(GrubFiles({MENU: menu}))
    assert isinstance(entries, tuple)
    assert [entry.loaded and entry.loaded.how for entry in entries] == ["multiboot2", "chainloader"]


def test_a_menu_without_submenus_is_read_as_well() -> None:
    menu = "set timeout=0\nset default='gnulinux-b'\n" + "".join(
        f"menuentry 'K {name}' --id gnulinux-{name} {{ linux /boot/vmlinuz-{name}; }}\n"
        for name in ("a", "b")
    )
    files = GrubFiles({MENU: menu})
    assert known(choose(files)).path == "gnulinux-b"


def test_an_entry_that_leaves_the_menu_boots_nothing() -> None:
    for command in ("reboot", "halt", "exit", "fwsetup"):
        found = known(choice(f"set timeout=0\nmenuentry A {{ {command}; }}\n"))
        assert (found.loaded, found.path) == (None, "A")
        assert found.waits is not None
    asks = known(choice("set timeout=0\ncryptomount -u 1\nmenuentry A { linux /a; }\n"))
    assert asks.waits is not None
    assert "cryptomount" in asks.waits


def test_names_match_only_whole_parts_of_a_path() -> None:
    assert is_named("a", "a>b")
    assert is_named("a>b", "a>>b")
    assert not is_named("a", "ab")
    assert not is_named("ab", "a")
    assert not is_named("a>b", "a>b")
    assert is_named("", "")
