"""Fixtures that several files share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings

from fleet.base.errors import FleetError
from fleet.model.finding import Finding
from fleet.preflight.model import Context
from tests.next_steps import invented_paths, wrong_in
from tests.unit.fleet.config.config_cases import bare_directory

# a property holds on a loaded machine too: timings are printed by the bench, never asserted
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def next_steps_can_be_taken() -> Iterator[None]:
    """What any test is shown as a next step can be typed, and names what its state knows."""
    found, said = Context._found, FleetError.__init__

    def checked_finding(context: Context, *values: Any, **named: Any) -> Finding:
        finding = found(context, *values, **named)
        step = finding.remedy or ""
        assert wrong_in(step, finding.host) == ()
        if "/" in step:
            state = f"{finding.text} {context.given.named()!r} {context.spec!r}"
            assert invented_paths(step, state) == []
        return finding

    def checked_error(error: FleetError, message: str, hint: str = "") -> None:
        assert wrong_in(hint) == ()
        said(error, message, hint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "_found", checked_finding)
        patch.setattr(FleetError, "__init__", checked_error)
        yield


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter.

    It lies beside pytest's own: every run of pytest on the machine, when it begins, takes the
    rights of others from the folder that holds all of `tmp_path`.
    """
    folder = Path(mkdtemp(prefix="b70-test."))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty fleet directory, made the cwd, without the product's own group_data below it."""
    return bare_directory(tmp_path, monkeypatch)
