"""JSON: one document, stable key order, ISO-8601 UTC times, nothing else on the stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

from fleet.base.plain import plain
from fleet.model.finding import Finding
from fleet.model.plan import RunResult


def render(findings: Sequence[Finding]) -> str:
    """Return findings as one JSON document."""
    return _document({"findings": findings})


def write_result(out: TextIO, result: RunResult) -> None:
    """Write a plan or a run; `exit_code` is added, the rest is the saved-plan format."""
    body = plain(result)
    if isinstance(body, dict):
        body["exit_code"] = int(result.exit_code)
    write(out, body)


def write(out: TextIO, body: object) -> None:
    """Write any typed value as one JSON document."""
    out.write(_document(body))


def _document(body: object) -> str:
    return json.dumps(plain(body), indent=2, ensure_ascii=False) + "\n"
