"""Host settings: what is declared where, and the real scripts in a sysfs of the test's own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from deploys.base_paths import BANNER
from deploys.host_settings import host_settings
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
from facts.boot.kernel import Kernel
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.pci.runtime_pm import PowerControl, RuntimePm
from facts.system.cpuidle import CpuIdle, IdleState
from facts.system.files import FileState
from facts.system.units import Units
from facts.value import ABSENT, Unknown
from operations.settings.live_setting import idle_states, power_caps
from operations.settings.runtime_pm import kept_awake
from tests.unit import boot_facts
from tests.unit.base_facts import running, stat, units
from tests.unit.fact_frame import SHELLS, plant, run
from tests.unit.gpu_tree import Spec, build, gpu_address
from tests.unit.pyinfra_harness import Resource, run_deploy, run_operation

BDF = "0000:03:00.0"
CPUIDLE_SERVICE = "b70fleet-cpuidle.service"
CAP_SERVICE = "b70fleet-power-cap.service"


def spec(settings: dict[str, Any] | None = None, cards: int = 1, **changes: Any) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig",
            "connection": {"address": "192.0.2.1"},
            "hardware": {"cards": [{"slot": "1", "bdf": BDF}] * cards},
            "settings": settings or {},
            **changes,
        }
    )


ALL = {"cpuidle_off": [2, 3], "power_caps": {BDF: 210}}
AWAKE = (
    PowerControl(BDF, BDF, "on", "active"),
    PowerControl("0000:00:01.1", BDF, "on", "active"),
)
ASLEEP = tuple(PowerControl(each.bdf, BDF, "auto", "suspended") for each in AWAKE)


class Cap:
    """What a power cap's fact says of one card."""

    def __init__(self, bdf: str, microwatts: Any) -> None:
        self.bdf, self.power1_cap_uw = bdf, microwatts


def facts(**changes: Any) -> dict[Any, Any]:
    return {
        FileState: lambda path: ABSENT,
        Units: units(),
        RuntimePm: ASLEEP,
        CpuIdle: {
            0: IdleState("POLL", 0, 4),
            2: IdleState("C2", 0, 4),
            3: IdleState("C3", 4, 4),
        },
        GpuLinks: (Cap(BDF, 275_000_000),),
        **changes,
    }


def plan(declared: HostSpec, given: dict[Any, Any] | None = None) -> list[Resource]:
    return run_deploy(host_settings, given or facts(), spec=declared, probe_root="")


def everything() -> list[Resource]:
    """Return what a host gets that declares every setting."""
    return plan(spec(ALL))


def test_a_simulated_host_has_no_hardware_to_set() -> None:
    assert plan(spec(ALL, kind="lab", probe_root="/srv/sim"), {}) == []


def test_a_host_without_cards_and_wishes_gets_nothing() -> None:
    assert [each.name for each in plan(spec(cards=0)) if each.commands] == []


def test_cards_are_kept_awake_unless_the_declaration_says_otherwise() -> None:
    names = [each.name for each in plan(spec()) if each.commands]
    assert names == [
        f"Directory[{TOOLS}]",
        f"File[{KEEP_AWAKE}]",
        f"File[{RULE}]",
        "PowerControl[cards]",
    ]
    assert [each.name for each in plan(spec({"keep_awake": False})) if each.commands] == []


def test_power_caps_wait_for_the_boot_set_that_brings_the_driver() -> None:
    kernel = {"package": f"linux-image-{boot_facts.NEW}", "version": "1"}
    declared = spec({"power_caps": {BDF: 210}}, stack={"name": "s", "boot": {"kernel": kernel}})
    before = facts() | {
        Kernel: boot_facts.running(boot_facts.OLD),
        GpuLog: Unknown("no driver"),
        GpuLinks: (),
    }
    found = {each.name: each for each in plan(declared, before)}
    assert found[f"Unit[{CAP_SERVICE}]"].commands == [f"systemctl enable {CAP_SERVICE}"]
    assert found["PowerCaps[cards]"].commands == []
    assert "after the reboot: kernel" in found["PowerCaps[cards]"].noops[0]


def test_everything_that_can_be_declared_is_a_resource() -> None:
    assert [each.name for each in plan(spec(ALL)) if each.commands] == [
        f"Directory[{TOOLS}]",
        f"File[{KEEP_AWAKE}]",
        f"File[{RULE}]",
        "PowerControl[cards]",
        f"File[{CPUIDLE}]",
        f"File[{CPUIDLE_UNIT}]",
        f"Unit[{CPUIDLE_SERVICE}]",
        "IdleStates[off]",
        f"File[{POWER_CAP}]",
        f"File[{POWER_CAP_UNIT}]",
        f"Unit[{CAP_SERVICE}]",
        "PowerCaps[cards]",
    ]


def test_a_host_with_all_settings_is_left_in_peace() -> None:
    writes = {path: write for each in plan(spec(ALL)) for path, write in each.writes.items()}

    def answer(path: str) -> Any:
        if path in writes:
            digest = hashlib.sha256(writes[path].content).hexdigest()
            return stat(sha256=digest, mode=writes[path].arguments[1], mtime=1)
        return stat("directory") if path == TOOLS else ABSENT

    unit = running(sub="exited", active_since=2)
    given = facts() | {
        FileState: answer,
        Units: units(b70fleet_cpuidle=unit, b70fleet_power_cap=unit),
        RuntimePm: AWAKE,
        CpuIdle: {2: IdleState("C2", 4, 4), 3: IdleState("C3", 4, 4)},
        GpuLinks: (Cap(BDF, 210_000_000),),
    }
    resources = plan(spec(ALL), given)
    assert {each.name: each.commands for each in resources if each.commands} == {}
    assert all(each.noops for each in resources)


def test_settings_that_are_no_longer_declared_are_undone_and_removed() -> None:
    unit = running(sub="exited")
    given = facts() | {
        FileState: lambda path: stat(),
        Units: units(b70fleet_cpuidle=unit, b70fleet_power_cap=unit),
    }
    wanted = {each.name: each.commands for each in plan(spec(cards=0), given) if each.commands}
    assert list(wanted) == [
        f"File[{RULE}]",
        f"File[{KEEP_AWAKE}]",
        f"Unit[{CPUIDLE_SERVICE}]",
        f"File[{CPUIDLE_UNIT}]",
        f"File[{CPUIDLE}]",
        f"Unit[{CAP_SERVICE}]",
        f"File[{POWER_CAP_UNIT}]",
        f"File[{POWER_CAP}]",
    ]
    # stopping runs the unit's own way back
    assert f"systemctl stop {CPUIDLE_SERVICE}" in wanted[f"Unit[{CPUIDLE_SERVICE}]"]


def test_only_what_may_fall_asleep_is_written_and_never_auto() -> None:
    commands, _ = run_operation(kept_awake, {RuntimePm: ASLEEP})
    assert len(commands) == 1
    assert "echo on" in commands[0]
    assert "auto" not in commands[0]
    assert all(function.bdf in commands[0] for function in ASLEEP)
    assert run_operation(kept_awake, {RuntimePm: AWAKE}) == (
        [],
        ["1 cards and the bridges above them are on"],
    )
    with pytest.raises(OperationError, match="UNKNOWN: hangs"):
        run_operation(kept_awake, {RuntimePm: Unknown("hangs")})


@pytest.mark.parametrize(
    ("found", "said"),
    [(Unknown("hangs"), "UNKNOWN"), ({0: IdleState("POLL", 0, 2)}, r"has no idle state 2; it has")],
)
def test_an_idle_state_that_nobody_has_is_an_error(found: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        run_operation(idle_states, {CpuIdle: found}, states=(2,), service=CPUIDLE_SERVICE)


def test_a_state_that_somebody_turned_on_again_runs_the_unit_again() -> None:
    found = {2: IdleState("C2", 3, 4)}
    commands, _ = run_operation(idle_states, {CpuIdle: found}, states=(2,), service=CPUIDLE_SERVICE)
    assert commands == [f"systemctl restart {CPUIDLE_SERVICE}"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Unknown("hangs"), "UNKNOWN: hangs"),
        ((), "not on the PCI bus"),
        ((Cap(BDF, Unknown("asleep")),), "is UNKNOWN: asleep"),
    ],
)
def test_a_cap_on_a_card_that_cannot_be_seen_is_an_error(found: Any, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        run_operation(power_caps, {GpuLinks: found}, caps={BDF: 210}, service=CAP_SERVICE)


def test_a_cap_that_a_driver_reset_runs_the_unit_again() -> None:
    commands, _ = run_operation(
        power_caps, {GpuLinks: (Cap(BDF, 275_000_000),)}, caps={BDF: 210}, service=CAP_SERVICE
    )
    assert commands == [f"systemctl restart {CAP_SERVICE}"]


def script(folder: Path, name: str) -> Path:
    path = folder / name
    text = render(f"settings/{name}.sh.j2", banner=BANNER, low=160, high=290)
    path.write_text(text)
    return path


def execute(
    shell: list[str], path: Path, root: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, str(path), *words],
        env={
            **os.environ,
            "B70_SYS": str(root / "sys"),
            "B70_RUN": str(root),
            "B70_PATIENCE": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def processors(root: Path) -> Path:
    for cpu in range(3):
        for state in range(3):
            folder = f"sys/devices/system/cpu/cpu{cpu}/cpuidle/state{state}"
            plant(root, {f"{folder}/disable": "0\n", f"{folder}/name": f"C{state}\n"})
    return root


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_idle_states_go_off_on_every_processor_and_on_again(
    tmp_path: Path, shell: list[str]
) -> None:
    root, program = processors(tmp_path), script(tmp_path, "cpuidle")
    assert execute(shell, program, root, "off", "2").returncode == 0
    assert run(CpuIdle(), root)[2] == IdleState("C2", 3, 3)
    # another set takes the place of the first, it is not added to it
    assert execute(shell, program, root, "off", "1").returncode == 0
    assert {number: state.off for number, state in run(CpuIdle(), root).items()} == {
        0: 0,
        1: 3,
        2: 0,
    }
    assert execute(shell, program, root, "undo").returncode == 0
    assert [state.off for state in run(CpuIdle(), root).values()] == [0, 0, 0]


def test_an_idle_state_that_is_not_there_fails_the_unit(tmp_path: Path) -> None:
    done = execute(["sh"], script(tmp_path, "cpuidle"), processors(tmp_path), "off", "7")
    assert done.returncode == 1
    assert "no processor has idle state 7" in done.stderr


def card(root: Path, watts: int = 275, name: str = "xe") -> Path:
    folder = f"sys/bus/pci/devices/{BDF}"
    plant(
        root,
        {
            f"{folder}/vendor": "0x8086\n",
            f"{folder}/device": "0xe223\n",
            f"{folder}/hwmon/hwmon7/name": f"{name}\n",
            f"{folder}/hwmon/hwmon7/power1_cap": f"{watts}000000\n",
        },
    )
    return root / folder / "hwmon/hwmon7/power1_cap"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_cap_is_set_by_address_read_back_and_undone(tmp_path: Path, shell: list[str]) -> None:
    cap, program = card(tmp_path), script(tmp_path, "power-cap")
    for watts in (210, 180):
        done = execute(shell, program, tmp_path, "set", f"{BDF}={watts}")
        assert done.returncode == 0, done.stderr
        assert cap.read_text() == f"{watts}000000\n"
    assert execute(shell, program, tmp_path, "undo").returncode == 0
    assert cap.read_text() == "275000000\n", "the value before the first cap"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (f"{BDF}=159", "outside 160 to 290 W"),
        (f"{BDF}=291", "outside 160 to 290 W"),
        (f"{BDF}=", "not a number of watts"),
        (f"{BDF}=2e2", "not a number of watts"),
        ("0000:99:00.0=200", "is no B70"),
    ],
)
def test_a_cap_outside_the_bounds_or_on_another_device_is_refused_on_the_host(
    tmp_path: Path, word: str, said: str
) -> None:
    cap = card(tmp_path)
    done = execute(["sh"], script(tmp_path, "power-cap"), tmp_path, "set", word)
    assert done.returncode == 1
    assert said in done.stderr
    assert cap.read_text() == "275000000\n"


def test_sensors_of_another_driver_are_not_the_cards(tmp_path: Path) -> None:
    card(tmp_path, name="nvme")
    done = execute(["sh"], script(tmp_path, "power-cap"), tmp_path, "set", f"{BDF}=200")
    assert done.returncode == 1
    assert "has no sensors of xe" in done.stderr


def test_a_cap_that_the_card_does_not_take_fails_the_unit(tmp_path: Path) -> None:
    cap = card(tmp_path)
    cap.unlink()
    os.mkfifo(cap)  # reads and writes do not meet: the kernel refused the value
    answer = subprocess.Popen(
        ["sh", "-c", f'echo 275000000 >"{cap}"; cat "{cap}" >/dev/null; echo 280000000 >"{cap}"']
    )
    done = execute(["sh"], script(tmp_path, "power-cap"), tmp_path, "set", f"{BDF}=200")
    answer.wait(timeout=30)
    assert done.returncode == 1
    assert "reads back as 280000000, not 200000000" in done.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_rules_program_keeps_every_bridge_above_a_card_awake(
    tmp_path: Path, shell: list[str]
) -> None:
    build(tmp_path, Spec())
    functions = run(RuntimePm(), tmp_path)
    assert len(functions) == 4
    for function in functions:
        control = (tmp_path / "sys/bus/pci/devices" / function.bdf / "power/control").resolve()
        control.parent.mkdir(exist_ok=True)
        control.write_text("auto\n")
    path = (tmp_path / "sys/bus/pci/devices" / gpu_address(0)).resolve()
    done = execute(shell, script(tmp_path, "keep-awake"), tmp_path, str(path))
    assert done.returncode == 0, done.stderr
    after = run(RuntimePm(), tmp_path)
    assert [each.control for each in after] == ["auto", "on", "on", "on"], "udev writes the card's"
    assert [each.is_card for each in after] == [True, False, False, False]


def test_the_rule_writes_on_when_a_driver_has_bound() -> None:
    text = render("settings/runtime-pm.rules.j2", banner=BANNER, program=KEEP_AWAKE)
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(rules) == 1
    fields = rules[0].split(", ")
    pair = re.compile(r'^[A-Z]+(\{[a-z/]+\})?(==|=|\+=)"[^"]*"$')
    assert all(pair.match(field) for field in fields)
    assert 'ACTION=="add|bind|change"' in fields
    assert 'ATTR{device}=="0xe223"' in fields
    assert 'ATTR{power/control}="on"' in fields
