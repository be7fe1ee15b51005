"""Does the driver of each card work, and what may switch a card off. Pure.

The states and their ways out are the gates' knowledge; here a word of the kernel's command line
also gets the file and line that set it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from facts.boot.kernel import Kernel
from facts.pci.aspm import AspmPolicy
from facts.pci.gpu_link import GpuLinks
from facts.value import Unknown, known
from fleet.model.finding import Finding
from fleet.preflight.kernel_words import places
from fleet.preflight.model import Context, check
from gates.card_driver import Driven, DriverState
from gates.card_power import causes, told
from gates.world_card_state import driven, power_step

#: A card that waits for firmware has a finding of its own.
_TOLD_ELSEWHERE: Final = (DriverState.DRIVEN, DriverState.SURVIVABILITY)


@check("gpu-driver", "cards")
def _driver(context: Context) -> Iterator[Finding]:
    """A card has no driver that works: none is bound, another one is, or xe failed.

    What is bound is read from sysfs, what became of it from the kernel log of this boot. Where
    something keeps xe away, it is named: a word of the kernel's command line, a line of modprobe.d
    or a driver_override. Nothing is served by such a card.
    """
    said: dict[Driven | Unknown, list[str]] = {}
    for card in known(context.given[GpuLinks]) or ():
        if card.is_b70 and not card.is_virtual:
            said.setdefault(driven(card, context.given), []).append(card.bdf)
    for found, addresses in said.items():
        names = ", ".join(addresses)
        if isinstance(found, Unknown):
            text = f"{names}: whether a driver is bound is UNKNOWN: {found.reason}"
            yield context.unknown(text, f"b70 facts {context.spec.name} gpu_link")
        elif found.state not in _TOLD_ELSEWHERE:
            step = found.step if isinstance(found.step, str) else ""
            remedy = step + places(context, found.words or causes(known(context.given[Kernel])))
            yield context.critical(f"{names}: {found.state.value}: {found.reason}", remedy)


@check("power-words", "cards")
def _power_words(context: Context) -> Iterator[Finding]:
    """The kernel was told to save power on the way to the cards, more than firmware or port allow.

    A card was switched off so (D3cold) and answered with ones only until the word was gone and the
    host had booted cold. The policy is never written on a running host.
    """
    if not known(context.given[GpuLinks]) or Kernel not in context.given:
        return
    words = told(context.given[Kernel], context.given[AspmPolicy])
    if isinstance(words, tuple) and words:
        step = power_step(context.given)
        text = f"{', '.join(words)}: after this the kernel may switch a card off for good"
        yield context.warning(text, step + places(context, words))
