"""Every format shows every finding, and is reached by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.base.errors import ConfigError
from fleet.cli.reports import Reports, write_reports
from fleet.model.finding import Finding, Severity, worst_first
from fleet.report.formats import FORMATS
from gates.model import Verdict


def finding(host: str, name: str, severity: Severity, **more: object) -> Finding:
    values = {"domain": "disks", "verdict": Verdict.WARN, "text": f"{name} | of {host}\n"}
    return Finding.model_validate(
        {"id": name, "host": host, "severity": severity, **values, **more}
    )


FOUND = [
    finding("rig-a", "disk-full", Severity.CRITICAL, remedy="apt-get clean | tail", inhibits=True),
    finding("rig-b", "gpu-power", Severity.INFO, simulated=True),
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_every_finding(name: str) -> None:
    text = FORMATS[name](FOUND)
    for found in FOUND:
        assert found.id in text
        assert found.host in text
    assert "apt-get clean" in text
    assert text.endswith("\n")


def test_json_is_what_the_model_holds() -> None:
    (first, _) = json.loads(FORMATS["json"](FOUND))["findings"]
    assert Finding.model_validate(first) == FOUND[0]


def test_a_markdown_cell_never_breaks_its_table() -> None:
    rows = [line for line in FORMATS["markdown"](FOUND).splitlines() if "disk-full" in line]
    assert rows == ["| WARN | `disk-full` | disk-full \\| of rig-a  | apt-get clean \\| tail |"]


def test_the_help_names_every_format() -> None:
    (option,) = Reports.__metadata__  # type: ignore[attr-defined]
    assert f"({', '.join(FORMATS)})" in option.help


def test_reports_are_written_beside_each_other(tmp_path: Path) -> None:
    asked = [f"json:{tmp_path}/a.json", f"markdown:{tmp_path}/b.md"]
    write_reports(asked, FOUND)
    assert (tmp_path / "a.json").read_text() == FORMATS["json"](FOUND)
    assert (tmp_path / "b.md").read_text() == FORMATS["markdown"](FOUND)


@pytest.mark.parametrize("wrong", ["html:x.html", "json", "json:", "markdown"])
def test_nothing_is_written_when_one_report_cannot_be_named(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match="formats are json, markdown"):
        write_reports([f"json:{tmp_path}/a.json", wrong], FOUND)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write the report"):
        write_reports([f"json:{tmp_path}/none/a.json"], FOUND)


def test_what_inhibits_comes_first_then_the_worst_and_the_order_stays() -> None:
    listed = [
        finding("a", "one", Severity.INFO),
        finding("a", "two", Severity.CRITICAL),
        finding("a", "three", Severity.WARNING, inhibits=True),
        finding("a", "four", Severity.CRITICAL),
    ]
    assert [f.id for f in worst_first(listed)] == ["three", "two", "four", "one"]
