"""Fixtures that several files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config_cases import bare_directory


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty fleet directory, made the cwd, without the product's own group_data below it."""
    return bare_directory(tmp_path, monkeypatch)
