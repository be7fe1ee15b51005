"""Removing a named tree with the real tools: what is refused on the host, whatever was decided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operations.script import Script
from operations.storage.tree_absent import tree_absent
from tests.unit.private_host import PrivateHost, private_host

SRC = "/srv/src"
OLD = f"{SRC}/old"


@pytest.fixture
def host() -> Iterator[PrivateHost]:
    with private_host() as made:
        made.ok(f"mkdir -p {OLD}/deep && touch {OLD}/deep/file {SRC}/other")
        yield made


def command(host: PrivateHost) -> Script:
    """Return the command while nothing speaks against it yet."""
    (wanted,) = host.want(tree_absent, path=OLD, within=SRC)
    assert isinstance(wanted, Script)
    return wanted


def refused(host: PrivateHost, wanted: Script) -> str:
    done = host.sh(wanted.get_raw_value())
    assert done.returncode == 1
    assert "nothing was removed" in done.stderr
    return done.stderr


def test_a_tree_goes_and_its_neighbours_stay(host: PrivateHost) -> None:
    # a link inside is removed, what it leads to is not
    host.ok(f"ln -s {SRC}/other {OLD}/link")
    assert host.apply(tree_absent, path=OLD, within=SRC) == []
    assert host.ok(f"ls -A {SRC}") == "other\n"
    assert host.settled(tree_absent, path=OLD, within=SRC)


def test_a_tree_that_became_a_link_stays(host: PrivateHost) -> None:
    wanted = command(host)
    host.ok(f"mv {OLD} /srv/precious && ln -s /srv/precious {OLD}")
    assert "is a link" in refused(host, wanted)
    assert host.ok("ls /srv/precious") == "deep\n"


def test_a_directory_reached_through_a_link_is_left_alone(host: PrivateHost) -> None:
    wanted = command(host)
    host.ok(f"mv {SRC} /srv/real && ln -s /srv/real {SRC}")
    assert "reached through a link" in refused(host, wanted)
    assert host.ok("ls /srv/real/old") == "deep\n"


def test_a_mount_inside_stops_everything(host: PrivateHost) -> None:
    wanted = command(host)
    host.ok(f"mount -t tmpfs x {OLD}/deep && touch {OLD}/deep/inside")
    assert f"{OLD}/deep is a mount" in refused(host, wanted)
    assert host.ok(f"ls {OLD}/deep") == "inside\n"


def test_what_a_process_uses_stays(host: PrivateHost) -> None:
    wanted = command(host)
    host.ok(f"cd {OLD}/deep && (sleep 60 >/dev/null 2>&1 & echo $! >/run/pid)")
    try:
        assert f"{OLD}/deep" in refused(host, wanted)
    finally:
        host.ok("kill $(cat /run/pid)")
