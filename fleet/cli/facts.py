"""`b70 facts HOST [DOMAIN...]`: what a host is."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from fleet.cli import context
from fleet.cli.complete import complete_domain
from fleet.cli.domains import check_domains
from fleet.cli.options import Host, Json
from fleet.cli.settings import current
from fleet.cli.watch import watched

EXAMPLES: Final = (
    ("b70 facts rig-a", "everything that a normal run reads"),
    ("b70 facts rig-a gpu_link kernel", "two domains; no other is read"),
    ("b70 facts rig-a xpu_smi", "a fact that is read only when it is named"),
    ("b70 facts rig-a --json | jq .facts.kernel", ""),
)

Domains = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DOMAIN]...", help="Domains.", autocompletion=complete_domain),
]


def facts(host: Host, domain: Domains = None, json: Json = False) -> None:
    """Read a host's facts in one go and show them; UNKNOWN stands with its reason."""
    from facts.value import Unknown
    from fleet.report.formats import json_report
    from fleet.report.terminal import console
    from fleet.report.terminal.facts import print_facts
    from fleet.run import order

    fleet = context.load_fleet()
    spec = fleet.host(host)
    wanted = list(domain or ())
    check_domains(wanted)
    engine = context.make_engine(fleet)
    with watched() as emit:
        (visit,) = engine.run([spec], order.read(only=wanted), emit).visits
    if visit.error is not None:
        raise visit.error
    named = visit.readings.named()
    values = {name: named.get(name, Unknown("not read")) for name in wanted or sorted(named)}
    if json:
        body = {"host": host, "execs": visit.result.execs, "facts": values}
        json_report.write(sys.stdout, body)
    else:
        print_facts(console.stdout(current().color), host, values)
