"""Results of imaginary plans and runs, for what verbs do with them; what a person sees is recorded.

See tests/recorded.py.
"""

from __future__ import annotations

from fleet.model.finding import Choice, Finding, Severity
from fleet.model.plan import (
    Change,
    Cost,
    Difference,
    HostResult,
    HostState,
    Resource,
    ResourceStatus,
)
from gates.model import Verdict

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
                differences=[
                    Difference(
                        what="content",
                        expected="76 bytes, sha256 1f0e3dad",
                        seen="76 bytes, sha256 98f13708",
                    ),
                ],
                changes=[Change(kind="write", text=SOURCES[5:-1], diff=DIFF)],
            ),
            Resource(
                layer="gpu-userspace",
                name="Packages[gpu-userspace]",
                status=ResourceStatus.CHANGE,
                differences=[
                    Difference(what="package libze1", expected="1.21", seen="1.20"),
                    Difference(what="package xpu-smi", expected="1.3.1", seen=None),
                ],
                download=20_000_000,
                changes=[
                    Change(kind="shell", text="apt-get install -y libze1=1.21 xpu-smi=1.3.1"),
                    Change(kind="shell", text="printf '%s\\n' one \\\n  two"),
                ],
            ),
            Resource(
                layer="base",
                name="Unit[systemd-journald]",
                status=ResourceStatus.CONDITIONAL,
                restarts={"systemd-journald.service": "its drop-in is written first"},
            ),
            Resource(
                layer="base",
                name="Sysctl[vm.swappiness]",
                status=ResourceStatus.IN_SYNC,
                why=["is 10 in the drop-in and in the kernel"],
            ),
        ],
        gates=[
            Finding(
                id="context-32768",
                host=name,
                domain="gates",
                severity=Severity.WARNING,
                verdict=Verdict.WARN,
                title="32768 tokens of context",
                text="xe.disable_display=1 is not on the command line of this boot",
                facts={"boot.disable_display": "no"},
                evidence="docs/evidence.md#context",
                remedy="add the token and reboot",
                simulated=True,
                gate=Choice(value="24576"),
            ),
            Finding(
                id="tp4-x16",
                host=name,
                domain="gates",
                severity=Severity.INFO,
                verdict=Verdict.PASS,
                title="tensor parallel over four cards",
                text="four cards at x16",
                evidence="docs/evidence.md#tp4",
            ),
        ],
        cost=Cost(
            changes=2,
            restarts=["systemd-journald.service"],
            minutes=3.4,
            download=20_000_000,
        ),
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
