"""What xpu-smi says against sysfs, where a person asked it too (`--ask xpu_smi`). Pure.

sysfs decides; both values are told.
"""

from __future__ import annotations

from collections.abc import Iterator

from facts.packages.debian_version import version_compare
from facts.pci.gpu_link import GpuLinks
from facts.pci.witness import compare
from facts.pci.xpu_smi import XpuSmi
from facts.pci.xpu_smi_parse import XpuSmiReport
from facts.value import Reading, Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.model import Context, check


@check("two-witnesses", "cards")
def _two_witnesses(context: Context) -> Iterator[Finding]:
    """xpu-smi and sysfs differ about a card, or xpu-smi says what it cannot know.

    sysfs decides whether a card is there, in survivability mode and how its link is; xpu-smi alone
    proves nothing of that. It called healthy cards broken where the processor has a GPU too
    (2.1.0), and prints numbers of the field before where it cannot read one. Where the two differ
    the value counts as UNKNOWN, and no setting rests on it.
    """
    report = context.given[XpuSmi]
    if not isinstance(report, XpuSmiReport):
        return
    show = f"b70 facts {context.spec.name} xpu_smi gpu_link"
    testimony = compare(known(context.given[GpuLinks]) or (), report)
    for card in testimony.cards:
        if card.dispute is not None:
            yield context.warning(f"{card.bdf}: {card.dispute}; sysfs decides", show)
        values = (card.max_gen, card.max_width, card.downgraded, card.ecc)
        for reason in dict.fromkeys(v.reason for v in values if isinstance(v, Unknown)):
            yield context.unknown(f"{card.bdf}: {reason}", show)
    for bdf in testimony.strangers:
        yield context.warning(f"xpu-smi lists a card at {bdf} that is not on the PCI bus", show)
    yield from _health(context, report)


def _health(context: Context, report: XpuSmiReport) -> Iterator[Finding]:
    needs, has = report.health_needs, report.level_zero
    if needs is None or _is_at_least(has, needs):
        return
    yield context.info(
        f"`xpu-smi health` of {report.version} says nothing below Level Zero {needs} (here: {has})"
    )


def _is_at_least(has: Reading[str], needs: str) -> bool:
    try:
        return isinstance(has, str) and version_compare(has, needs) >= 0
    except ValueError:
        return False  # what is no version is no newer one
