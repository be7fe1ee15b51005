"""Host settings around the cards: awake, without deep idle states, with capped power.

A simulated host has no hardware to set, so nothing is declared there.
"""

from __future__ import annotations

from declaration.settings import POWER_CAP_W, HostSettings
from deploys.base_paths import BANNER
from deploys.boot.wait import waits_for_boot
from deploys.layer import declaration, deploy
from deploys.settings_paths import (
    CPUIDLE,
    CPUIDLE_UNIT,
    KEEP_AWAKE,
    POWER_CAP,
    POWER_CAP_UNIT,
    RULE,
    TOOLS,
)
from deploys.templates import render
from operations.files.file import absent, directory, file
from operations.settings.live_setting import idle_states, power_caps
from operations.settings.runtime_pm import kept_awake
from operations.units.unit import unit


@deploy("host settings")
def host_settings() -> None:
    """Declare the host settings of the current host."""
    spec = declaration()
    if spec.probe_root:
        return
    declared = spec.settings
    awake = declared.keep_awake and bool(spec.hardware.cards)
    if awake or declared.cpuidle_off or declared.power_caps:
        directory(path=TOOLS, name=f"Directory[{TOOLS}]")
    _awake(wanted=awake)
    _idle(declared)
    # before the first boot set the running kernel may have no driver, and so no sensors
    _caps(declared, waits_for=waits_for_boot(spec) if declared.power_caps else ())


def _awake(*, wanted: bool) -> None:
    if not wanted:
        for path in (RULE, KEEP_AWAKE):
            absent(path=path, name=f"File[{path}]")
        return
    _script(KEEP_AWAKE, render("settings/keep-awake.sh.j2", banner=BANNER))
    file(
        path=RULE,
        content=render("settings/runtime-pm.rules.j2", banner=BANNER, program=KEEP_AWAKE),
        name=f"File[{RULE}]",
    )
    kept_awake(name="PowerControl[cards]")


def _idle(declared: HostSettings) -> None:
    states = declared.cpuidle_off
    if states:
        _script(CPUIDLE, render("settings/cpuidle.sh.j2", banner=BANNER))
    _oneshot(
        CPUIDLE_UNIT,
        CPUIDLE,
        "Turn deep processor idle states off",
        f"off {' '.join(map(str, states))}" if states else "",
    )
    if states:
        idle_states(states=states, service=CPUIDLE_UNIT.rpartition("/")[2], name="IdleStates[off]")


def _caps(declared: HostSettings, *, waits_for: tuple[str, ...]) -> None:
    caps = declared.power_caps
    if caps:
        low, high = POWER_CAP_W
        _script(POWER_CAP, render("settings/power-cap.sh.j2", banner=BANNER, low=low, high=high))
    words = " ".join(f"{bdf}={watts}" for bdf, watts in sorted(caps.items()))
    _oneshot(
        POWER_CAP_UNIT,
        POWER_CAP,
        "Cap the power of the B70 cards",
        f"set {words}" if caps else "",
        start_now=not waits_for,
    )
    if caps:
        power_caps(
            caps=dict(sorted(caps.items())),
            service=POWER_CAP_UNIT.rpartition("/")[2],
            waits_for=waits_for,
            name="PowerCaps[cards]",
        )


def _script(path: str, content: str) -> None:
    file(
        path=path,
        content=content,
        mode="0755",
        validate='sh -n "$B70_FILE"',
        name=f"File[{path}]",
    )


def _oneshot(
    path: str, program: str, description: str, arguments: str, *, start_now: bool = True
) -> None:
    """Declare a unit that makes a setting at boot and undoes it when stopped, or its absence."""
    service = path.rpartition("/")[2]
    if not arguments:
        unit(service=service, running=False, enabled=False, name=f"Unit[{service}]")
        for each in (path, program):
            absent(path=each, name=f"File[{each}]")
        return
    file(
        path=path,
        content=render(
            "settings/oneshot.service.j2",
            banner=BANNER,
            description=description,
            start=f"{program} {arguments}",
            stop=f"{program} undo",
        ),
        name=f"File[{path}]",
    )
    unit(
        service=service,
        running=True if start_now else None,
        enabled=True,
        restart_if_older_than=[path, program],
        name=f"Unit[{service}]",
    )
