"""GRUB's settings in a drop-in of our own, and the tokens of an earlier version that go."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.boot.loader import Boot
from facts.system.files import FileState, FileText
from facts.value import ABSENT, Unknown
from operations.boot.grub_settings import content, grub_settings, old_tokens
from operations.files.filewrite import FileWrite
from tests.unit.base_facts import files, stat
from tests.unit.boot_facts import boot
from tests.unit.pyinfra_harness import run_operation, stub_host

DEFAULTS = "/etc/default/grub"
OURS = "/etc/default/grub.d/zz-b70fleet.cfg"
SETTINGS = {"GRUB_DEFAULT": "saved", "GRUB_TIMEOUT": "5"}
VARIABLE = "GRUB_CMDLINE_LINUX_DEFAULT"
TEXT = f'GRUB_DEFAULT=0\n{VARIABLE}="quiet xe.disable_display=1 splash"\n'
WRITTEN = ("xe.disable_display=1", "iommu=pt")


def settings(state: Any, answers: Any = None) -> tuple[list[str], list[str]]:
    return run_operation(
        grub_settings,
        {Boot: state, FileState: answers or files(), FileText: ABSENT},
        path=OURS,
        banner="ours",
        settings=SETTINGS,
    )


def test_the_drop_in_is_read_by_a_shell_as_it_was_meant() -> None:
    text = content("ours", {**SETTINGS, "GRUB_BADRAM": "0x1,0x2 a"})
    assert text.startswith("# ours\n")
    script = text + 'printf "%s|" "$GRUB_DEFAULT" "$GRUB_TIMEOUT" "$GRUB_BADRAM"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "saved|5|0x1,0x2 a|"


def test_settings_are_one_file_and_a_file_that_is_right_is_left_alone() -> None:
    assert settings(boot())[0] == [f"write {OURS}"]
    right = files(**{OURS: stat(content=content("ours", SETTINGS).encode())})
    assert settings(boot(), right)[0] == []


def test_a_drop_in_that_is_sourced_later_and_takes_a_setting_away_is_named_with_its_line() -> None:
    later = {"/etc/default/grub.d/zzz.cfg": "A=1\nGRUB_DEFAULT=0\n"}
    with pytest.raises(OperationError) as error:
        settings(boot(drop_ins=later))
    said = str(error.value)
    assert said.startswith("/etc/default/grub.d/zzz.cfg:2 sets GRUB_DEFAULT to 0 after")
    assert "rename the file so that it sorts before" in said


@pytest.mark.parametrize(
    "drop_ins",
    [
        {"/etc/default/grub.d/50-cloud.cfg": "GRUB_DEFAULT=0\n"},
        {"/etc/default/grub.d/zzz.cfg": "GRUB_DEFAULT=saved\nGRUB_TERMINAL=serial\n"},
        {DEFAULTS: "GRUB_DEFAULT=0\n"},
    ],
    ids=["earlier", "the same", "the main file"],
)
def test_a_file_that_takes_nothing_away_is_no_obstacle(drop_ins: dict[str, str]) -> None:
    assert settings(boot(drop_ins=drop_ins))[0] == [f"write {OURS}"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Unknown("timeout"), "what GRUB is set to is UNKNOWN: timeout"),
        (boot(denied=("/etc/default/grub.d/s.cfg",)), "s.cfg cannot be read"),
    ],
)
def test_no_setting_is_written_on_unknown_ground(state: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        settings(state)


def tokens(
    text: Any = TEXT, written: tuple[str, ...] = WRITTEN, state: Any = None
) -> tuple[list[Any], list[str]]:
    given = {
        FileState: lambda path: stat() if state is None else state,
        FileText: lambda path: text.encode() if isinstance(text, str) else text,
    }
    with stub_host(given) as stub:
        return list(old_tokens._inner(variable=VARIABLE, written=written)), stub.noops


def test_what_an_earlier_version_wrote_leaves_the_file_and_every_other_byte_stays() -> None:
    (write,), _ = tokens(state=stat(mode="0640", group="adm"))
    assert isinstance(write, FileWrite)
    assert write.content.decode() == TEXT.replace(" xe.disable_display=1", "")
    assert write.arguments[1:4] == ("0640", "root", "adm")


def test_a_token_that_nobody_has_on_record_is_the_persons() -> None:
    mine = TEXT.replace("xe.disable_display=1", "nomodeset")
    assert tokens(mine) == ([], ["no token there is ours"])
    assert tokens(written=()) == ([], ["no token there is ours"])


def test_another_value_of_a_token_on_record_is_the_persons() -> None:
    assert tokens(TEXT.replace("display=1", "display=0"))[0] == []


def test_a_host_without_that_file_has_no_old_tokens() -> None:
    assert tokens(state=ABSENT)[0] == []
    assert tokens(state=stat("link"))[0] == []


@pytest.mark.parametrize(
    ("found", "gone"),
    [
        ("xe.disable_display=1", ["xe.disable_display=1"]),
        ("xe.disable-display=1", ["xe.disable-display=1"]),
        ("iommu=pt xe.disable_display=1", ["iommu=pt", "xe.disable_display=1"]),
        # what only begins like one of ours stays
        ("xe.disable_display=1 iommu=pt2", ["xe.disable_display=1"]),
    ],
)
def test_each_token_that_goes_is_named_and_no_other(found: str, gone: list[str]) -> None:
    text = TEXT.replace("xe.disable_display=1", found)
    given = {FileState: lambda path: stat(), FileText: lambda path: text.encode()}
    with stub_host(given) as stub:
        assert list(old_tokens._inner(variable=VARIABLE, written=WRITTEN))
        told = [(each.what, each.expected, each.seen) for each in stub.told.differences]
    assert told == [("kernel command line of every entry", None, token) for token in gone]


def test_a_file_that_somebody_edits_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (write,), _ = tokens()
    live = tmp_path / "grub"
    check = write.arguments[5].replace(DEFAULTS, str(live))
    for text, accepted in ((TEXT, True), (TEXT + "GRUB_TIMEOUT=9\n", False)):
        live.write_text(text)
        (tmp_path / "new").write_text(TEXT)
        done = subprocess.run(
            ["sh", "-c", check], env={"B70_FILE": str(tmp_path / "new"), "PATH": "/bin:/usr/bin"}
        )
        assert (done.returncode == 0) is accepted
    assert hashlib.sha256(TEXT.encode()).hexdigest() in check


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        (Unknown("too large"), None, "content of /etc/default/grub is UNKNOWN: too large"),
        (ABSENT, None, "a boot set needs GRUB"),
        (b"\xff", None, "not UTF-8"),
        (f'{VARIABLE}="\n', None, "cannot be edited safely"),
        (TEXT, Unknown("timeout"), "state of /etc/default/grub is UNKNOWN: timeout"),
    ],
)
def test_no_token_is_taken_out_on_unknown_ground(text: Any, state: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        tokens(text, state=state)
