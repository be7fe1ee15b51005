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
from tests.next_steps import wrong_in
from tests.unit.fleet.config.config_cases import bare_directory

# a property holds on a loaded machine too: timings are printed by the bench, never asserted
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def next_steps_can_be_taken() -> Iterator[None]:
    """Whatever finding or error any test meets, the commands that it shows can be typed."""
    found, said = Context._found, FleetError.__init__

    def checked_finding(context: Context, *values: Any, **named: Any) -> Finding:
        finding = found(context, *values, **named)
        assert wrong_in(finding.remedy or "", finding.host) == ()
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
