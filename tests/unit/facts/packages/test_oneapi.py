"""Which oneAPI compilers stand on a host, and who would choose one for everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.packages import oneapi
from facts.packages.oneapi import OneApi, OneApiState
from facts.parts import Line
from facts.value import Unknown
from tests.unit.fact_frame import SHELLS, finished, run


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's folders below a temporary one."""
    monkeypatch.setattr(oneapi, "COMPILERS", f"{tmp_path}/oneapi/compiler")
    monkeypatch.setattr(oneapi, "START_FILES", (f"{tmp_path}/profile.d/*", f"{tmp_path}/bashrc"))
    (tmp_path / "profile.d").mkdir()
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_compilers_are_those_with_an_environment_and_not_the_latest_link(
    host: Path, shell: list[str]
) -> None:
    for version in ("2025.3", "2026.0"):
        (host / f"oneapi/compiler/{version}/env").mkdir(parents=True)
        (host / f"oneapi/compiler/{version}/env/vars.sh").touch()
    (host / "oneapi/compiler/2024.1").mkdir()
    (host / "oneapi/compiler/latest").symlink_to("2026.0")
    assert run(OneApiState(), shell=shell) == OneApi(("2025.3", "2026.0"), (), ())


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (". /opt/intel/oneapi/setvars.sh", True),
        ("source /opt/intel/oneapi/setvars.sh --force >/dev/null", True),
        ("[ -f x ] && . /opt/intel/oneapi/setvars.sh", True),
        ("# source /opt/intel/oneapi/setvars.sh", False),
        ("source /opt/intel/oneapi/compiler/2025.3/env/vars.sh", False),
        ("echo never source this # setvars.sh", False),
    ],
)
def test_only_a_line_that_sources_setvars_counts(host: Path, line: str, found: bool) -> None:
    path = host / "profile.d/x.sh"
    path.write_text(f"true\n{line}\n")
    expected = (Line(str(path), 2, line),) if found else ()
    assert run(OneApiState()) == OneApi((), expected, ())


def test_a_host_without_oneapi_is_an_answer(host: Path) -> None:
    assert run(OneApiState()) == OneApi((), (), ())


def test_output_without_its_parts_is_unknown() -> None:
    assert isinstance(OneApiState().process(finished("nothing")), Unknown)
