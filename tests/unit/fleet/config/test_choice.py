"""Which fleet a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.base.errors import ConfigError
from fleet.config import choose_fleet


def test_the_option_wins_over_the_variable_and_the_directory(tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").touch()
    assert choose_fleet("opt", {"B70_INVENTORY": "var"}, tmp_path) == Path("opt")
    assert choose_fleet(None, {"B70_INVENTORY": "var"}, tmp_path) == Path("var")
    assert choose_fleet(None, {}, tmp_path) == tmp_path


def test_nothing_chosen_names_both_ways_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        choose_fleet(None, {"B70_INVENTORY": ""}, tmp_path)
    assert "-i DIR" in raised.value.message
    assert "B70_INVENTORY" in raised.value.message
