"""xpu-smi 1.3 and 2.x: the replayed program through the script, and every recorded way to fail."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import interpret
from facts.pci import xpu_smi
from facts.pci.bounded import FEW
from facts.pci.xpu_smi import XpuSmi
from facts.pci.xpu_smi_parse import XpuSmiReport
from facts.pci.xpu_smi_run import Run, document
from facts.value import ABSENT, Unknown
from tests.places import FIXTURES
from tests.unit.fact_frame import NOBODY, SHELLS, bare_path, execute, finished, run

RECORDED = FIXTURES / "xpu_smi"
BDFS = ["0000:03:00.0", "0000:83:00.0", "0000:a3:00.0", "0000:e3:00.0"]
VERSIONS = ("1.3.7", "2.0.0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(RECORDED / "xpu-smi", tmp_path / "usr/bin/xpu-smi")
    return tmp_path


def ask(root: Path, version: str, case: str = "root", **env: str) -> object:
    settings = {"REPLAY_DIR": str(RECORDED / version), "REPLAY_CASE": case, **env}
    return run(XpuSmi(), root, env=settings)


def recording(path: str) -> Run:
    head, _, rest = (RECORDED / path).read_text().partition("\n----- stdout\n")
    stdout, _, stderr = rest.partition("----- stderr\n")
    return Run(path, int(head.split()[0].removeprefix("rc=")), stdout, stderr)


def reason(path: str) -> str:
    found = document(recording(path))
    assert isinstance(found, Unknown), found
    return found.reason


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("version", VERSIONS)
def test_four_healthy_cards_are_reported(root: Path, version: str, shell: list[str]) -> None:
    env = {"REPLAY_DIR": str(RECORDED / version)}
    report = run(XpuSmi(), root, env=env, shell=shell)
    assert isinstance(report, XpuSmiReport), report
    assert report.version.startswith(version)
    assert [device.bdf for device in report.devices] == BDFS
    for index, device in enumerate(report.devices):
        assert device.index == index
        assert device.pci_device_id == 0xE223
        assert device.function == "physical"
        assert (device.max_gen, device.max_width) == (5, 16)
        assert (device.ecc, device.ecc_pending) == (False, False)


def test_the_two_programs_differ_where_they_are_known_to(root: Path) -> None:
    old, new = (ask(root, version) for version in VERSIONS)
    assert isinstance(old, XpuSmiReport)
    assert isinstance(new, XpuSmiReport)
    assert (old.devices[0].state, new.devices[0].state) == (ABSENT, "normal")
    assert (old.devices[0].downgraded, new.devices[0].downgraded) == (False, ABSENT)
    assert isinstance(old.level_zero, Unknown)
    assert new.level_zero == "1.28.2"
    assert [firmware.name for firmware in old.devices[0].firmware] == [
        "gfx",
        "gfx_data",
        "gfx_pscbin",
        "amc",
        "oprom_code",
        "oprom_data",
    ]
    assert all(isinstance(firmware.version, Unknown) for firmware in old.devices[0].firmware)
    assert new.devices[0].firmware[0].version == "BMG__31.1058"


@pytest.mark.parametrize("version", VERSIONS)
def test_link_fields_of_another_user_are_unknown_and_not_minus_one(
    root: Path, version: str
) -> None:
    report = ask(root, version, "unpriv")
    assert isinstance(report, XpuSmiReport)
    assert isinstance(report.devices[0].max_gen, Unknown)
    assert report.devices[0].max_gen.raw == ("-1" if version == "1.3.7" else "N/A")
    assert isinstance(report.devices[0].max_width, Unknown)


def test_a_downgraded_card_is_told_by_1_3(root: Path) -> None:
    report = ask(root, "1.3.7", "gen4")
    assert isinstance(report, XpuSmiReport)
    assert report.devices[0].downgraded is True


@pytest.mark.parametrize("version", VERSIONS)
def test_no_gpu_is_unknown_and_never_a_count_of_zero(root: Path, version: str) -> None:
    found = ask(root, version, "none")
    assert isinstance(found, Unknown)
    assert found.reason == "no device listed: no GPU, or Level Zero is broken"


def test_a_broken_level_zero_is_unknown_with_what_each_program_says(root: Path) -> None:
    old, new = (ask(root, version, "initfail") for version in VERSIONS)
    assert isinstance(old, Unknown)
    assert old.reason == "no device listed: no GPU, or Level Zero is broken"
    assert isinstance(new, Unknown)
    assert new.reason == "xpu-smi exit status 255: Sysman driver initialization failed."


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("noloader", "xpu-smi cannot start: libze_loader.so.1 is missing"),
        ("segv", "xpu-smi crashed (segmentation fault)"),
        ("abort", "xpu-smi aborted"),
    ],
)
def test_a_program_that_cannot_start_is_unknown_with_the_cause(
    root: Path, case: str, expected: str
) -> None:
    found = ask(root, "1.3.7", case)
    assert isinstance(found, Unknown)
    assert found.reason == expected


def test_a_hang_is_waited_for_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xpu_smi, "COMMAND_LIMIT_S", 1)
    log = root / "log"
    found = ask(root, "1.3.7", "hang", REPLAY_LOG=str(log))
    assert isinstance(found, Unknown)
    assert found.reason == "xpu-smi hung and was stopped"
    assert log.read_text().splitlines() == ["-v"]


def test_rusts_timeout_says_otherwise_that_it_hung() -> None:
    found = document(Run("discovery", 125, "", ""))
    assert isinstance(found, Unknown)
    assert found.reason == "xpu-smi hung and was stopped"


def test_a_hang_half_way_leaves_what_was_said_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xpu_smi, "COMMAND_LIMIT_S", 1)
    report = ask(root, "1.3.7", REPLAY_FAIL="config=hang")
    assert isinstance(report, XpuSmiReport)
    assert report.devices[0].max_gen == 5
    assert isinstance(report.devices[0].ecc, Unknown)
    assert report.devices[0].ecc.reason == "xpu-smi hung and was stopped"
    assert report.devices[3].max_gen == Unknown(
        "not asked, because an earlier xpu-smi command had to be stopped"
    )
    assert [device.bdf for device in report.devices] == BDFS


def test_a_crash_of_one_command_spoils_only_its_fields(root: Path) -> None:
    report = ask(root, "2.0.0", REPLAY_FAIL="discovery=segv")
    assert isinstance(report, XpuSmiReport)
    assert isinstance(report.devices[0].max_gen, Unknown)
    assert report.devices[0].max_gen.reason == "xpu-smi crashed (segmentation fault)"
    assert report.devices[0].ecc is False
    assert report.devices[0].state == "normal"


def test_a_host_without_xpu_smi_is_absent(tmp_path: Path) -> None:
    assert run(XpuSmi(), tmp_path, env={"PATH": bare_path(tmp_path)}) is ABSENT


def test_only_reading_commands_are_ever_run(root: Path) -> None:
    log = root / "log"
    ask(root, "1.3.7", REPLAY_LOG=str(log))
    details = [f"{verb} -d {n} -j" for n in range(4) for verb in ("discovery", "config")]
    assert log.read_text().splitlines() == ["-v", "discovery -j", *details]


def test_it_is_kept_out_of_every_normal_run() -> None:
    assert XpuSmi.on_demand is True


def test_another_user_is_told_apart_and_no_temporary_file_stays() -> None:
    with tempfile.TemporaryDirectory(prefix="b70-probe.") as name:
        home = Path(name)
        for folder in ("usr/bin", "tmp", "recordings"):
            (home / folder).mkdir(parents=True)
        shutil.copy(RECORDED / "xpu-smi", home / "usr/bin/xpu-smi")
        shutil.copytree(RECORDED / "1.3.7", home / "recordings", dirs_exist_ok=True)
        home.chmod(0o755)
        (home / "tmp").chmod(0o777)
        env = {"REPLAY_DIR": f"{home}/recordings", "TMPDIR": f"{home}/tmp"}
        env["REPLAY_CASE"] = "unpriv"
        report = run(XpuSmi(), home, env=env, uid=NOBODY)
        assert report.devices[0].max_gen == Unknown("not reported by xpu-smi: needs root", "-1")
        assert list((home / "tmp").iterdir()) == []


def frames(version: str = "1.3.7", listed: str | None = None) -> str:
    """Return script output for one device, from the recordings."""
    text = ["U 0"]
    listed = listed or (
        '{"device_list": [{"device_id": 0, "pci_bdf_address": "0000:03:00.0",'
        ' "device_name": "B70", "device_state": "normal"}]}'
    )
    for name, stdout in {
        "version": f"CLI:\n    Version: {version}\n    Build ID: x",
        "list": listed,
        "discovery.0": recording("1.3.7/discovery-d0-j.txt").stdout,
        "config.0": recording("1.3.7/config-d0-j.txt").stdout,
    }.items():
        text += [f"R {name} 0", *(f"O {line}" for line in stdout.rstrip("\n").split("\n"))]
    return "\n".join([*text, "Z 4"])


@pytest.mark.parametrize(
    "version", ["1.2.42", "3.0.0", "1.4.0", "0.9", "2.3.0", "2.5.0", "2.40.1", "12.0", "2", "main"]
)
def test_a_tool_of_another_version_is_unknown_and_never_a_number(version: str) -> None:
    found = interpret(XpuSmi(), finished(frames(version)))
    assert found == Unknown(f"xpu-smi {version} is not known; known are 1.3, 2.0, 2.1, 2.2, 2.4")


@pytest.mark.parametrize(
    "version", ["1.3.6.20260210", "2.0.1", "2.1.1", "2.1.0+26.33.6468cec", "2.2.0", "2.4.0-1~rc1"]
)
def test_every_known_minor_version_is_parsed(version: str) -> None:
    found = interpret(XpuSmi(), finished(frames(version)))
    assert isinstance(found, XpuSmiReport)
    assert found.version == version


@pytest.mark.parametrize("version", ["2.1.0", "2.2.0", "2.4.0"])
def test_each_later_version_is_read_in_its_own_dialect(root: Path, version: str) -> None:
    report = ask(root, "2.0.0", REPLAY_AS=version)
    assert isinstance(report, XpuSmiReport)
    assert report.version == version
    assert [device.bdf for device in report.devices] == BDFS
    last = report.devices[3]
    assert (last.max_gen, last.max_width, last.state) == (5, 16, "normal")
    assert (last.ecc, last.ecc_pending) == (False, False)
    assert report.health_needs == ("1.33.1" if version == "2.4.0" else None)


@pytest.mark.parametrize("key", ["memory_ecc_current_state", "memory_ecc_pending_state"])
def test_a_field_that_a_version_dropped_is_unknown(key: str) -> None:
    kept = [line for line in frames("2.4.0").split("\n") if key not in line]
    device = interpret(XpuSmi(), finished("\n".join(kept))).devices[0]
    found = device.ecc if "current" in key else device.ecc_pending
    assert found == Unknown("xpu-smi 2.4 does not report it")


@pytest.mark.parametrize("placeholder", ["0", "63", "255", "-2", "0.0", "N/A", "", "five"])
@pytest.mark.parametrize("key", ["pcie_generation", "pcie_max_link_width"])
def test_a_link_field_that_no_link_can_have_is_unknown(key: str, placeholder: str) -> None:
    good = {"pcie_generation": "5", "pcie_max_link_width": "16"}[key]
    text = frames().replace(f'"{key}": "{good}"', f'"{key}": "{placeholder}"')
    assert text != frames()
    device = interpret(XpuSmi(), finished(text)).devices[0]
    spoilt = device.max_gen if key == "pcie_generation" else device.max_width
    assert isinstance(spoilt, Unknown)


def test_no_field_is_asked_for_by_its_number(root: Path) -> None:
    log = root / "log"
    ask(root, "2.0.0", REPLAY_LOG=str(log))
    asked = {line.split()[0] for line in log.read_text().splitlines()}
    assert asked == {"-v", "discovery", "config"}
    assert not re.search(r" -[cm] |--(dump|metrics|component)", log.read_text())


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("case", ["flood", "noise"])
def test_a_tool_that_prints_without_end_is_stopped_by_its_size(
    root: Path, case: str, shell: list[str]
) -> None:
    log = root / "log"
    env = {"REPLAY_DIR": str(RECORDED / "1.3.7"), "REPLAY_CASE": case, "REPLAY_LOG": str(log)}
    started = time.monotonic()
    printed = execute(XpuSmi().command(probe_root=str(root)), shell=shell, env=env).stdout
    assert time.monotonic() - started < xpu_smi.COMMAND_LIMIT_S
    assert len(printed) < 4 * FEW
    found = interpret(XpuSmi(), printed.split("\n"))
    assert isinstance(found, Unknown)
    assert found.reason == "xpu-smi printed without end and was stopped"
    assert log.read_text().splitlines() == ["-v"]


def test_what_is_noisy_for_a_while_is_cut_and_still_understood(root: Path) -> None:
    tool = root / "usr/bin/xpu-smi"
    loud = "head -c 100000 /dev/zero | tr '\\0' x >&2\n"
    tool.write_text(tool.read_text().replace("case=${REPLAY_CASE", f"{loud}case=${{REPLAY_CASE", 1))
    env = {"REPLAY_DIR": str(RECORDED / "2.0.0")}
    printed = execute(XpuSmi().command(probe_root=str(root)), env=env).stdout
    assert printed.count("E [cut off]") == printed.count("\nR ") == 10
    assert len(printed) < 10 * FEW + 20_000
    report = interpret(XpuSmi(), printed.split("\n"))
    assert isinstance(report, XpuSmiReport)
    assert report.devices[0].max_gen == 5


def test_one_command_without_end_spoils_only_what_comes_behind(root: Path) -> None:
    report = ask(root, "1.3.7", REPLAY_FAIL="config=flood")
    assert isinstance(report, XpuSmiReport)
    assert report.devices[0].max_gen == 5
    assert isinstance(report.devices[0].ecc, Unknown)
    assert report.devices[0].ecc.reason == "xpu-smi printed without end and was stopped"


@pytest.mark.parametrize("version", ["2.1.0", "2.1.1", "2.4.0"])
def test_what_a_version_says_of_survivability_is_kept_as_its_word(root: Path, version: str) -> None:
    report = ask(root, "2.0.0", "sick", REPLAY_AS=version)
    assert isinstance(report, XpuSmiReport)
    assert {device.state for device in report.devices} == {"survivability mode"}


def test_an_answer_for_another_card_is_not_believed() -> None:
    other = '{"device_list": [{"device_id": 0, "pci_bdf_address": "0000:83:00.0"}]}'
    found = interpret(XpuSmi(), finished(frames(listed=other)))
    assert found.devices[0].max_gen == Unknown("xpu-smi answered for 0000:03:00.0")


def test_an_unreadable_downgrade_state_is_unknown() -> None:
    text = frames().replace(
        '"pcie_downgrade_current_state": "disabled"', '"pcie_downgrade_current_state": ""'
    )
    assert isinstance(interpret(XpuSmi(), finished(text)).devices[0].downgraded, Unknown)


def test_xpu_smi_output_cut_at_any_line_is_unknown() -> None:
    lines = frames().split("\n")
    for count in range(len(lines)):
        assert isinstance(interpret(XpuSmi(), finished("\n".join(lines[:count]))), Unknown)


@given(st.text(max_size=300))
def test_xpu_smi_garbage_is_unknown(text: str) -> None:
    assert isinstance(interpret(XpuSmi(), finished(text)), Unknown)


@given(data=st.data())
def test_any_spoilt_line_leaves_a_report_or_unknown(data: st.DataObject) -> None:
    lines = frames().split("\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(
        st.sampled_from(
            ["", "O ", "O null", "O {", "R list 0", "R version 139", "O " + "[" * 99999]
        )
        | st.text(max_size=20).filter(lambda text: "\n" not in text)
    )
    assert isinstance(interpret(XpuSmi(), finished("\n".join(lines))), Unknown | XpuSmiReport)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("1.3.7/none-d0-j.txt", "xpu-smi: Device not found (errno 4)"),
        ("2.0.0/none-d0-j.txt", "xpu-smi exit status 1: [Error] Error: Device handle not found"),
        ("1.3.7/initfail-d0-j.txt", "xpu-smi: Level Zero Initialization Error (errno 39)"),
        ("1.3.7/initfail-config-d0-j.txt", "xpu-smi: Level Zero Initialization Error (errno 39)"),
        ("1.3.7/initfail-health-l-j.txt", "xpu-smi: Level Zero Initialization Error (errno 39)"),
        ("1.3.7/initfail-topology-m-j.txt", "xpu-smi: Level Zero Initialization Error (errno 39)"),
        (
            "2.0.0/initfail-list-j.txt",
            "xpu-smi exit status 255: Sysman driver initialization failed.",
        ),
        ("1.3.7/config-d9-j.txt", "xpu-smi: device Id or tile Id is invalid (errno 4)"),
        ("2.0.0/config-d9-j.txt", "xpu-smi exit status 1: [Error] Error: Device handle not found"),
        ("1.3.7/health-d9-j.txt", "(errno 4)"),
        ("2.0.0/health-d9-j.txt", "xpu-smi: device not found (errno 2013265924)"),
        ("1.3.7/config-nod-j.txt", "xpu-smi: invalid device Id"),
        ("2.0.0/config-nod-j.txt", "xpu-smi exit status 1: [Error] Device ID is required."),
        (
            "1.3.7/discovery-badopt.txt",
            "exit status 2: The following argument was not expected: --bogus",
        ),
        (
            "2.0.0/discovery-badopt.txt",
            "exit status 1: [Error] The following argument was not expected",
        ),
        ("2.0.0/badcmd.txt", "xpu-smi exit status 2:"),
        ("2.0.0/query-bad.txt", "xpu-smi exit status 4: [Error] No valid metrics matched"),
        ("2.0.0/query-gen4.txt", "xpu-smi crashed (segmentation fault)"),
        ("2.0.0/vgpu-precheck-j.txt", "xpu-smi exit status 0:"),
        ("1.3.7/diag-l1-j.txt", "xpu-smi aborted"),
        ("1.3.7/discovery-d0.txt", "xpu-smi exit status 46:"),
    ],
)
def test_every_recorded_failure_becomes_a_sentence(path: str, expected: str) -> None:
    assert expected in reason(path)


@pytest.mark.parametrize(
    "path", sorted(str(p.relative_to(RECORDED)) for p in RECORDED.glob("*/*.txt"))
)
def test_every_recording_is_a_document_or_a_sentence_with_what_was_said(path: str) -> None:
    found = document(recording(path))
    if isinstance(found, Unknown):
        assert found.reason.startswith("xpu-smi")
    else:
        assert recording(path).status in (0, 46)
        assert not {"errno", "error", "return"} & set(found)


def test_an_unreadable_firmware_version_does_not_spoil_the_document() -> None:
    good = recording("1.3.7/discovery-d0-j.txt")
    assert isinstance(document(Run("discovery.0", 46, good.stdout, "")), dict)
    assert isinstance(document(Run("discovery.0", 45, good.stdout, "")), Unknown)


def test_noise_on_stderr_does_not_touch_the_document() -> None:
    noisy = recording("2.0.0/discovery-d0-j.txt")
    assert "DMI reader failed" in noisy.stderr
    assert isinstance(document(noisy), dict)


def test_a_daemon_that_does_not_run_is_a_sentence_though_the_status_is_zero() -> None:
    found = document(Run("list", 0, "Error: XPUM Service Status Error. \n", ""))
    assert isinstance(found, Unknown)
    assert "XPUM Service Status Error" in found.reason


@pytest.mark.parametrize("stdout", ["null", "[]", '"text"', "3"])
def test_json_that_is_no_object_is_unknown(stdout: str) -> None:
    assert document(Run("list", 0, stdout, "")) == Unknown("xpu-smi printed no JSON object", stdout)
