"""Results of imaginary plans and runs, with one host in every state that matters."""

from __future__ import annotations

from fleet.model.plan import (
    Change,
    Cost,
    GateResult,
    HostResult,
    HostState,
    Resource,
    ResourceStatus,
)

SOURCES = "File[/etc/apt/sources.list.d/b70fleet-oneapi.sources]"
DIFF = """\
--- live:/etc/apt/sources.list.d/b70fleet-oneapi.sources
+++ want:/etc/apt/sources.list.d/b70fleet-oneapi.sources
@@ -1,3 +1,3 @@
 Types: deb
-URIs: http://mirror/oneapi/20250101
+URIs: http://mirror/oneapi/20250131
 Suites: all
"""


def pending(name: str = "rig-a") -> HostResult:
    """Return a plan with a file, a package set, a conditional restart and a gate that chose."""
    return HostResult(
        host=name,
        state=HostState.PENDING,
        resources=[
            Resource(
                layer="apt",
                name=SOURCES,
                status=ResourceStatus.CHANGE,
                why=["the content differs"],
                changes=[Change(kind="write", text=SOURCES[5:-1], diff=DIFF)],
            ),
            Resource(
                layer="gpu-userspace",
                name="Packages[gpu-userspace]",
                status=ResourceStatus.CHANGE,
                changes=[
                    Change(kind="shell", text="apt-get install -y libze1=1.21 xpu-smi=1.3.1"),
                    Change(kind="shell", text="printf '%s\\n' one \\\n  two"),
                ],
            ),
            Resource(
                layer="base",
                name="Unit[systemd-journald]",
                status=ResourceStatus.CONDITIONAL,
                why=["restarts when its drop-in changes"],
            ),
            Resource(
                layer="base",
                name="Sysctl[vm.swappiness]",
                status=ResourceStatus.IN_SYNC,
                why=["is 10 in the drop-in and in the kernel"],
            ),
        ],
        gates=[
            GateResult(
                id="context-32768",
                title="32768 tokens of context",
                verdict="WARN",
                choice="24576",
                reason="xe.disable_display=1 is not on the command line of this boot",
                facts={"boot.disable_display": "no"},
                evidence="docs/evidence.md#context",
                next_step="add the token and reboot",
                simulated=True,
            ),
            GateResult(
                id="tp4-x16",
                title="tensor parallel over four cards",
                verdict="PASS",
                choice=None,
                reason="four cards at x16",
                facts={},
                evidence="docs/evidence.md#tp4",
                next_step="",
            ),
        ],
        cost=Cost(changes=2, restarts=["systemd-journald"], minutes=3.4),
        execs=1,
        seconds=1.2,
    )


def unreachable(name: str = "rig-b") -> HostResult:
    """Return a host that did not answer."""
    return HostResult(
        host=name,
        state=HostState.UNREACHABLE,
        error=f"{name}: no answer from 10.0.0.2 port 22 within 10 s",
        hint="ssh 10.0.0.2 true",
        error_id="unreachable",
    )


def converged(name: str = "rig-a") -> HostResult:
    """Return a host whose two resources were changed."""
    plan = pending(name)
    plan.state = HostState.CONVERGED
    plan.changed = [SOURCES, "Packages[gpu-userspace]"]
    plan.certificate = "ab" * 32
    plan.execs = 5
    plan.seconds = 83.0
    for resource, seconds in zip(plan.resources[:2], (0.4, 61.0), strict=True):
        resource.outcome, resource.seconds = "done", seconds
    return plan


def culprit(name: str = "lab1") -> HostResult:
    """Return a host with an operation that wants the same thing twice."""
    return HostResult(
        host=name,
        state=HostState.NOT_IDEMPOTENT,
        error=f"{name}: after applying, the plan is not empty: File[/etc/date]",
        error_id="not-idempotent",
        hint=f"b70 plan --limit {name}",
        changed=["File[/etc/date]"],
        execs=4,
        seconds=2.0,
    )
