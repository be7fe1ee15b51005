"""`b70 converge`: make hosts match their declaration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fleet.base.errors import ConfigError
from fleet.cli import context
from fleet.cli.approve import approve
from fleet.cli.options import All, Exclude, Json, Limit, NoDiff, Parallel
from fleet.cli.plan import plan as plan_verb
from fleet.cli.plan import show
from fleet.cli.settings import current
from fleet.cli.watch import watched

if TYPE_CHECKING:
    from declaration.host import HostSpec
    from fleet.config import Fleet
    from fleet.model.plan import RunResult
    from fleet.run.engine import Runs

EXAMPLES: Final = (
    ("b70 converge --limit rig-a", "show the plan of one host, ask, apply"),
    ("b70 converge --all -y", "the whole fleet, without a question"),
    ("b70 converge plan.json", "exactly what `b70 plan -o plan.json` showed"),
    ("b70 converge --limit rig-a --check", "the same as b70 plan --limit rig-a"),
)

PlanFile = Annotated[
    Path | None, typer.Argument(metavar="[PLANFILE]", help="A plan saved by `b70 plan -o`.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AllowReboot = Annotated[
    bool,
    typer.Option("--allow-reboot", help="A new host may reboot into its first boot set."),
]
Check = Annotated[
    bool, typer.Option("--check", "--dry", help="Only show the plan, like `b70 plan`.")
]


def converge(
    planfile: PlanFile = None,
    limit: Limit = None,
    exclude: Exclude = None,
    all: All = False,
    yes: Yes = False,
    check: Check = False,
    allow_reboot: AllowReboot = False,
    json: Json = False,
    no_diff: NoDiff = False,
    parallel: Parallel = 0,
) -> None:
    """Apply what is pending, then plan again: a host counts as converged when nothing is left.

    Needs --limit, --all or a saved plan. Shows the plan and asks first, unless -y is given; what is
    applied is then exactly what was shown, and a host that moved in between is refused.
    """
    from fleet.run import order

    if check:
        if planfile is not None:
            raise ConfigError("--check makes a new plan; leave PLANFILE out")
        plan_verb(limit, exclude, all, json, None, no_diff, parallel)
    fleet = context.load_fleet()
    saved = _saved(fleet, planfile)
    hosts = _hosts(fleet, saved, limit or (), exclude or (), all)
    engine = context.make_engine(fleet, parallel)
    if saved is None and not yes:
        with watched() as emit:
            saved = engine.run(hosts, order.plan(), emit).result
    if saved is None:
        with watched() as emit:
            wanted = order.converge(allow_reboot=allow_reboot)
            result = engine.run(hosts, wanted, emit).result
    else:
        saved = _only(saved, hosts)
        if not yes:
            if not json:
                show(saved, no_diff)
            approve(saved)
        result = _apply(engine, hosts, saved, allow_reboot)
    _report(result, json)
    raise typer.Exit(result.exit_code)


def _saved(fleet: Fleet, planfile: Path | None) -> RunResult | None:
    if planfile is None:
        return None
    from fleet.run.savedplan import load

    if str(planfile) in fleet.hosts and not planfile.exists():
        raise ConfigError(
            f"{planfile} is a host, no saved plan", f"b70 converge --limit {planfile}"
        )
    return load(planfile, fleet.name)


def _hosts(
    fleet: Fleet,
    saved: RunResult | None,
    limit: Sequence[str],
    exclude: Sequence[str],
    everything: bool,
) -> list[HostSpec]:
    """Return the hosts to change; a saved plan stands for a limit."""
    if saved is None:
        return fleet.select(limit, exclude, everything)
    from fleet.run.savedplan import WrongPlan

    planned = [host.host for host in saved.hosts]
    missing = [name for name in planned if name not in fleet.hosts]
    if missing:
        raise WrongPlan(f"the fleet no longer has {', '.join(missing)}", hint="b70 plan -o FILE")
    chosen = fleet.select(limit, exclude, everything=True)
    if not (found := [spec for spec in chosen if spec.name in planned]):
        raise WrongPlan(f"the plan covers only {', '.join(planned)}")
    return found


def _only(plan: RunResult, hosts: Sequence[HostSpec]) -> RunResult:
    names = {spec.name for spec in hosts}
    kept = [host for host in plan.hosts if host.host in names]
    return plan.model_copy(update={"hosts": kept})


def _apply(
    engine: Runs, hosts: Sequence[HostSpec], plan: RunResult, allow_reboot: bool
) -> RunResult:
    """Converge the hosts whose plan is usable; the others keep the plan's verdict."""
    from fleet.run import order

    bad = {host.host for host in plan.troubled}
    workable = [spec for spec in hosts if spec.name not in bad]
    if not workable:
        return plan
    with watched() as emit:
        wanted = order.converge(plan, allow_reboot=allow_reboot)
        result = engine.run(workable, wanted, emit).result
    done = {host.host: host for host in result.hosts}
    merged = [done.get(host.host, host) for host in plan.hosts]
    return result.model_copy(update={"hosts": merged})


def _report(result: RunResult, json: bool) -> None:
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.summary import print_problems, print_summary

    settings = current()
    if json:
        json_report.write_result(sys.stdout, result)
    else:
        print_summary(console.stdout(settings.color), result)
    retry = [*settings.retry_prefix(), "converge"]
    print_problems(console.stderr(settings.color), result, retry)
