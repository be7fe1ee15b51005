"""A session to this very machine: real programs, real facts, no SSH."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from facts.base import HostFact, wrap
from facts.system.os_release import OsRelease
from facts.value import Unknown
from fleet.config import load
from fleet.host.cache import FactCache
from fleet.host.keys import FactKey, fact_key
from fleet.host.local import LocalSession, locally
from fleet.host.session import CommandTimeout
from fleet.host.shell import STDOUT_BYTES, Shell
from fleet.model.plan import HostState
from fleet.run import order
from fleet.run.engine import Engine


class Say(HostFact[str]):
    def command(self, text: str, probe_root: str = "") -> str:  # type: ignore[override]
        return wrap(text, 20)

    def parse(self, text: str) -> str:
        return text


def say(text: str) -> FactKey:
    return fact_key(Say, {"text": text})


@pytest.fixture
def session() -> LocalSession:
    return LocalSession("here", Shell())


def test_a_program_gets_nothing_of_the_controllers_environment(
    session: LocalSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    output = session.run("env; exit 3", deadline_s=20)
    assert output.status == 3
    assert b"PYTHONPATH" not in output.stdout
    assert b"HOME=/" in output.stdout
    assert session.execs == 1


def test_a_program_that_cannot_be_ended_is_given_up(
    session: LocalSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.host.local.GRACE_S", -5.0)
    with pytest.raises(CommandTimeout, match="here: no answer within 6 s"):
        session.run("sleep 60", deadline_s=6)


def test_a_fact_that_prints_too_much_spoils_only_itself_and_costs_the_rest_one_exec(
    session: LocalSession,
) -> None:
    keys = [
        say("echo before"),
        say(f"head -c {STDOUT_BYTES + 1} /dev/zero | tr '\\0' x"),
        say("echo after"),
        say("echo last"),
    ]
    cache = FactCache(session)
    cache.fetch(keys)
    values = [cache.value(key) for key in keys]
    assert (values[0], values[2:]) == ("before", ["after", "last"])
    assert values[1] == Unknown("more than 8 MiB of output")
    assert session.execs == 2


def test_the_engine_reads_the_machine_that_it_runs_on(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text("hosts: {here: {address: 192.0.2.1, user: root}}\n")
    fleet = load(tmp_path, {})
    wanted = order.read(only=["os", "kernel"])
    (visit,) = Engine(fleet, way=locally).run([fleet.hosts["here"]], wanted).visits
    assert (visit.result.state, visit.result.error) == (HostState.READ, "")
    found = visit.readings[OsRelease]
    assert not isinstance(found, Unknown)
    assert found.id == platform.freedesktop_os_release()["ID"]
