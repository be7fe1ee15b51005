"""What a plan shows: expanded commands, real diffs, cost, never a secret."""

from __future__ import annotations

from typing import Any

from pyinfra.api import StringCommand
from pyinfra.api.command import PyinfraCommand

from facts.value import ABSENT, Unknown
from fleet.model.plan import Resource, ResourceStatus
from fleet.run.describe import change, cost, fingerprint, resource
from fleet.run.planner import PlannedOp
from operations.files.filewrite import FileWrite


def plain(text: str) -> str:
    return text


def op(*commands: PyinfraCommand, **kwargs: Any) -> PlannedOp:
    return PlannedOp("base", "File[/etc/x]", commands=list(commands), **kwargs)


def write(content: bytes, sensitive: bool = False) -> FileWrite:
    return FileWrite("/etc/x", content, mode="0644", user="root", group="root", sensitive=sensitive)


def test_a_write_shows_a_unified_diff_against_the_live_file() -> None:
    shown = change(write(b"a=1\nb=3\n"), {"/etc/x": b"a=1\nb=2\n"}, plain)
    assert shown.kind == "write"
    assert shown.diff.splitlines() == [
        "--- live:/etc/x",
        "+++ want:/etc/x",
        "@@ -1,2 +1,2 @@",
        " a=1",
        "-b=2",
        "+b=3",
    ]


def test_a_new_file_is_compared_with_nothing() -> None:
    diff = change(write(b"a=1"), {"/etc/x": ABSENT}, plain).diff
    assert diff.startswith("--- /dev/null\n")
    assert diff.endswith("+a=1\n\\ No newline at end of file\n")


def test_a_sensitive_write_shows_neither_side() -> None:
    shown = change(write(b"password=hunter2", sensitive=True), {"/etc/x": b"password=old"}, plain)
    assert "hunter2" not in shown.model_dump_json()
    assert "old" not in shown.model_dump_json()


def test_bytes_that_are_not_text_are_named_not_printed() -> None:
    assert change(write(b"\xff\xfe"), {"/etc/x": b"abc"}, plain).diff == "(binary, 3 -> 2 bytes)"


def test_a_package_is_binary_although_its_bytes_happen_to_be_utf8() -> None:
    """NUL is valid UTF-8; a terminal that gets an archive is no diff."""
    shown = change(write(b"!<arch>\ncontrol\x00\x00"), {"/etc/x": ABSENT}, plain)
    assert shown.diff == "(binary, 0 -> 17 bytes)"


def test_a_live_file_that_cannot_be_read_says_why() -> None:
    shown = change(write(b"x"), {"/etc/x": Unknown("too large for a diff")}, plain)
    assert shown.diff == "(no diff: too large for a diff)"


def test_every_text_passes_the_redactor() -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "*****")

    shown = resource(op(StringCommand("echo hunter2"), noops=["is hunter2"]), {}, mask)
    assert "hunter2" not in shown.model_dump_json()


def test_status_follows_from_commands_and_condition() -> None:
    assert resource(op(), {}, plain).status is ResourceStatus.IN_SYNC
    assert resource(op(StringCommand("x")), {}, plain).status is ResourceStatus.CHANGE
    late = resource(op(StringCommand("x"), conditional=True), {}, plain)
    assert late.status is ResourceStatus.CONDITIONAL


def test_cost_names_restarts_and_reboots_and_uses_this_hosts_own_history() -> None:
    resources = [
        resource(op(StringCommand("systemctl restart systemd-journald.service")), {}, plain),
        resource(op(StringCommand("systemctl reboot")), {}, plain),
    ]
    found = cost(resources, {"File[/etc/x]": 90.0})
    assert found.changes == 2
    assert found.restarts == ["systemd-journald.service"]
    assert found.reboots == 1
    assert found.minutes == 3.0


def test_a_fingerprint_moves_with_what_would_be_done_and_why() -> None:
    base = Resource(layer="base", name="X", status=ResourceStatus.IN_SYNC, why=["is 1"])
    assert fingerprint(base) == fingerprint(base.model_copy(update={"seconds": 3.0}))
    assert fingerprint(base) != fingerprint(base.model_copy(update={"why": ["is 2"]}))
