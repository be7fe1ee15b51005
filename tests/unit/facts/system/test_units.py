"""systemd's units."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from facts.base import END, interpret, wrap
from facts.system.units import Unit, Units
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, plant, read, relocated, run_as

PARTS: dict[str, str | tuple[str, str]] = {
    "units": fixture("units/show.txt"),
    "files": "b70-slot@.service file\nmasked.timer masked\nssh.service file\nsshd.service alias\n"
    "plain.service file\nssh.service masked\nstatic.service file\nboot.service file\n",
    "links": "ssh.service enabled\nb70-slot@c1.service enabled\nboot.service enabled\n"
    "boot.service enabled-runtime\n",
    "install": "ssh.service\nplain.service\nb70-slot@.service\nboot.service\n",
}


def test_a_loaded_unit_says_what_it_does_and_since_when() -> None:
    ssh = read(Units(), PARTS).units["ssh.service"]
    assert (ssh.load, ssh.active, ssh.sub, ssh.file_state) == (
        "loaded",
        "active",
        "running",
        "enabled",
    )
    assert ssh.need_daemon_reload is False
    assert ssh.active_since == 1795205980


def test_a_unit_without_a_file_has_no_file_state() -> None:
    assert read(Units(), PARTS).units["-.mount"].file_state is ABSENT


def test_files_that_systemd_did_not_load_are_units_too() -> None:
    units = read(Units(), PARTS).units
    states = {name: unit.file_state for name, unit in units.items() if unit.load == "unloaded"}
    assert states == {
        "b70-slot@.service": "enabled",
        "b70-slot@c1.service": "enabled",
        "masked.timer": "masked",
        "sshd.service": "alias",
        "plain.service": "disabled",
        "static.service": "static",
        "boot.service": "enabled",
    }


def test_a_unit_that_is_only_mentioned_does_not_exist() -> None:
    assert read(Units(), PARTS).get("nope.service") is ABSENT


def test_failed_units_and_changed_files_are_seen() -> None:
    text = fixture("units/show.txt").replace("ActiveState=active", "ActiveState=failed", 1)
    text = text.replace("NeedDaemonReload=no", "NeedDaemonReload=yes", 1)
    units = read(Units(), {**PARTS, "units": text})
    assert units.failed == ("ssh.service",)
    assert units.units["ssh.service"].need_daemon_reload is True


def test_a_host_without_systemd_is_unknown() -> None:
    output = ["", f"{END} 3 systemd is not running"]
    assert interpret(Units(), output) == Unknown("exit status 3: systemd is not running")


def test_an_empty_answer_of_systemd_is_unknown() -> None:
    assert isinstance(read(Units(), {**PARTS, "units": ""}), Unknown)


def test_a_block_that_lacks_a_property_is_unknown() -> None:
    assert isinstance(
        read(Units(), {**PARTS, "units": "Id=a.service\nLoadState=loaded\n"}), Unknown
    )


def test_the_script_tells_masked_enabled_disabled_and_static_files_apart(tmp_path: Path) -> None:
    install = "[Unit]\n[Install]\nWantedBy=multi-user.target\n"
    plant(
        tmp_path,
        {
            "usr/lib/systemd/system/on.service": install,
            "usr/lib/systemd/system/off.service": install,
            "usr/lib/systemd/system/static.timer": "[Timer]\n",
            "usr/lib/systemd/system/gone.service": install,
            "usr/lib/systemd/system/note.txt": "x",
            "run/systemd/system/empty.mount": "",
            "run/systemd/generator/-.mount": "[Mount]\n",
            "run/systemd/generator/mnt-fast\\x2dai.mount": "[Mount]\n",
        },
    )
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "on.service").symlink_to("/usr/lib/systemd/system/on.service")
    (tmp_path / "etc/systemd/system/gone.service").symlink_to("/dev/null")
    tools = tmp_path / "tools"
    plant(
        tools,
        {
            "systemctl": f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/asked\n"
            "printf 'Id=x.service\\nLoadState=loaded\\n"
            "ActiveState=active\\n"
            "SubState=running\\nUnitFileState=\\nNeedDaemonReload=no\\nActiveEnterTimestamp=\\n'\n"
        },
    )
    (tools / "systemctl").chmod(0o755)
    script = relocated(Units().script(), tmp_path, "/etc", "/run", "/usr/lib", "/usr/local/lib")
    units = run_as(Units(), f"PATH={tools}:$PATH; " + wrap(script, 10)).units
    assert {name: unit.file_state for name, unit in units.items()} == {
        "x.service": ABSENT,
        "gone.service": "masked",
        "empty.mount": "masked-runtime",
        "on.service": "enabled",
        "off.service": "disabled",
        "static.timer": "static",
    }
    asked = (tmp_path / "asked").read_text().splitlines()
    names = asked[asked.index("--") + 1 :]
    assert [name for name in names if name.endswith(".mount")] == [
        "-.mount",
        r"mnt-fast\x2dai.mount",
        "empty.mount",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "vllm (copy).service",
        'quoted"name.service',
        "two\nssh.service",
        "tab\tname.timer",
        "caf\udce9.service",
        "caf\u00e9.service",
        "@.service",
    ],
)
def test_one_odd_name_of_a_unit_file_spoils_only_that_file(tmp_path: Path, name: str) -> None:
    plant(tmp_path, {"etc/systemd/system/vllm.service": "[Service]\n[Install]\n"})
    folder = os.fsencode(tmp_path / "etc/systemd/system")
    Path(os.fsdecode(folder + b"/" + os.fsencode(name))).write_text("[Service]\n")
    found = _below(tmp_path)
    assert found.units["vllm.service"].file_state == "disabled"
    assert found.get("ssh.service") is ABSENT
    assert set(found.units) == {"x.service", "vllm.service"}
    (odd,) = found.odd
    assert odd.place == f"{tmp_path}/etc/systemd/system"
    assert odd.text.isprintable()


def test_a_mount_with_an_odd_name_is_not_asked_of_systemd(tmp_path: Path) -> None:
    folder = "etc/systemd/system"
    plant(
        tmp_path, {f"{folder}/{name}.mount": "[Mount]\n" for name in ("srv", "srv (old)", "srv@")}
    )
    _below(tmp_path)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [name for name in asked if name.endswith(".mount")] == ["srv.mount"]


@pytest.mark.parametrize(
    "block",
    [
        "Id=plain.service\nLoadState=loaded\n",
        "Id=plain.service\nthis is no property\nLoadState=loaded\n",
        "Id=plain.service\nFragmentPath=/caf\udce9\n",
    ],
)
def test_one_odd_block_of_systemd_makes_its_unit_unknown_and_no_other(block: str) -> None:
    found = read(Units(), {**PARTS, "units": f"{PARTS['units']}\n{block}"})
    assert found.units["ssh.service"].active == "active"
    unsure = found.get("plain.service")
    assert isinstance(unsure, Unknown)
    assert "systemctl show" in unsure.reason
    assert found.get("nope.service") is ABSENT
    assert found.unsaid is not None


def test_masks_are_known_with_their_folders(tmp_path: Path) -> None:
    for folder in ("etc", "run", "usr/lib"):
        plant(tmp_path, {f"{folder}/systemd/system/{folder[:3]}.service": ""})
        plant(tmp_path, {f"{folder}/systemd/system/all.service": ""})
    units = _below(tmp_path).units
    assert {name: (unit.file_state, unit.masks) for name, unit in units.items() if unit.masks} == {
        "etc.service": ("masked", (f"{tmp_path}/etc/systemd/system",)),
        "run.service": ("masked-runtime", (f"{tmp_path}/run/systemd/system",)),
        "usr.service": ("masked", (f"{tmp_path}/usr/lib/systemd/system",)),
        "all.service": (
            "masked",
            tuple(f"{tmp_path}/{folder}/systemd/system" for folder in ("etc", "run", "usr/lib")),
        ),
    }


def test_a_unit_is_found_by_each_of_its_names() -> None:
    text = fixture("units/show.txt").replace(
        "Id=ssh.service\n", "Id=ssh.service\nNames=ssh.service sshd.service\n"
    )
    units = read(Units(), {**PARTS, "units": text})
    assert units.get("sshd.service") == units.get("ssh.service")
    assert "sshd.service" not in units.units


@pytest.mark.parametrize(
    ("folder", "state"),
    [("usr/local/lib/systemd/system", "disabled"), ("run/systemd/generator.late", "generated")],
)
def test_unit_files_of_every_folder_of_systemd_are_known(
    tmp_path: Path, folder: str, state: str
) -> None:
    plant(tmp_path, {f"{folder}/old.service": "[Service]\n[Install]\n"})
    found = _below(tmp_path).get("old.service")
    assert isinstance(found, Unit)
    assert found.file_state == state


def _below(root: Path) -> Any:
    """Return what the script finds below a folder, where systemd knows of one unit."""
    (root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
    tools = root / "tools"
    block = (
        "Id=x.service LoadState=loaded ActiveState=active SubState=running UnitFileState= "
        "NeedDaemonReload=no ActiveEnterTimestamp="
    )
    plant(
        tools,
        {"systemctl": f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{root}/asked\nprintf '%s\\n' {block}\n"},
    )
    (tools / "systemctl").chmod(0o755)
    script = relocated(Units().script(), root, "/etc", "/run", "/usr/lib", "/usr/local/lib")
    return run_as(Units(), f"PATH={tools}:$PATH; " + wrap(script, 10))
