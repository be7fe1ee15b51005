"""Fixtures that several files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.unit.fleet.config.config_cases import bare_directory

# a property holds on a loaded machine too: timings are printed by the bench, never asserted
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty fleet directory, made the cwd, without the product's own group_data below it."""
    return bare_directory(tmp_path, monkeypatch)
