"""What a run would change and what it did: pure data behind terminal, JSON and ledger.

No SSH and no pyinfra here. Secrets never get this far: whoever builds a Change masks first.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from fleet.base.exitcodes import ExitCode, worst

#: Version of the JSON that `plan --json` prints and `plan -o` saves.
SCHEMA: Final = 1


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ResourceStatus(StrEnum):
    """State of one resource against its declaration."""

    IN_SYNC = "in-sync"
    CHANGE = "change"
    #: may change, known only after an earlier layer was applied, or a handler of another resource
    CONDITIONAL = "conditional"


class Change(_Data):
    """One command or file write that a resource wants."""

    kind: str = Field(description="write | shell | python")
    #: the expanded command (masked) or the path of the file
    text: str
    diff: str = ""


class Resource(_Data):
    """One named operation on one host."""

    layer: str
    name: str
    status: ResourceStatus
    why: list[str] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    #: seconds it took, when executed
    seconds: float | None = None
    #: None = not executed
    outcome: str | None = Field(default=None, description="done | failed | not-run | uncertain")


class GateResult(_Data):
    """A decision as reports show it (see gates.model.Decision)."""

    id: str
    title: str
    verdict: str
    choice: str | None
    reason: str
    facts: dict[str, str]
    evidence: str
    next_step: str
    simulated: bool = False


class Cost(_Data):
    """What applying the plan costs a host."""

    changes: int = 0
    restarts: list[str] = Field(default_factory=list)
    reboots: int = 0
    #: estimated minutes, from this host's own history where there is one
    minutes: float = 0.0
    gpus_out: int = 0


class HostState(StrEnum):
    """How a host came out of a run; each maps to one exit code."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    CONVERGED = "converged"
    NOT_IDEMPOTENT = "not-idempotent"
    FAILED = "failed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    #: contact was lost while something was being changed
    UNCERTAIN = "uncertain"
    #: the run was aborted before anything was done there
    NOT_STARTED = "not-started"


EXIT_CODE: Final[dict[HostState, ExitCode]] = {
    HostState.IN_SYNC: ExitCode.CLEAN,
    HostState.PENDING: ExitCode.PENDING,
    HostState.CONVERGED: ExitCode.CLEAN,
    HostState.NOT_IDEMPOTENT: ExitCode.FAILED,
    HostState.FAILED: ExitCode.FAILED,
    HostState.REFUSED: ExitCode.REFUSED,
    HostState.UNREACHABLE: ExitCode.UNREACHABLE,
    HostState.UNCERTAIN: ExitCode.UNREACHABLE,
    HostState.NOT_STARTED: ExitCode.REFUSED,
}


class HostResult(_Data):
    """One host in a plan or a run."""

    host: str
    state: HostState
    resources: list[Resource] = Field(default_factory=list)
    gates: list[GateResult] = Field(default_factory=list)
    cost: Cost = Cost()
    error: str = ""
    hint: str = ""
    #: id of the error type, for `b70 explain`
    error_id: str = ""
    #: resources that changed, in order
    changed: list[str] = Field(default_factory=list)
    #: resource -> hash of what would be done to it and why; a saved plan compares them
    fingerprints: dict[str, str] = Field(default_factory=dict)
    #: why a reboot is due; empty = none is
    reboot_pending: list[str] = Field(default_factory=list)
    #: hash of the empty re-plan; set when the host is converged
    certificate: str = ""
    execs: int = 0
    seconds: float = 0.0


class RunResult(_Data):
    """A whole plan or converge."""

    schema_version: int = SCHEMA
    run: str
    command: str
    fleet: str
    #: ISO-8601 UTC
    started: str
    seconds: float = 0.0
    hosts: list[HostResult] = Field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of the whole run."""
        return worst(EXIT_CODE[host.state] for host in self.hosts)


def certificate(host: str, spec_hash: str, resources: list[Resource]) -> str:
    """Return the idempotence certificate: a hash over an all-in-sync plan.

    Raises:
        ValueError: a resource is not in sync.
    """
    dirty = [r.name for r in resources if r.status is ResourceStatus.CHANGE]
    if dirty:
        raise ValueError(f"not in sync: {', '.join(dirty)}")
    body = {"host": host, "spec": spec_hash, "resources": [[r.layer, r.name] for r in resources]}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
