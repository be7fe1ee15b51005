"""What a plan shows: expanded commands, real diffs, cost, never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.api.command import PyinfraCommand

from facts.value import ABSENT, Unknown
from fleet.model.plan import Action, Resource, ResourceStatus
from fleet.run.describe import change, cost, fingerprint, resource
from fleet.run.planner import PlannedOp
from operations.files.filewrite import FileWrite
from operations.operation import Difference as Seen

#: Units that serve.
GLOBS = ("vllm*.service",)


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
    unit = {"systemd-journald.service": "its file is newer"}
    resources = [
        resource(op(StringCommand("x"), restarts=unit, downloads=5), {}, plain),
        resource(op(StringCommand("y"), downloads=7), {}, plain),
        resource(op(downloads=Unknown("not asked"), restarts={"idle.service": "never"}), {}, plain),
    ]
    found = cost(resources, {"File[/etc/x]": 90.0}, gpus=4, serving_units=GLOBS, reboots=0)
    assert (found.changes, found.download, found.minutes) == (2, 12, 3.0)
    assert (found.restarts, found.gpus_out) == (["systemd-journald.service"], 0)


@pytest.mark.parametrize(
    ("restarts", "reboots", "out"),
    [
        ({"vllm.service": "newer"}, 0, 4),
        ({"ssh.service": "newer"}, 1, 4),
        ({"ssh.service": "newer"}, 0, 0),
    ],
)
def test_every_gpu_is_out_while_the_host_boots_or_what_serves_restarts(
    restarts: dict[str, str], reboots: int, out: int
) -> None:
    changing = [resource(op(StringCommand("x"), restarts=restarts), {}, plain)]
    found = cost(changing, {}, gpus=4, serving_units=GLOBS, reboots=reboots)
    assert (found.gpus_out, found.reboots) == (out, reboots)


def test_a_download_of_unknown_size_makes_the_sum_unknown() -> None:
    sizes = [resource(op(StringCommand("x"), downloads=n), {}, plain) for n in (3, Unknown("no"))]
    assert cost(sizes, {}, gpus=1, serving_units=(), reboots=0).download is None


@pytest.mark.parametrize(
    ("pairs", "action"),
    [
        ([("file", "a", None)], Action.CREATE),
        ([("file", None, "a")], Action.REMOVE),
        ([("mode", "a", "b")], Action.CHANGE),
        ([("x", "a", None), ("y", None, "b")], Action.CHANGE),
        ([], Action.CHANGE),
    ],
)
def test_what_a_resource_does_follows_from_its_differences(
    pairs: list[tuple[str, str | None, str | None]], action: Action
) -> None:
    found = resource(op(StringCommand("x"), differences=[Seen(*p) for p in pairs]), {}, plain)
    assert found.action is action


def test_a_fingerprint_moves_with_what_would_be_done_and_why() -> None:
    base = Resource(layer="base", name="X", status=ResourceStatus.IN_SYNC, why=["is 1"])
    assert fingerprint(base) == fingerprint(base.model_copy(update={"seconds": 3.0}))
    assert fingerprint(base) != fingerprint(base.model_copy(update={"why": ["is 2"]}))
