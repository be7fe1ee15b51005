"""Results and readings of real runs on lab rigs, kept as files: what golden files show.

Tests on rigs check that a rig still answers alike; `B70_UPDATE_GOLDEN=1` records anew. Times,
sizes, hashes and addresses are those of the recording.
"""

from __future__ import annotations

import json
import os
from typing import Any

from declaration.host import HostSpec
from facts.base import interpret
from facts.readings import Readings
from facts.registry import all_facts
from facts.value import Unknown
from fleet.host.keys import FactKey
from fleet.model.plan import HostResult
from fleet.run.visit import Visit
from gates.needed import FACTS, KEYED
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


def recorded_rig() -> tuple[HostSpec, Readings]:
    """Return a recorded rig: how it was declared, and what its facts said.

    What is kept are the bytes that the scripts printed; today's parsers read them.
    """
    kept = json.loads((FOLDER / "rig.json").read_text("utf-8"))
    known = {**all_facts(), **{fact.domain: fact for fact in (*FACTS, *KEYED)}}
    said = {
        known[domain]: interpret(known[domain](), lines)
        for domain, lines in kept["facts"].items()
        if domain in known
    }
    return HostSpec.model_validate(kept["spec"]), Readings(said)


def check_rig(visit: Visit) -> None:
    """Compare what a rig says with what it said when it was recorded."""
    if os.environ.get("B70_UPDATE_GOLDEN"):
        printed = {
            key.fact.domain: raw.stdout
            for key, raw in visit.cache._raw.items()
            if isinstance(key, FactKey) and key.fact in visit.readings
        }
        spec = visit.spec.model_dump(mode="json", exclude={"connection": {"key"}, "identity": True})
        text = json.dumps({"spec": spec, "facts": printed}, indent=1, sort_keys=True)
        (FOLDER / "rig.json").write_text(text.replace(visit.name, NAME) + "\n", "utf-8")
    _, before = recorded_rig()
    assert _known(visit.readings) == _known(before)


def _known(readings: Readings) -> dict[str, bool]:
    """Return domain -> whether it could be read."""
    return {name: not isinstance(value, Unknown) for name, value in readings.named().items()}
