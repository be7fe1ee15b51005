"""Every branch of files, folders, links: real deltas, a reason when in sync, never UNKNOWN."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.secret import Secret
from facts.system.files import HASH_LIMIT, TOO_LONG, FileState
from facts.value import ABSENT, Unknown
from operations.files.file import absent, directory, file, link
from operations.files.filewrite import FileWrite
from tests.unit.base_facts import stat
from tests.unit.pyinfra_harness import reasons, run_operation, stub_host

PATH = "/etc/x.conf"


def test_a_file_in_sync_yields_nothing_and_says_why() -> None:
    commands, noops = run_operation(file, {FileState: stat()}, path=PATH, content="a=1\n")
    assert (commands, noops) == ([], ["content, mode 0644 and owner root:root are as declared"])


@pytest.mark.parametrize("found", [ABSENT, stat(content=b"b"), stat("link", target="/y")])
def test_another_content_is_written_whole(found: object) -> None:
    with stub_host({FileState: found}):
        commands = list(file._inner(path=PATH, content="a=1\n", mode="0600"))
    assert len(commands) == 1
    assert isinstance(commands[0], FileWrite)
    assert commands[0].arguments[:4] == (PATH, "0600", "root", "root")


def test_only_what_differs_is_repaired() -> None:
    for state, expected in (
        (stat(mode="0666"), ["chmod -- 0644 /etc/x.conf"]),
        (stat(user="bob"), ["chown -h -- root:root /etc/x.conf"]),
        (
            stat(group="bob", mode="0666"),
            ["chown -h -- root:root /etc/x.conf", "chmod -- 0644 /etc/x.conf"],
        ),
    ):
        assert run_operation(file, {FileState: state}, path=PATH, content="a=1\n") == (expected, [])


def test_a_secret_makes_the_file_sensitive() -> None:
    with stub_host({FileState: ABSENT}):
        (command,) = file._inner(path=PATH, content=Secret("s3cret"))
    assert command.sensitive
    assert command.content == b"s3cret"
    assert "s3cret" not in str(command)


@pytest.mark.parametrize(
    "state", [Unknown("no answer"), stat(sha256=Unknown("not readable by this user"))]
)
def test_nothing_is_written_on_unknown(state: object) -> None:
    with pytest.raises(OperationError, match="UNKNOWN"):
        run_operation(file, {FileState: state}, path=PATH, content="a=1\n")


def test_a_file_too_long_to_be_read_is_replaced_and_one_that_long_cannot_be_declared() -> None:
    longer = stat(sha256=TOO_LONG, size=HASH_LIMIT + 1)
    with stub_host({FileState: longer}):
        (command,) = file._inner(path=PATH, content="a=1\n")
    assert command.content == b"a=1\n"
    with pytest.raises(OperationError, match="67108864 are possible"):
        run_operation(file, {FileState: ABSENT}, path=PATH, content="a" * (HASH_LIMIT + 1))


def test_a_directory_in_the_way_is_refused_not_removed() -> None:
    for operation, kwargs in ((file, {"content": ""}), (link, {"target": "/y"}), (absent, {})):
        with pytest.raises(OperationError, match="directory"):
            run_operation(operation, {FileState: stat("directory")}, path=PATH, **kwargs)


def test_directory_is_made_repaired_or_left() -> None:
    made = run_operation(directory, {FileState: ABSENT}, path="/srv/x", mode="0750", user="b70")
    assert made == (["install -d -m 0750 -o b70 -g root -- /srv/x"], [])
    repaired = run_operation(directory, {FileState: stat("directory", mode="0700")}, path="/srv/x")
    assert repaired == (["chmod -- 0755 /srv/x"], [])
    left = run_operation(directory, {FileState: stat("directory", mode="0755")}, path="/srv/x")
    assert left == ([], ["mode 0755 and owner root:root are as declared"])


def test_link_is_replaced_atomically() -> None:
    commands, _ = run_operation(
        link, {FileState: stat("link", target="/old")}, path="/x", target="/a b"
    )
    assert commands == ["ln -sfn -- '/a b' /x.b70fleet-new && mv -fT -- /x.b70fleet-new /x"]
    assert run_operation(link, {FileState: stat("link", target="/y")}, path="/x", target="/y") == (
        [],
        ["points to /y"],
    )


def test_absent_removes_files_and_links_only() -> None:
    assert run_operation(absent, {FileState: ABSENT}, path="/x") == ([], ["is not there"])
    assert run_operation(absent, {FileState: stat("link")}, path="/x") == (["rm -f -- /x"], [])


def told(operation: Any, **arguments: Any) -> list[tuple[str, str | None, str | None]]:
    state = arguments.pop("state")
    found = reasons(operation, {FileState: state}, path=PATH, **arguments)
    return [(item.what, item.expected, item.seen) for item in found.differences]


def test_a_change_of_a_path_says_what_was_there_and_what_will_be() -> None:
    assert told(file, state=ABSENT, content="a=1\n") == [
        ("file", "4 bytes, mode 0644, root:root", None)
    ]
    wide = stat(content=b"b", mode="0777", user="bob")
    assert told(file, state=wide, content="a=1\n") == [
        ("content", "4 bytes, sha256 fe3209d6", "1 byte, sha256 3e23e816"),
        ("owner", "root:root", "bob:root"),
        ("mode", "0644", "0777"),
    ]
    to = stat("link", target="/tmp/x")
    assert told(file, state=to, content="a=1\n") == [("kind", "file", "link to /tmp/x")]
    assert told(link, state=to, target="/opt/y") == [("target", "/opt/y", "/tmp/x")]
    assert told(absent, state=to) == [("link", None, "link to /tmp/x")]
    wide = stat("directory", mode="0777", user="bob", group="bob")
    assert told(directory, state=wide) == [
        ("owner", "root:root", "bob:bob"),
        ("mode", "0755", "0777"),
    ]


def test_why_a_secret_file_changes_tells_nothing_of_it() -> None:
    found = told(file, state=stat(content=b"b"), content=Secret("s3cret"))
    assert found == [("content", "as declared", "another")]
