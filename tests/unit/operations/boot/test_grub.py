"""GRUB: one small edit, a menu that is read back, a default entry that always means one kernel."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from operations.boot.grub_defaults import grub_defaults
from pyinfra.api.exceptions import OperationError

from declaration.boot import Cmdline
from facts.boot.loader import Boot
from facts.system.files import FileState, FileText
from facts.value import ABSENT, Unknown
from operations.boot.grub_menu import MENU, default_path, faults, grub_default, grub_menu
from operations.files.filewrite import FileWrite
from operations.operation import PLANNER
from tests.unit.base_facts import stat
from tests.unit.boot_facts import MADE, NEW, OLD, SICK_DISK, TOKENS, BootRoot, boot, entry
from tests.unit.pyinfra_harness import reasons, stub_host

DEFAULTS = "/etc/default/grub"
PLAIN = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n'
DONE = 'GRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash xe.disable_display=1"\n'
WANTED = Cmdline(present=("xe.disable_display=1",), absent=("nomodeset",))
SAVED = {"GRUB_DEFAULT": "saved"}
UPDATE = ("update-grub",)


def facts(text: str | Unknown = DONE, state: Any = None, menu_mtime: int = MADE) -> dict[Any, Any]:
    times = {DEFAULTS: stat(mtime=MADE), MENU: stat(mtime=menu_mtime)}
    return {
        FileText: text.encode() if isinstance(text, str) else text,
        FileState: lambda path: times.get(path, ABSENT),
        Boot: state or boot(),
    }


def defaults(given: dict[Any, Any], cmdline: Cmdline = WANTED) -> tuple[list[Any], list[str]]:
    with stub_host(given) as stub:
        return list(grub_defaults._inner(cmdline=cmdline, settings=SAVED)), stub.noops


def menu(given: dict[Any, Any]) -> tuple[list[Any], list[str]]:
    with stub_host(given) as stub:
        wanted: dict[str, Any] = {"release": NEW, "cmdline": WANTED, "settings": SAVED}
        return list(grub_menu._inner(**wanted, update=UPDATE)), stub.noops


def test_the_edit_is_one_write_that_keeps_mode_and_owner() -> None:
    given = facts(PLAIN)
    given[FileState] = lambda path: stat(mode="0640", group="adm")
    (write,), _ = defaults(given)
    assert isinstance(write, FileWrite)
    assert write.content.decode() == DONE
    assert write.arguments[1:4] == ("0640", "root", "adm")


def test_a_file_that_somebody_edits_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (write,), _ = defaults(facts(PLAIN))
    live = tmp_path / "grub"
    check = write.arguments[5].replace(DEFAULTS, str(live))
    for text, accepted in ((PLAIN, True), (PLAIN + "GRUB_TIMEOUT=9\n", False)):
        live.write_text(text)
        (tmp_path / "new").write_text(DONE)
        done = subprocess.run(
            ["sh", "-c", check], env={"B70_FILE": str(tmp_path / "new"), "PATH": "/bin:/usr/bin"}
        )
        assert (done.returncode == 0) is accepted
    assert hashlib.sha256(PLAIN.encode()).hexdigest() in check


def test_settings_as_declared_are_left_alone_and_told() -> None:
    commands, noops = defaults(facts())
    assert commands == []
    assert noops == ["xe.disable_display=1; no nomodeset; GRUB_DEFAULT=saved"]


@pytest.mark.parametrize(
    ("drop_in", "said"),
    [
        ('GRUB_CMDLINE_LINUX_DEFAULT="quiet"', "no xe.disable_display=1"),
        ('GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT nomodeset"', "nomodeset"),
        ("GRUB_CMDLINE_LINUX_DEFAULT=`cat /proc/cmdline`", "UNKNOWN"),
        ("GRUB_DEFAULT=0", "sets GRUB_DEFAULT to 0"),
        ("GRUB_CMDLINE_LINUX_DEFAULT=\u201dquiet splash\u201d", "a curly quote (U+201D)"),
        ("GRUB_DEFAULT= saved", "take the blank behind = away"),
    ],
)
def test_a_drop_in_that_undoes_the_edit_is_named_with_its_line(drop_in: str, said: str) -> None:
    state = boot(drop_ins={"/etc/default/grub.d/50-x.cfg": f"A=1\n{drop_in}"})
    with pytest.raises(OperationError) as error:
        defaults(facts(PLAIN, state))
    assert "/etc/default/grub.d/50-x.cfg:2" in str(error.value)
    assert said in str(error.value)


def test_a_drop_in_that_extends_the_value_is_welcome() -> None:
    extended = 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=512M"'
    assert defaults(facts(DONE, boot(drop_ins={"/etc/default/grub.d/k.cfg": extended})))[0] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (facts(Unknown("too large for a diff")), "content of /etc/default/grub is UNKNOWN"),
        ({**facts(), FileText: ABSENT}, "a boot set needs GRUB"),
        ({**facts(), FileText: b"\xff"}, "not UTF-8"),
        ({**facts(), Boot: Unknown("timeout")}, "what GRUB is set to is UNKNOWN: timeout"),
        (facts('GRUB_DEFAULT="\n'), "cannot be edited safely"),
        (facts("GRUB_DEFAULT=0\nGRUB_TIMEOUT=\u201d5\u201d\n"), "safely: line 2"),
        (facts(DONE, boot(denied=("/etc/default/grub.d/s.cfg",))), "s.cfg cannot be read"),
    ],
)
def test_nothing_is_edited_on_unknown_ground(given: dict[Any, Any], said: str) -> None:
    with pytest.raises(OperationError) as error:
        defaults(given)
    assert said in str(error.value)


def test_a_menu_as_declared_is_not_written_again() -> None:
    assert menu(facts()) == (
        [],
        [f"gnulinux-advanced-6f0b>gnulinux-{NEW}-advanced-6f0b boots {NEW} as declared"],
    )


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (facts(PLAIN), "/etc/default/grub changes in this run"),
        (facts(menu_mtime=MADE - 1), "/etc/default/grub is younger"),
        (facts(state=boot(entries=(entry(OLD),))), "no entry"),
        (facts(state=boot(entries=(entry(NEW, ("quiet",)),))), "no token"),
        (facts(state=boot(entries=(entry(NEW, (*TOKENS, "nomodeset")),))), "token too many"),
        (facts(state=boot(entries=(entry(NEW, initrds=()),))), "no initial RAM disk"),
        (facts(state=boot(entries=ABSENT)), "no menu"),
    ],
)
def test_the_menu_is_written_when_it_lags_behind(given: dict[Any, Any], fault: str) -> None:
    (command,), _ = menu(given)
    assert command.shown == "update-grub", fault


def test_recovery_entries_never_have_the_tokens_and_need_not() -> None:
    rescue = entry(NEW, ("single",), path=f"gnulinux-advanced-6f0b>gnulinux-{NEW}-recovery-6f0b")
    assert faults(boot(entries=(entry(NEW), rescue)), NEW, WANTED) == ()


def test_a_menu_that_cannot_be_read_is_not_written() -> None:
    with pytest.raises(OperationError, match="menu is UNKNOWN: needs root"):
        menu(facts(state=boot(entries=Unknown("needs root"))))


def test_the_entry_at_the_top_is_never_the_default_since_it_means_the_newest_kernel() -> None:
    top = entry(NEW, path="gnulinux-simple-6f0b")
    assert default_path(boot(entries=(top, entry(NEW))), NEW) == entry(NEW).path
    assert default_path(boot(entries=(top,)), NEW) == ""


def default(state: Any, release: str = NEW, *, menu_first: bool = False) -> tuple[Any, list[str]]:
    """Return the command that sets the default entry, None for none, and why there is none.

    Args:
        state: what GRUB is set to.
        menu_first: an earlier resource of the plan writes the menu.
    """
    with stub_host({Boot: state}) as stub:
        if menu_first:
            stub.told.writes(MENU)
        commands = list(grub_default._inner(release=release, cmdline=WANTED))
        return (commands[0] if commands else None), stub.noops


def test_a_default_that_is_right_is_left_alone() -> None:
    assert default(boot(saved=entry(NEW).path)) == (None, [f"default is {entry(NEW).path}"])
    command, _ = default(boot(saved=entry(OLD).path))
    assert command.shown == f"grub-set-default '{entry(NEW).path}'"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (ABSENT, f"menu: one that boots {NEW} is missing"),
        (Unknown("needs root"), f"one that boots {NEW} is expected and not UNKNOWN: needs root"),
        ((entry(OLD),), f"menu entry of {NEW}: one that loads it is missing"),
        ((entry(NEW, initrds=()),), f"initrd.img-{NEW} is missing"),
        (
            (entry(NEW, initrds=(f"/boot/initrd.img-{OLD}",)),),
            f"initrd.img-{NEW} is expected and not /boot/initrd.img-{OLD}",
        ),
        ((entry(NEW, ("quiet",)),), "command line in the menu: xe.disable_display=1 is missing"),
        ((entry(NEW, (*TOKENS, "nomodeset")),), "in the menu: nomodeset must not be there"),
        (
            (entry(NEW, path="gnulinux-simple-6f0b"),),
            f"default entry: one that is named after {NEW} is missing",
        ),
    ],
)
def test_no_default_is_set_in_a_menu_that_does_not_boot_the_release_as_declared(
    entries: Any, said: str
) -> None:
    for saved in (entry(OLD).path, entry(NEW).path):
        with pytest.raises(OperationError) as error:
            default(boot(entries=entries, saved=saved))
        assert said in str(error.value)
        assert str(error.value).endswith(": the host must not be rebooted")


def test_a_refusal_names_every_fault_of_the_menu() -> None:
    sick = entry(NEW, ("nomodeset",), initrds=(), path="gnulinux-simple-6f0b")
    with pytest.raises(OperationError) as error:
        default(boot(entries=(sick,)))
    assert str(error.value) == (
        f"{MENU} does not boot {NEW} as declared (initial RAM disk in the menu: initrd.img-{NEW} "
        "is missing; kernel command line in the menu: xe.disable_display=1 is missing; kernel "
        "command line in the menu: nomodeset must not be there; default entry: one that is named "
        f"after {NEW} is missing): the host must not be rebooted"
    )


def test_a_menu_that_the_plan_writes_first_is_judged_when_it_is_written() -> None:
    command, _ = default(boot(entries=(entry(OLD),), saved=entry(OLD).path), menu_first=True)
    assert command.shown == f"grub-set-default '(the entry of {NEW})'"
    command, _ = default(boot(saved=entry(OLD).path), menu_first=True)
    assert command.shown == f"grub-set-default '{entry(NEW).path}'"


def test_a_default_that_is_right_is_looked_at_again_when_the_menu_is_written() -> None:
    """What has no command in a plan is not executed, and nobody would judge the new menu."""
    given = {Boot: boot(saved=entry(NEW).path)}
    told = reasons(grub_default, given, written=[MENU], release=NEW, cmdline=WANTED)
    assert [(each.what, each.expected, each.seen) for each in told.differences] == [
        ("default entry", NEW, "the menu is written first")
    ]
    assert default(given[Boot], menu_first=True)[0] is not None


def test_a_resource_that_writes_the_menu_says_so() -> None:
    wanted: dict[str, Any] = {"release": NEW, "cmdline": WANTED, "settings": SAVED}
    assert MENU in reasons(grub_menu, facts(PLAIN), **wanted, update=UPDATE).written
    assert MENU not in reasons(grub_menu, facts(), **wanted, update=UPDATE).written


@pytest.fixture
def root(tmp_path: Path) -> BootRoot:
    return BootRoot(tmp_path)


def write_menu(root: BootRoot) -> subprocess.CompletedProcess[str]:
    (command,), _ = menu(facts(state=root.boot()))
    return root.run(command)


def test_a_written_menu_is_read_back_and_becomes_silent(root: BootRoot) -> None:
    root.plant("etc/default/grub", DONE)
    done = write_menu(root)
    assert done.returncode == 0, done.stderr
    assert menu(facts(state=root.boot()))[0] == []


@pytest.mark.parametrize(
    ("text", "remove", "said"),
    [
        (PLAIN, "", "xe.disable_display=1 is missing"),
        (DONE.replace("splash", "nomodeset"), "", "nomodeset must not be there"),
        (DONE, f"boot/vmlinuz-{NEW}", f"menu entry of {NEW}: one that loads it is missing"),
        (DONE, f"boot/initrd.img-{NEW}", f"initrd.img-{NEW} is missing"),
    ],
)
def test_a_menu_that_reads_back_wrong_refuses_the_reboot(
    root: BootRoot, text: str, remove: str, said: str
) -> None:
    root.plant("etc/default/grub", text)
    # the default entry may be right already: that is no excuse
    root.plant("boot/grub/grubenv", f"saved_entry={entry(NEW).path}\n")
    if remove:
        (root.root / remove).unlink()
    planned, _ = default(root.boot(), menu_first=True)
    done = write_menu(root)
    assert done.returncode == 0, done.stderr
    with pytest.raises(OperationError) as error:
        default(root.boot())
    assert said in str(error.value)
    assert "the host must not be rebooted" in str(error.value)
    # and were the command of the plan ever run, it would refuse as well
    assert root.run(planned).returncode != 0


def test_a_failing_update_grub_refuses_the_reboot(root: BootRoot) -> None:
    root.tool("update-grub", "#!/bin/sh\necho 'cannot find a device for /' >&2\nexit 1\n")
    done = write_menu(root)
    assert done.returncode != 0
    assert "update-grub failed: the host must not be rebooted" in done.stderr


def test_menu_and_default_entry_are_on_the_disk_before_anybody_may_reboot(root: BootRoot) -> None:
    root.plant("etc/default/grub", DONE)
    root.tool("sync", f"#!/bin/sh\nls {root.root}/boot/grub >>{root.root}/synced\n")
    write_menu(root)
    command, _ = default(root.boot())
    assert root.run(command).returncode == 0
    assert (root.root / "synced").read_text().split() == ["grub.cfg", "grub.cfg", "grubenv"]


def test_a_menu_that_cannot_reach_the_disk_refuses_the_reboot(root: BootRoot) -> None:
    root.plant("etc/default/grub", DONE)
    root.tool("sync", SICK_DISK)
    written = write_menu(root)
    command, _ = default(root.boot())
    for done in (written, root.run(command)):
        assert (done.returncode, done.stderr.strip()) == (1, "sync: Input/output error")


def test_the_default_entry_is_set_by_name_and_read_back(root: BootRoot) -> None:
    root.plant("etc/default/grub", DONE)
    write_menu(root)
    command, _ = default(root.boot())
    done = root.run(command)
    assert done.returncode == 0, done.stderr
    assert root.boot().saved_entry == entry(NEW).path
    assert default(root.boot())[0] is None


def test_a_default_entry_that_does_not_stick_refuses_the_reboot(root: BootRoot) -> None:
    root.plant("etc/default/grub", DONE)
    write_menu(root)
    root.tool("grub-set-default", "#!/bin/sh\nexit 0\n")
    root.plant("boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=other\n")
    command, _ = default(root.boot())
    done = root.run(command)
    assert done.returncode != 0
    assert "does not read back" in done.stderr


def test_the_command_of_a_plan_without_an_entry_sets_nothing(root: BootRoot) -> None:
    command, _ = default(root.boot(), "9.9.9-generic", menu_first=True)
    done = root.run(command)
    assert done.returncode != 0
    assert "no menu entry is known: the host must not be rebooted" in done.stderr
    assert not (root.root / "boot/grub/grubenv").exists()


Why = list[tuple[str, str | None, str | None]]


def why(operation: Any, given: dict[Any, Any], **arguments: Any) -> Why:
    found = reasons(operation, given, **arguments)
    return [(each.what, each.expected, each.seen) for each in found.differences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, [("kernel command line", WANTED.present[0], None), ("GRUB_DEFAULT", "saved", "0")]),
        (
            DONE.replace("disable_display=1", "disable_display=0"),
            [("kernel command line", WANTED.present[0], "xe.disable_display=0")],
        ),
        (DONE.replace("splash", "nomodeset"), [("kernel command line", None, "nomodeset")]),
        (DONE.replace("GRUB_DEFAULT=saved\n", ""), [("GRUB_DEFAULT", "saved", None)]),
        (
            DONE.replace("=saved", "=$(cat /etc/choice)"),
            [("GRUB_DEFAULT", "saved", "$(cat /etc/choice)")],
        ),
    ],
)
def test_an_edit_of_grubs_settings_names_each_token_and_setting(text: str, expected: Why) -> None:
    assert why(grub_defaults, facts(text), cmdline=WANTED, settings=SAVED) == expected


LINE = "kernel command line in the menu"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(PLAIN), ("menu", f"younger than {DEFAULTS}", "the file is written first")),
        (facts(menu_mtime=MADE - 1), ("menu", f"younger than {DEFAULTS}", "older")),
        (facts(state=boot(entries=ABSENT)), ("menu", f"one that boots {NEW}", None)),
        (
            facts(state=boot(entries=(entry(OLD),))),
            (f"menu entry of {NEW}", "one that loads it", None),
        ),
        (facts(state=boot(entries=(entry(NEW, ("quiet",)),))), (LINE, WANTED.present[0], None)),
        (
            facts(state=boot(entries=(entry(NEW, (*TOKENS, "nomodeset")),) * 2)),
            (LINE, None, "nomodeset"),
        ),
        (
            facts(state=boot(entries=(entry(NEW, initrds=()),))),
            ("initial RAM disk in the menu", f"initrd.img-{NEW}", None),
        ),
    ],
)
def test_a_menu_that_is_written_anew_names_what_the_old_one_lacks(
    given: dict[Any, Any], expected: Any
) -> None:
    wanted: dict[str, Any] = {"release": NEW, "cmdline": WANTED, "settings": SAVED}
    assert why(grub_menu, given, **wanted, update=UPDATE) == [expected]


def test_a_new_default_entry_names_both_releases_or_the_entry_that_means_none() -> None:
    def told(saved: str) -> Why:
        top = entry(NEW, path="gnulinux-simple-6f0b")
        state = boot(entries=(top, entry(NEW), entry(OLD)), saved=saved)
        return why(grub_default, {Boot: state}, release=NEW, cmdline=WANTED)

    assert told(entry(OLD).path) == [("default entry", NEW, OLD)]
    assert told("gnulinux-simple-6f0b") == [("default entry", NEW, "gnulinux-simple-6f0b")]
    assert told("") == [("default entry", NEW, None)]


def test_stock_pyinfra_prepares_a_default_entry_that_an_earlier_resource_will_make() -> None:
    with stub_host({Boot: boot(entries=())}) as stub:
        setattr(stub.host.data, PLANNER, None)
        (command,) = grub_default._inner(release=NEW, cmdline=WANTED)
        assert "the entry of" in command.shown
        stub.state.is_executing = True
        with pytest.raises(OperationError, match="the host must not be rebooted"):
            list(grub_default._inner(release=NEW, cmdline=WANTED))
