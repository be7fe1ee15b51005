"""clinfo on recorded output and through its script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.base import interpret
from facts.pci.clinfo import Clinfo
from facts.value import ABSENT, Unknown
from tests.places import FIXTURES
from tests.unit.fact_frame import SHELLS, bare_path, finished, run
from tests.unit.gpu_tree import write

RECORDED = FIXTURES / "clinfo"
POCL = RECORDED / "clinfo-3.0.25-pocl.json"
NONE = RECORDED / "clinfo-3.0.25-no-platform.json"


def tool(root: Path, body: str) -> Path:
    write(root / "usr/bin/clinfo", f"#!/bin/sh\n{body}", 0o755)
    return root


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_platforms_and_their_devices_are_read(tmp_path: Path, shell: list[str]) -> None:
    (platform,) = run(Clinfo(), tool(tmp_path, f"cat {POCL}"), shell=shell)
    assert platform.name == "Portable Computing Language"
    (device,) = platform.devices
    assert device.types == ("CL_DEVICE_TYPE_CPU",)
    assert device.driver_version == "6.0+debian"
    assert (device.bdf, device.unified) == (ABSENT, True)


def test_no_platform_is_an_empty_list_and_not_an_error(tmp_path: Path) -> None:
    assert run(Clinfo(), tool(tmp_path, f"cat {NONE}")) == ()


def test_a_host_without_clinfo_is_absent(tmp_path: Path) -> None:
    assert run(Clinfo(), tmp_path, env={"PATH": bare_path(tmp_path)}) is ABSENT


def test_a_failing_clinfo_is_unknown_with_its_words(tmp_path: Path) -> None:
    found = run(Clinfo(), tool(tmp_path, "echo 'clGetPlatformIDs: -1001' >&2; exit 3"))
    assert found == Unknown("exit status 3: clGetPlatformIDs: -1001", "clinfo")


def test_a_hanging_clinfo_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clinfo, "timeout_s", 1)
    found = run(Clinfo(), tool(tmp_path, "exec sleep 30"))
    assert isinstance(found, Unknown)
    assert found.reason == "no answer within 1 s"


@pytest.mark.parametrize("stream", ["", " >&2"], ids=["stdout", "stderr"])
def test_a_clinfo_that_prints_without_end_is_stopped_by_its_size(
    tmp_path: Path, stream: str
) -> None:
    found = run(Clinfo(), tool(tmp_path, f"exec yes noise{stream}"))
    assert found == Unknown("exit status 1: clinfo printed without end and was stopped", "clinfo")


def test_noise_of_clinfo_does_not_touch_its_answer_and_no_file_stays(tmp_path: Path) -> None:
    before = set(Path("/run").glob("b70fleet-tool.*"))
    loud = f"head -c 100000 /dev/zero | tr '\\0' x >&2\ncat {POCL}"
    (platform,) = run(Clinfo(), tool(tmp_path, loud))
    assert platform.name == "Portable Computing Language"
    assert set(Path("/run").glob("b70fleet-tool.*")) <= before


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "[]",
        "{}",
        '{"platforms": [{}], "devices": []}',
        '{"platforms": [{}]}',
        '{"platforms": 3}',
        '{"platforms": ["x"], "devices": ["y"]}',
        '{"platforms": [{"CL_PLATFORM_NAME": 1}], "devices": [{"online": []}]}',
        "[" * 100_000,
    ],
)
def test_unexpected_json_is_unknown(spoilt: str) -> None:
    assert isinstance(interpret(Clinfo(), finished(f"clinfo\n{spoilt}")), Unknown)


def test_clinfo_output_cut_anywhere_is_unknown() -> None:
    text = "clinfo\n" + POCL.read_text()
    for end in range(0, len(text) - 1, 97):
        assert isinstance(interpret(Clinfo(), finished(text[:end])), Unknown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["platforms", "devices", "online", "CL_PLATFORM_NAME", "CL_DEVICE_TYPE"]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_any_json_gives_platforms_or_unknown(document: object) -> None:
    found = interpret(Clinfo(), finished("clinfo\n" + json.dumps(document)))
    assert isinstance(found, Unknown) or found == ()
