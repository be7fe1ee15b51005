"""Fleets made of a few lines of YAML, without the product's own group_data below them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from fleet.base.errors import ConfigError
from fleet.config import Fleet, load


def bare_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty directory for a fleet, made the cwd; the product has no group_data here."""
    product = tmp_path / "product"
    product.mkdir()
    monkeypatch.setattr("fleet.config.places.PRODUCT", product)
    folder = tmp_path / "fleet"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, their texts dedented."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def loaded(folder: Path, hosts: str, files: Mapping[str, str] | None = None, **sets: str) -> Fleet:
    """Load a fleet from the text of its hosts file and of its group_data files."""
    below = {f"group_data/{name}": text for name, text in (files or {}).items()}
    write(folder, {"hosts.yaml": hosts, **below})
    return load(folder, {key.replace("__", "."): value for key, value in sets.items()})


def problems(
    folder: Path, hosts: str, files: Mapping[str, str] | None = None, **sets: str
) -> list[str]:
    """Return the lines of the error that loading a wrong fleet raises."""
    with pytest.raises(ConfigError) as raised:
        loaded(folder, hosts, files, **sets)
    return raised.value.message.splitlines()
