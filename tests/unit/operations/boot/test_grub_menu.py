"""GRUB's menu: written when it lags behind, and nobody reboots into one that boots otherwise."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet
from facts.boot.loader import Boot
from facts.boot.sets import BootSets
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from operations.boot.grub_menu import MENU, boot_entry, grub_menu, manifest_path
from operations.operation import PLANNER
from tests.unit.base_facts import stat
from tests.unit.boot_facts import MADE, NEW, boot, entry, found, set_entry, sets, staged
from tests.unit.boot_root import SICK_DISK, BootRoot
from tests.unit.pyinfra_harness import reasons, run_operation, stub_host

WANTED = BootSet.model_validate(
    {
        "kernel": {"package": f"linux-image-{NEW}", "version": "1"},
        "cmdline": {"present": ["xe.disable_display=1"], "absent": ["nomodeset"]},
        "xe_options": {"probe_display": "0"},
        "guc": {"sha256": "a" * 64, "version": "70.49.4"},
    }
)
NAME = WANTED.set_id
SET, KEPT = staged(WANTED), found()
ENTRY = set_entry(SET, "quiet")
ENTRIES = (entry(NEW, ("quiet",)), ENTRY, set_entry(KEPT))
INPUTS = ("/etc/default/grub.d/zz-b70fleet.cfg", manifest_path(NAME))
UPDATE = ("grub-mkconfig", "-o")
Why = list[tuple[str, str | None, str | None]]


def facts(
    entries: Any = ENTRIES, *, menu_mtime: int = MADE, there: Any = None, **times: int
) -> dict[Any, Any]:
    known = {path: stat(mtime=MADE) for path in ("/etc/default/grub", *INPUTS)}
    known[MENU] = stat(mtime=menu_mtime)
    return {
        Boot: entries if isinstance(entries, Unknown) else boot(entries=entries),
        BootSets: sets(SET, KEPT) if there is None else there,
        FileState: lambda path: known.get(path, ABSENT),
    }


def menu(given: dict[Any, Any]) -> tuple[list[str], list[str]]:
    return run_operation(grub_menu, given, wanted=WANTED, inputs=INPUTS, update=UPDATE)


def why(given: dict[Any, Any], written: tuple[str, ...] = ()) -> Why:
    told = reasons(grub_menu, given, written, wanted=WANTED, inputs=INPUTS, update=UPDATE)
    assert (MENU in told.written) is bool(told.differences)
    return [(each.what, each.expected, each.seen) for each in told.differences]


def test_a_menu_as_declared_is_not_written_again() -> None:
    assert menu(facts()) == ([], [f"the entry of {NAME} boots it as declared"])


def with_entry(**changes: Any) -> tuple[Any, ...]:
    return (*ENTRIES[:1], replace(ENTRY, **changes), *ENTRIES[2:])


LINE = "kernel command line in the menu"
TOKENS = ENTRY.tokens
FAULTS: list[tuple[Any, Why]] = [
    ((), [(f"entry of {NAME}", "once", None), (f"entry of {KEPT.name}", "once", None)]),
    (ABSENT, [(f"entry of {NAME}", "once", None), (f"entry of {KEPT.name}", "once", None)]),
    ((*ENTRIES, ENTRY), [(f"entry of {NAME}", "once", "2 times")]),
    (ENTRIES[:2], [(f"entry of {KEPT.name}", "once", None)]),
    (
        (*ENTRIES, set_entry(replace(KEPT, name="b70-gone"))),
        [("entry of b70-gone", None, "its set is gone")],
    ),
    (
        with_entry(kernel=f"/boot/vmlinuz-{NEW}"),
        [("kernel in the menu", f"/boot/b70fleet/{NAME}/vmlinuz", f"/boot/vmlinuz-{NEW}")],
    ),
    (with_entry(kernel=""), [("kernel in the menu", f"/boot/b70fleet/{NAME}/vmlinuz", None)]),
    (
        with_entry(initrds=(f"/boot/initrd.img-{NEW}",)),
        [
            (
                "initial RAM disk in the menu",
                f"/boot/b70fleet/{NAME}/initrd",
                f"/boot/initrd.img-{NEW}",
            )
        ],
    ),
    (
        with_entry(initrds=()),
        [("initial RAM disk in the menu", f"/boot/b70fleet/{NAME}/initrd", None)],
    ),
    (
        with_entry(initrds=(*ENTRY.initrds, "/boot/ucode")),
        [
            (
                "initial RAM disk in the menu",
                f"/boot/b70fleet/{NAME}/initrd",
                f"/boot/b70fleet/{NAME}/initrd, /boot/ucode",
            )
        ],
    ),
    (with_entry(tokens=(*TOKENS, "nomodeset")), [(LINE, None, "nomodeset")]),
    (with_entry(tokens=(*TOKENS, "xe.probe-display=1")), [(LINE, None, "xe.probe-display=1")]),
    (
        with_entry(tokens=("firmware_class.path=/mine", *TOKENS)),
        [(LINE, None, "firmware_class.path=/mine")],
    ),
    *(
        (with_entry(tokens=tuple(each for each in TOKENS if each != word)), [(LINE, word, None)])
        for word in (*WANTED.words, f"b70fleet.set={NAME}")
    ),
]


@pytest.mark.parametrize(("entries", "expected"), FAULTS)
def test_a_menu_with_a_fault_is_written_anew_and_the_fault_is_named(
    entries: Any, expected: Why
) -> None:
    assert why(facts(entries)) == expected


def test_early_microcode_and_the_persons_words_are_no_faults() -> None:
    entries = with_entry(
        initrds=("/boot/intel-uc.img", *ENTRY.initrds), tokens=(*TOKENS, "splash", "console=ttyS0")
    )
    assert menu(facts(entries))[0] == []


def test_an_incomplete_set_needs_no_entry() -> None:
    there = sets(SET, replace(KEPT, manifest=ABSENT))
    assert menu(facts(ENTRIES[:2], there=there))[0] == []
    assert why(facts(ENTRIES, there=there)) == [(f"entry of {KEPT.name}", None, "its set is gone")]


def test_an_entry_within_a_submenu_is_not_what_its_id_boots() -> None:
    entries = with_entry(path=f"mine>{NAME}")
    assert (f"entry of {NAME}", "at the top level", f"mine>{NAME}") in why(facts(entries))
    with pytest.raises(OperationError, match="at the top level is expected and not mine>"):
        proof(entries)


@pytest.mark.parametrize("path", ["/etc/default/grub", *INPUTS])
def test_a_menu_that_is_older_than_what_goes_into_it_is_written_anew(path: str) -> None:
    assert ("menu", f"younger than {path}", "older") in why(facts(menu_mtime=MADE - 1))
    assert why(facts(), written=(path,)) == [
        ("menu", f"younger than {path}", "the file is written first")
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (facts(Unknown("timeout")), "GRUB's menu is UNKNOWN: timeout"),
        (facts() | {Boot: boot(entries=Unknown("needs root"))}, "menu is UNKNOWN: needs root"),
        (facts(there=Unknown("cut")), "which boot sets there are is UNKNOWN: cut"),
        (facts() | {FileState: Unknown("timeout")}, f"state of {MENU} is UNKNOWN"),
    ],
)
def test_no_menu_is_written_on_unknown_ground(given: dict[Any, Any], said: str) -> None:
    with pytest.raises(OperationError, match=said):
        menu(given)


def write_menu(root: BootRoot) -> subprocess.CompletedProcess[str]:
    with stub_host(facts(())):
        (command,) = grub_menu._inner(wanted=WANTED, inputs=INPUTS, update=UPDATE)
    return root.run(command)


#: The menu that a host boots from before it is written anew.
BEFORE = "menuentry 'old' { linux /boot/vmlinuz; }\n"


@pytest.fixture
def root(tmp_path: Path) -> BootRoot:
    """Return a host with a menu, and a script that adds to it."""
    made = BootRoot(tmp_path)
    made.plant("boot/grub/grub.cfg", BEFORE)
    made.plant("boot/grub/grubenv", "# GRUB Environment Block\n".ljust(1024, "#"))
    made.plant("etc/grub.d/10_linux", "#!/bin/sh\necho written\n", 0o755)
    return made


def left(root: BootRoot) -> tuple[str, list[str]]:
    """Return the menu, and every menu that lies in its folder."""
    folder = root.root / "boot/grub"
    return root.read("boot/grub/grub.cfg"), sorted(path.name for path in folder.glob("*.cfg*"))


def test_a_menu_is_written_beside_its_place_flushed_and_renamed(root: BootRoot) -> None:
    """A power cut leaves the old menu or the new one, never a torn file."""
    menu = f"{root.root}/boot/grub/grub.cfg"
    root.tool("sync", f'#!/bin/sh\necho "$@ $(grep -c written {menu})" >>"$ROOT/synced"\n')
    done = write_menu(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert root.read("synced") == f"{menu}.b70fleet 0\n-f {menu} 1\n"
    text, names = left(root)
    assert "written" in text
    assert names == ["grub.cfg"]


def test_the_tools_are_told_to_write_to_another_file_than_the_menu(root: BootRoot) -> None:
    root.tool("grub-mkconfig", '#!/bin/sh\necho "$@" >"$ROOT/said"; echo new >"$2"\n')
    assert write_menu(root).returncode == 0
    assert root.read("said") == f"-o {root.root}/boot/grub/grub.cfg.b70fleet\n"


def test_a_menu_that_is_a_link_stays_one(root: BootRoot) -> None:
    place = root.plant("srv/menu.cfg", BEFORE)
    link = root.root / "boot/grub/grub.cfg"
    link.unlink()
    link.symlink_to(place)
    assert write_menu(root).returncode == 0
    assert link.is_symlink()
    assert "written" in place.read_text()


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("echo 'cannot find a device for /' >&2; exit 1", "grub-mkconfig failed"),
        # it wrote half a menu before it failed
        ('echo half >"$2"; echo half >"$2.new"; exit 1', "grub-mkconfig failed"),
        ("exit 0", "grub-mkconfig wrote no menu"),
        (': >"$2"', "grub-mkconfig wrote no menu"),
    ],
)
def test_a_menu_that_cannot_be_made_leaves_the_old_one_and_refuses_the_reboot(
    root: BootRoot, tool: str, said: str
) -> None:
    root.tool("grub-mkconfig", f"#!/bin/sh\n{tool}\n")
    done = write_menu(root)
    assert done.returncode == 1
    assert f"{said}: the host must not be rebooted" in done.stderr
    assert left(root) == (BEFORE, ["grub.cfg"])


def test_a_menu_that_cannot_reach_the_disk_never_comes_into_its_place(root: BootRoot) -> None:
    root.tool("sync", SICK_DISK)
    assert write_menu(root).returncode != 0
    assert left(root) == (BEFORE, ["grub.cfg"])


def test_a_plan_shows_the_command_with_the_place_where_the_menu_ends_up() -> None:
    with stub_host(facts(())):
        (command,) = grub_menu._inner(wanted=WANTED, inputs=INPUTS, update=UPDATE)
    assert command.shown == f"grub-mkconfig -o {MENU}"


def proof(
    entries: Any = ENTRIES, written: tuple[str, ...] = (), there: Any = None
) -> tuple[list[str], list[str]]:
    with stub_host(facts(entries, there=there)) as stub:
        stub.told.written.update(written)
        commands = [str(command) for command in boot_entry._inner(wanted=WANTED)]
        assert bool(commands) is bool(stub.told.differences)
        return commands, stub.noops


def test_a_set_that_can_boot_is_not_read_again() -> None:
    assert proof() == ([], [f"{NAME} can boot"])


@pytest.mark.parametrize(("entries", "expected"), FAULTS)
def test_nobody_reboots_into_a_menu_that_does_not_boot_the_set_as_declared(
    entries: Any, expected: Why
) -> None:
    about_this = [fault for fault in expected if not fault[0].startswith("entry of b70-gone")]
    about_this = [fault for fault in about_this if fault[0] != f"entry of {KEPT.name}"]
    if not about_this:
        assert proof(entries)[0] == []
        return
    with pytest.raises(OperationError) as error:
        proof(entries)
    said = str(error.value)
    assert said.startswith(f"{MENU}: ")
    assert said.endswith(": the host must not be rebooted")
    for what, _, _ in about_this:
        assert what in said


def test_a_refusal_names_every_fault() -> None:
    entries = with_entry(initrds=(), tokens=(*TOKENS[:-1], "nomodeset"))
    with pytest.raises(OperationError) as error:
        proof(entries)
    assert str(error.value) == (
        f"{MENU}: initial RAM disk in the menu: /boot/b70fleet/{NAME}/initrd is missing; "
        f"kernel command line in the menu: b70fleet.set={NAME} is missing; "
        "kernel command line in the menu: nomodeset must not be there: "
        "the host must not be rebooted"
    )


@pytest.mark.parametrize("path", [MENU, manifest_path(NAME)])
def test_what_is_written_in_this_run_is_read_back_by_the_host_itself(path: str) -> None:
    commands, _ = proof((), written=(path,))
    assert commands == [f"/usr/lib/b70fleet/boot-commit check {NAME}"]
    # and a set that is right already is looked at again as well
    assert proof(written=(path,))[0] == commands


@pytest.mark.parametrize("entries", [Unknown("timeout")])
def test_a_menu_that_is_unknown_is_no_proof(entries: Any) -> None:
    with pytest.raises(OperationError, match="is UNKNOWN"):
        proof(entries)


def test_stock_pyinfra_prepares_an_entry_that_an_earlier_resource_will_make() -> None:
    with stub_host(facts(())) as stub:
        setattr(stub.host.data, PLANNER, None)
        list(boot_entry._inner(wanted=WANTED))
        stub.state.is_executing = True
        with pytest.raises(OperationError, match="the host must not be rebooted"):
            list(boot_entry._inner(wanted=WANTED))
