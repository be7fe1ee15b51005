"""What a person is told to do about a failed command fits what it printed."""

from __future__ import annotations

import pytest

from fleet.run.remedy import next_step
from tests.next_steps import wrong_in

PATH = "/etc/sysctl.d/50-b70fleet.conf"


@pytest.mark.parametrize(
    ("said", "step"),
    [
        (
            "exit status 75: mv: cannot move: Operation not permitted; "
            f"{PATH} is immutable or append-only (----i---------e-------)",
            f"on the host, as root: chattr -ia {PATH}",
        ),
        (
            "exit status 72: mktemp: failed; /etc/a b is immutable or append-only (-----a--)",
            "on the host, as root: chattr -ia ",
        ),
        ("exit status 72: base64: write error", "make room on the host: df -h /etc/sysctl.d;"),
        ("mkdir: cannot create: No space left on device", "make room on the host: df -h "),
        ("mktemp: failed to create file: Read-only file system", "findmnt -T /etc/sysctl.d"),
        ("cp: error reading '/x': Input/output error", "the disk fails"),
    ],
)
def test_a_cause_that_the_text_proves_has_its_own_step(said: str, step: str) -> None:
    shown = next_step("rig-a", said, PATH)
    assert step in shown
    assert shown.endswith("; then: b70 converge --limit rig-a")
    assert wrong_in(shown, "rig-a") == ()


def test_an_unknown_cause_is_not_answered_by_the_same_command_alone() -> None:
    shown = next_step("rig-a", "exit status 1: something else")
    assert shown == "b70 converge --limit rig-a   # once what it says is mended"


def test_a_command_without_a_file_is_about_the_root() -> None:
    assert "df -h /;" in next_step("rig-a", "No space left on device")
