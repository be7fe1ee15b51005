"""One finished xpu-smi command: its JSON document, or a sentence that says why there is none.

xpu-smi reports failure in six ways (exit status, JSON with errno, JSON with `return`, plain text on
stdout, text on stderr, a crash), and status 0 proves nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from facts.pci.bounded import TOO_MUCH
from facts.value import Unknown

_MISSING_LIBRARY: Final = re.compile(r"error while loading shared libraries: ([^:\s]+)")
#: Statuses with a complete document: 46 only means that a firmware version is unreadable
#: (intel/xpumanager v1.3.x cli/src/exit_code.h).
_COMPLETE: Final = (0, 46)
_FATAL: Final = {
    124: "xpu-smi hung and was stopped",
    125: "xpu-smi hung and was stopped",
    137: "xpu-smi hung and had to be killed",
    143: "xpu-smi hung and was stopped",
    134: "xpu-smi aborted",
    139: "xpu-smi crashed (segmentation fault)",
    TOO_MUCH: "xpu-smi printed without end and was stopped",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One command: exit status of timeout(1) and the two streams, never merged."""

    name: str
    status: int
    stdout: str
    stderr: str


def document(run: Run) -> dict[str, object] | Unknown:
    """Return the JSON object that a `-j` command printed, or why it did not."""
    stopped = failed_start(run)
    if stopped is not None:
        return stopped
    try:
        found = json.loads(run.stdout)
    except (ValueError, RecursionError):
        return Unknown(f"xpu-smi exit status {run.status}: {_first_words(run)}", _raw(run))
    if not isinstance(found, dict):
        return Unknown("xpu-smi printed no JSON object", _raw(run))
    if "errno" in found or "error" in found:
        reason = f"xpu-smi: {found.get('error', 'no message')} (errno {found.get('errno', 'none')})"
        return Unknown(reason, _raw(run))
    if "return" in found:
        return Unknown(f"xpu-smi: {found['return']}", _raw(run))
    if run.status not in _COMPLETE:
        return Unknown(f"xpu-smi exit status {run.status}: {_first_words(run)}", _raw(run))
    return found


def failed_start(run: Run) -> Unknown | None:
    """Return why the program never got to its work: missing library, hang or crash."""
    if library := _MISSING_LIBRARY.search(run.stderr):
        return Unknown(f"xpu-smi cannot start: {library[1]} is missing", _raw(run))
    if run.status in _FATAL:
        return Unknown(_FATAL[run.status], _raw(run))
    return None


def _first_words(run: Run) -> str:
    text = run.stdout.strip() or run.stderr.strip() or "no output"
    return text.split("\n", 1)[0]


def _raw(run: Run) -> str:
    return f"{run.stdout}\n{run.stderr}".strip()
