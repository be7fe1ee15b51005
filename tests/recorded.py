"""Results of real runs on lab rigs, kept as files: what the command line's golden files show.

Tests on rigs check that a rig still answers alike; `B70_UPDATE_GOLDEN=1` records anew. Times,
sizes, hashes and addresses are those of the recording.
"""

from __future__ import annotations

import os
from typing import Any

from fleet.model.plan import HostResult
from tests.places import FIXTURES

FOLDER = FIXTURES / "recorded"
#: The name under which every recorded host is kept.
NAME = "rig-a"


def recorded(what: str, host: str = NAME) -> HostResult:
    """Return a recorded result, told of another host.

    Args:
        what: the file's name, such as `pending`.
        host: how the host is called.
    """
    text = (FOLDER / f"{what}.json").read_text("utf-8")
    return HostResult.model_validate_json(text.replace(NAME, host))


def check_recorded(what: str, fresh: HostResult) -> None:
    """Compare what a rig answers with what it answered when it was recorded."""
    path = FOLDER / f"{what}.json"
    if os.environ.get("B70_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = fresh.model_dump_json(indent=1).replace(fresh.host, NAME)
        path.write_text(f"{text}\n", "utf-8")
    assert _shape(fresh) == _shape(recorded(what, fresh.host))


def _shape(host: HostResult) -> dict[str, Any]:
    """Return what stays the same from run to run."""
    return {
        "state": host.state,
        "error": host.error_id,
        "changed": host.changed,
        "restarts": host.cost.restarts,
        "resources": [
            (r.layer, r.name, r.status, r.action, [d.what for d in r.differences])
            for r in host.resources
        ],
        "gates": [(found.id, found.verdict) for found in host.gates],
    }
