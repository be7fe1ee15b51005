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
from fleet.model.finding import Finding

#: Version of the JSON that `plan --json` prints and `plan -o` saves.
SCHEMA: Final = 2


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ResourceStatus(StrEnum):
    """State of one resource against its declaration."""

    IN_SYNC = "in-sync"
    CHANGE = "change"
    #: may change, known only after an earlier layer was applied, or a handler of another resource
    CONDITIONAL = "conditional"


class Action(StrEnum):
    """What applying does to a resource."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


class Difference(_Data):
    """One property of a resource that is not as declared; see operations.operation."""

    what: str
    #: None = it should not exist
    expected: str | None
    #: None = it does not exist
    seen: str | None


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
    #: why nothing is to be done
    why: list[str] = Field(default_factory=list)
    #: why something is
    differences: list[Difference] = Field(default_factory=list)
    #: unit that the commands restart -> why
    restarts: dict[str, str] = Field(default_factory=dict)
    #: bytes that the commands fetch; None = not known
    download: int | None = 0
    changes: list[Change] = Field(default_factory=list)
    #: seconds it took, when executed
    seconds: float | None = None
    #: None = not executed
    outcome: str | None = Field(default=None, description="done | failed | not-run | uncertain")

    @property
    def action(self) -> Action:
        """Return whether the resource comes, goes or changes."""
        if self.differences and all(item.seen is None for item in self.differences):
            return Action.CREATE
        if self.differences and all(item.expected is None for item in self.differences):
            return Action.REMOVE
        return Action.CHANGE


class Cost(_Data):
    """What applying the plan costs a host."""

    changes: int = 0
    restarts: list[str] = Field(default_factory=list)
    reboots: int = 0
    #: estimated minutes, from this host's own history where there is one
    minutes: float = 0.0
    #: GPUs that serve nobody while it is applied
    gpus_out: int = 0
    #: bytes to fetch; None = not known
    download: int | None = 0


class HostState(StrEnum):
    """How a host came out of a run."""

    #: it was asked, and compared with nothing
    READ = "read"
    IN_SYNC = "in-sync"
    PENDING = "pending"
    CONVERGED = "converged"
    #: what a person asked for was done; it was compared with nothing else
    DONE = "done"
    REFUSED = "refused"
    NOT_IDEMPOTENT = "not-idempotent"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    #: contact was lost while something was being changed
    UNCERTAIN = "uncertain"
    #: the run was aborted before anything was done there
    NOT_STARTED = "not-started"

    @property
    def good(self) -> bool:
        """Return True if nothing is left to do on the host."""
        return self.exit_code is ExitCode.CLEAN

    @property
    def troubled(self) -> bool:
        """Return True if a person has to look at the host."""
        return self.exit_code not in (ExitCode.CLEAN, ExitCode.PENDING)

    @property
    def exit_code(self) -> ExitCode:
        """Return what a run of this host alone exits with."""
        return _EXIT_CODE[self]


_EXIT_CODE: Final[dict[HostState, ExitCode]] = {
    HostState.READ: ExitCode.CLEAN,
    HostState.IN_SYNC: ExitCode.CLEAN,
    HostState.PENDING: ExitCode.PENDING,
    HostState.CONVERGED: ExitCode.CLEAN,
    HostState.DONE: ExitCode.CLEAN,
    HostState.REFUSED: ExitCode.REFUSED,
    HostState.NOT_IDEMPOTENT: ExitCode.FAILED,
    HostState.FAILED: ExitCode.FAILED,
    HostState.UNREACHABLE: ExitCode.UNREACHABLE,
    HostState.UNCERTAIN: ExitCode.UNREACHABLE,
    HostState.NOT_STARTED: ExitCode.REFUSED,
}


class HostResult(_Data):
    """One host in a plan or a run."""

    host: str
    state: HostState
    resources: list[Resource] = Field(default_factory=list)
    #: what the gates decided
    gates: list[Finding] = Field(default_factory=list)
    cost: Cost = Cost()
    error: str = ""
    hint: str = ""
    #: id of the error type, for `b70 explain`
    error_id: str = ""
    #: run whose lock may stand there still, after a run that did not give it back
    lock: str = ""
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
    def troubled(self) -> list[HostResult]:
        """Return the hosts that a person has to look at, the worst kind last."""
        order = list(HostState)
        listed = [host for host in self.hosts if host.state.troubled]
        return sorted(listed, key=lambda host: order.index(host.state))

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of the whole run."""
        return worst(host.state.exit_code for host in self.hosts)


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
