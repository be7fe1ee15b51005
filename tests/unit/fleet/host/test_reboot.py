"""A reboot is proven by boot_id: slow shutdowns, refusals and silence are all just waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fleet.base.errors import Unreachable
from fleet.host import reboot as module
from fleet.host.reboot import DidNotReturn, RebootNotStarted, reboot
from fleet.host.refusal import SudoRefused
from fleet.host.session import Output


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Host:
    """A session whose attempts to connect end as a script says: a boot_id, or None for "down"."""

    def __init__(
        self, script: list[str | None], silence: Callable[[float], None] = lambda seconds: None
    ) -> None:
        self._script: Iterator[str | None] = iter(script)
        self._silence = silence
        self.patience: list[float] = []
        self.boot = "old"
        self.open = True
        self.programs: list[str] = []

    def connect(self, patience_s: float) -> None:
        self.patience.append(patience_s)
        self._silence(patience_s)
        boot = next(self._script, None)
        if boot is None:
            raise Unreachable("connection refused")
        self.boot, self.open = boot, True

    def close(self) -> None:
        self.open = False

    def run(self, program: str, *, deadline_s: float) -> Output:
        self.programs.append(program)
        return Output(0, f"{self.boot}\n".encode() if "boot_id" in program else b"", b"")


def test_another_boot_id_ends_the_wait() -> None:
    host = Host([None, None, "new"])
    assert reboot(host, "rig", deadline_s=900) == "new"  # type: ignore[arg-type]
    assert host.open


def test_a_slow_shutdown_that_still_answers_is_no_failure(clock: Clock) -> None:
    host = Host(["old", "old", "old", "old", None, None, "new"])
    assert reboot(host, "rig", deadline_s=900) == "new"  # type: ignore[arg-type]
    assert clock.now > 10


def test_a_sudo_that_does_not_work_yet_is_waited_for() -> None:
    class Early(Host):
        refused = 2

        def run(self, program: str, *, deadline_s: float) -> Output:
            if self.boot == "new" and self.refused:
                self.refused -= 1
                raise SudoRefused("rig-a: sudo refused rig")
            return super().run(program, deadline_s=deadline_s)

    host = Early(["new", "new", "new"])
    assert reboot(host, "rig-a", deadline_s=600) == "new"  # type: ignore[arg-type]
    assert host.refused == 0


def test_nothing_is_open_while_the_host_is_down() -> None:
    host = Host([None, "new"])
    seen: list[bool] = []
    reboot(host, "rig", deadline_s=900, waiting=lambda left: seen.append(host.open))  # type: ignore[arg-type]
    assert seen
    assert not any(seen)


def test_a_host_that_stays_away_is_unreachable_within_the_deadline(clock: Clock) -> None:
    with pytest.raises(DidNotReturn, match="within 300 s"):
        reboot(Host([]), "rig", deadline_s=300)  # type: ignore[arg-type]
    assert clock.now == pytest.approx(300)


def test_a_host_that_swallows_every_packet_is_knocked_at_shortly_and_never_past_the_deadline(
    clock: Clock,
) -> None:
    host = Host([], silence=clock.sleep)
    with pytest.raises(DidNotReturn):
        reboot(host, "rig", deadline_s=100)  # type: ignore[arg-type]
    assert clock.now == pytest.approx(100)
    assert len(host.patience) > 3
    assert max(host.patience) <= module.ATTEMPT_S


def test_a_host_that_never_went_down_is_told_apart() -> None:
    with pytest.raises(RebootNotStarted, match="same boot"):
        reboot(Host(["old"] * 1000), "rig", deadline_s=60)  # type: ignore[arg-type]
