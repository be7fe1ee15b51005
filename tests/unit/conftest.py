"""Fixtures that several files share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings

from tests.unit.fleet.config.config_cases import bare_directory

# a property holds on a loaded machine too: timings are printed by the bench, never asserted
settings.register_profile("house", deadline=None)
settings.load_profile("house")


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
