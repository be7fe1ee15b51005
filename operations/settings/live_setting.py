"""Settings that a oneshot unit makes and that somebody may undo behind its back.

The unit runs once per boot; here the live value is compared, and the unit is run again when it
differs.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from facts.pci.gpu_link import GpuLinks
from facts.reader import read
from facts.system.cpuidle import CpuIdle
from facts.value import Unknown
from operations.operation import operation

#: A cap is declared in W and kept in sysfs in microwatts.
_MICRO = 1_000_000


@operation()
def idle_states(states: Sequence[int], service: str) -> Generator[StringCommand, None, None]:
    """Keep processor idle states off on every processor.

    + states: their numbers
    + service: unit that turns them off
    """
    found = read(CpuIdle)
    if isinstance(found, Unknown):
        raise OperationError(f"the processor's idle states are UNKNOWN: {found.reason}")
    lacking = [number for number in states if number not in found]
    if lacking:
        known = ", ".join(f"{number} ({state.name})" for number, state in found.items())
        raise OperationError(
            f"the processor has no idle state {lacking[0]}; it has {known or 'none'}"
        )
    loose = [number for number in states if found[number].off < found[number].processors]
    if loose:
        yield _restart(service)
        return
    names = ", ".join(f"{number} ({found[number].name})" for number in states)
    host.noop(f"{names} off on all processors")


@operation()
def power_caps(
    caps: Mapping[str, int], service: str, waits_for: Sequence[str] = ()
) -> Generator[StringCommand, None, None]:
    """Keep the board power of cards capped.

    + caps: PCI address -> W
    + service: unit that sets them
    + waits_for: why there may be no sensors yet; the unit sets the caps at the next boot
    """
    if waits_for:
        host.noop(f"after the reboot: {'; '.join(waits_for)}")
        return
    found = read(GpuLinks)
    if isinstance(found, Unknown):
        raise OperationError(f"the cards are UNKNOWN: {found.reason}")
    live = {card.bdf: card.power1_cap_uw for card in found}
    for bdf in caps:
        if bdf not in live:
            raise OperationError(f"{bdf} is not on the PCI bus, so its power cannot be capped")
        if isinstance(cap := live[bdf], Unknown):
            raise OperationError(f"the power cap of {bdf} is UNKNOWN: {cap.reason}")
    if any(live[bdf] != watts * _MICRO for bdf, watts in caps.items()):
        yield _restart(service)
        return
    host.noop(", ".join(f"{bdf} {watts} W" for bdf, watts in caps.items()))


def _restart(service: str) -> StringCommand:
    return StringCommand("systemctl", "restart", QuoteString(service))
