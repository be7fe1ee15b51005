"""`b70 bootstrap` as it is typed: who is asked what, and the next step for every refusal."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock, patch

import pytest
from typer.testing import CliRunner, Result

from facts.system.identity import Identity
from fleet.base import logfile
from fleet.base.exitcodes import ExitCode
from fleet.cli.app import app
from fleet.first import bootstrap as steps
from fleet.first.keyline import fingerprint
from tests.unit.fleet.first.stub_host import StubHost, key_line, key_pair

OLD = key_line(b"before it was reinstalled")
Call = Callable[..., Result]


@pytest.fixture
def host(tmp_path: Path) -> StubHost:
    return StubHost(tmp_path / "host")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_pair(tmp_path)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "hosts.yaml").write_text("hosts:\n")
    return folder


@pytest.fixture
def b70(tmp_path: Path, fleet: Path, host: StubHost, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return the command line; the one host that can be met is the stub."""
    monkeypatch.setattr(steps, "batch_facts", lambda: {"identity": Identity})

    def call(*words: str, typed: str | None = None) -> Result:
        environ = {"B70_STATE": str(tmp_path / "state"), "NO_COLOR": "1", "B70_INVENTORY": ""}
        with patch("fleet.host.ssh.SshSession", host.way):
            try:
                return CliRunner().invoke(app, ["-i", str(fleet), *words], input=typed, env=environ)
            finally:
                logfile.stop()

    return call


def next_step(result: Result) -> list[str]:
    """Return the words of the first next step behind `b70`."""
    line = next(line for line in result.stderr.splitlines() if "next: " in line)
    words = shlex.split(line.partition("next: ")[2], comments=True)
    assert words[0] == "b70"
    return words[1:]


def test_a_next_step_without_a_question_can_be_typed_as_it_stands(
    b70: Call, host: StubHost, key: Path
) -> None:
    words = ("bootstrap", "rig-a", "--address", "192.0.2.9", "--login", "root", "--key", str(key))
    refused = b70("--no-input", *words)
    assert refused.exit_code == ExitCode.REFUSED
    assert fingerprint(host.key_line) in refused.stderr
    assert host.sent == []
    assert b70("--no-input", *next_step(refused)[2:]).exit_code == ExitCode.CLEAN
    assert host.accounts() == ["b70fleet"]


def test_pins_that_change_are_shown_as_fingerprints_side_by_side(
    b70: Call, host: StubHost, key: Path, fleet: Path
) -> None:
    (fleet / "hosts.yaml").write_text(
        f"hosts:\n  rig-a:\n    address: 192.0.2.9\n    key: {key}\n"
        f"    identity: {{host_keys: [{OLD}], machine_id: {'f' * 32}}}\n"
    )
    unasked = b70("bootstrap", "rig-a")
    assert unasked.exit_code == ExitCode.REFUSED
    again = b70(*next_step(unasked)[2:], typed="y\n")
    assert again.exit_code == ExitCode.CLEAN, again.stderr
    assert f"shows {fingerprint(host.key_line)}" in again.stderr
    assert f"pinned until now: {fingerprint(OLD)}" in again.stderr
    assert f"machine-id was {'f' * 32}, is 0123456789abcdef" in again.stderr
    assert host.accounts() == [], "root is in the inventory"


@pytest.mark.parametrize("typed", [None, ""], ids=["no-input", "nobody"])
@pytest.mark.parametrize("option", ["--ask-pass", "--ask-sudo-pass"])
def test_a_password_that_nobody_types_is_a_refusal(
    b70: Call, key: Path, option: str, typed: str | None
) -> None:
    words = ["bootstrap", "rig-a", "--address", "192.0.2.9", "--login", "rig", "--key", str(key)]
    before = ["--no-input"] if typed is None else []
    result = b70(*before, *words, option, typed=typed)
    assert result.exit_code == ExitCode.REFUSED
    assert "Warning" not in result.stderr
    assert f"--login rig --key {key} {option}" in result.stderr


def test_a_password_may_come_from_a_pipe(b70: Call, key: Path) -> None:
    words = ["bootstrap", "rig-a", "--address", "192.0.2.9", "--key", str(key), "--ask-pass"]
    assert b70(*words, typed="secret word\ny\n").exit_code == ExitCode.CLEAN


def test_the_inventory_s_sudo_password_is_the_one_of_its_user(
    b70: Call, host: StubHost, key: Path, fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIG_SUDO", "secret word")
    (fleet / "hosts.yaml").write_text(
        f"hosts:\n  rig-a:\n    {{address: 192.0.2.9, user: rig, key: {key},\n"
        "      sudo_password: env:RIG_SUDO}\n"
    )
    result = b70("bootstrap", "rig-a", typed="y\n")
    assert result.exit_code == ExitCode.CLEAN, result.stderr
    assert host.passwords == ["secret word", "secret word"]
    assert "secret word" not in result.output


def test_a_host_without_a_machine_id_is_pinned_by_its_key_and_that_is_said(
    b70: Call, host: StubHost, key: Path
) -> None:
    (host.root / "etc" / "machine-id").unlink()
    result = b70("bootstrap", "rig-a", "--address", "192.0.2.9", "--key", str(key), typed="y\n")
    assert result.exit_code == ExitCode.CLEAN, result.stderr
    assert "no machine-id" in result.stderr


@pytest.mark.parametrize("where", ["the password", "the key"])
def test_ctrl_c_at_a_question_is_called_an_interruption(b70: Call, key: Path, where: str) -> None:
    words = ["bootstrap", "rig-a", "--address", "192.0.2.9", "--key", str(key)]
    more = ["--ask-pass"] if where == "the password" else []
    stdin = Mock(isatty=lambda: False, readline=Mock(side_effect=KeyboardInterrupt))
    with patch("fleet.cli.ask.sys", Mock(stdin=stdin)):
        result = b70(*words, *more)
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "unreachable" not in result.stderr


def test_a_bootstrap_stands_in_the_history_with_what_it_made(b70: Call, key: Path) -> None:
    b70("bootstrap", "rig-a", "--address", "192.0.2.9", "--key", str(key), typed="y\n")
    listed = b70("history", "--host", "rig-a").stdout
    assert "bootstrap" in listed
    assert "1 done (exit 0)" in listed
    shown = b70("history", "show", listed.splitlines()[1].split()[0]).stdout
    assert "~ Account[b70fleet]" in shown
    assert "~ Pins[rig-a]" in shown


def test_a_fleet_without_hosts_is_pointed_to_bootstrap(b70: Call) -> None:
    assert next_step(b70("plan"))[:1] == ["bootstrap"]
