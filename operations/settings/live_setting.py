"""Settings that a oneshot unit makes and that somebody may undo behind its back.

The unit runs once per boot; here the live value is compared, and the unit is run again when it
differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from facts.pci.gpu_link import GpuLinks
from facts.reader import read
from facts.system.cpuidle import CpuIdle
from facts.value import Reading
from operations.operation import Commands, differs, operation, restarts
from operations.require import require

#: A cap is declared in W and kept in sysfs in microwatts.
_MICRO = 1_000_000


@operation()
def idle_states(states: Sequence[int], service: str) -> Commands:
    """Keep processor idle states off on every processor.

    + states: their numbers
    + service: unit that turns them off
    """
    found = require(read(CpuIdle), "which idle states the processor has")
    lacking = [number for number in states if number not in found]
    if lacking:
        known = ", ".join(f"{number} ({state.name})" for number, state in found.items())
        raise OperationError(
            f"the processor has no idle state {lacking[0]}; it has {known or 'none'}"
        )
    loose = [number for number in states if found[number].off < found[number].processors]
    if loose:
        for number in loose:
            state = found[number]
            seen = f"off on {state.off} of {state.processors}"
            differs(f"idle state {number} ({state.name})", "off on all processors", seen)
        yield from _restart(service, f"idle state {loose[0]} is not off on all processors")
        return
    names = ", ".join(f"{number} ({found[number].name})" for number in states)
    host.noop(f"{names} off on all processors")


@operation()
def power_caps(caps: Mapping[str, int], service: str, waits_for: Sequence[str] = ()) -> Commands:
    """Keep the board power of cards capped.

    + caps: PCI address -> W
    + service: unit that sets them
    + waits_for: why there may be no sensors yet; the unit sets the caps at the next boot
    """
    if waits_for:
        host.noop(f"after the reboot: {'; '.join(waits_for)}")
        return
    found = require(read(GpuLinks), "which cards are there")
    live = {card.bdf: card.power1_cap_uw for card in found}
    for bdf in caps:
        if bdf not in live:
            raise OperationError(f"{bdf} is not on the PCI bus, so its power cannot be capped")
        require(live[bdf], f"the power cap of {bdf}")
    wrong = [bdf for bdf, watts in caps.items() if live[bdf] != watts * _MICRO]
    if wrong:
        for bdf in wrong:
            differs(f"power cap of {bdf}", f"{caps[bdf]} W", _watts(live[bdf]))
        yield from _restart(service, f"the power cap of {wrong[0]} is not as declared")
        return
    host.noop(", ".join(f"{bdf} {watts} W" for bdf, watts in caps.items()))


def _watts(cap: Reading[int]) -> str | None:
    return f"{cap / _MICRO:g} W" if isinstance(cap, int) else None


def _restart(service: str, why: str) -> Commands:
    restarts(service, why)
    yield StringCommand("systemctl", "restart", QuoteString(service))
