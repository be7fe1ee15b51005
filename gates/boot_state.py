"""Whether the running system is the declared boot set: what a reboot would change. Pure.

UNKNOWN is no reason to reboot and no proof either: it has a list of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from declaration.boot import REPEATABLE, BootSet, covers, key_of
from declaration.host import HostSpec
from facts.boot.kernel import Kernel, RunningKernel, XeModule
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import CardLog, GpuLog
from facts.readings import Readings
from facts.value import ABSENT, Absent, Reading, Unknown

#: Word of the kernel's command line that names the boot set: sets of one release may be alike
#: otherwise.
SET_WORD: Final = "b70fleet.set"
#: How a module option and sysfs spell the same switch.
_SWITCH: Final[dict[str, str]] = {
    **dict.fromkeys(("1", "y", "Y", "yes", "true", "on"), "on"),
    **dict.fromkeys(("0", "n", "N", "no", "false", "off"), "off"),
}


def running_set(kernel: RunningKernel) -> str:
    """Return the name of the set that was booted, "" for an entry that is not ours."""
    value = kernel.parameter(SET_WORD)
    return value if isinstance(value, str) else ""


def pending_reboot(spec: HostSpec, given: Readings) -> list[str]:
    """Return why a reboot is due, one sentence each; empty when none is.

    Args:
        spec: the declaration; a host without a boot set never needs a reboot for it.
        given: what its facts said; `Kernel`, `GpuLog` and `GpuLinks` are looked at.
    """
    wanted = spec.stack.boot if spec.stack else None
    running = given[Kernel]
    if wanted is None or isinstance(running, Unknown):
        return []
    return [
        *_kernel(wanted, running),
        *_tokens(wanted, running),
        *_options(wanted, running),
        *_firmware(wanted, _logs(spec, given)),
    ]


def unproven_boot(spec: HostSpec, given: Readings) -> list[str]:
    """Return what of the boot set cannot be compared with the running system, one sentence each."""
    wanted = spec.stack.boot if spec.stack else None
    if wanted is None:
        return []
    running, log = given[Kernel], given[GpuLog]
    found: list[str] = []
    if isinstance(running, Unknown):
        return [f"which kernel runs is UNKNOWN: {running.reason}"]
    if isinstance(running.tokens, Unknown):
        found.append(f"the running command line is UNKNOWN: {running.tokens.reason}")
    xe = running.xe
    if wanted.xe_options and not isinstance(xe, XeModule):
        found.append(f"the options of xe are UNKNOWN: {_reason(xe)}")
    elif isinstance(xe, XeModule):
        hidden = [name for name in wanted.xe_options if name not in xe.parameters]
        found += [f"xe does not show its option {name}" for name in hidden]
    if wanted.blobs and isinstance(log, Unknown):
        found.append(f"which firmware was loaded is UNKNOWN: {log.reason}")
    for card in _logs(spec, given):
        for name, _, loaded in _loaded(wanted, card):
            if isinstance(loaded, Unknown):
                found.append(f"which {name} {card.bdf} loaded is UNKNOWN: {loaded.reason}")
    return found


def _logs(spec: HostSpec, given: Readings) -> list[CardLog]:
    """Return what the kernel log says of each B70; a processor's own GPU has a GuC of its own."""
    log, cards = given[GpuLog], given[GpuLinks]
    if isinstance(log, Unknown):
        return []
    if isinstance(cards, Unknown):
        return [log.card(card.bdf) for card in spec.hardware.cards if card.bdf]
    return [log.card(card.bdf) for card in cards if card.is_b70]


def _reason(reading: object) -> str:
    if isinstance(reading, Unknown):
        return reading.reason
    return "the module is not loaded" if reading is ABSENT else "it was not read"


def _kernel(wanted: BootSet, running: RunningKernel) -> Iterator[str]:
    if running.release != wanted.kernel.uname:
        yield f"kernel {running.release} runs, {wanted.kernel.uname} is declared"
    elif running_set(running) not in ("", wanted.set_id):
        yield f"boot set {running_set(running)} runs, {wanted.set_id} is declared"


def _tokens(wanted: BootSet, running: RunningKernel) -> Iterator[str]:
    if not isinstance(running.tokens, tuple):
        return
    found = running.tokens
    for token in wanted.cmdline.present:
        same = [other for other in found if key_of(other) == key_of(token)]
        if token not in same:
            yield f"the running kernel was booted without {token}"
        elif same[-1] != token and key_of(token) not in map(key_of, REPEATABLE):
            yield f"the running kernel was booted with {same[-1]} after {token}"
    for pattern in wanted.cmdline.absent:
        for token in found:
            if covers(pattern, token):
                yield f"the running kernel was booted with {token}"


def _options(wanted: BootSet, running: RunningKernel) -> Iterator[str]:
    if not isinstance(running.xe, XeModule):
        return
    for name, value in wanted.xe_options.items():
        live = running.xe.parameters.get(name)
        if live is not None and _SWITCH.get(live, live) != _SWITCH.get(value, value):
            yield f"xe runs with {name}={live}, {value} is declared"


def _firmware(wanted: BootSet, cards: list[CardLog]) -> Iterator[str]:
    for card in cards:
        for name, declared, loaded in _loaded(wanted, card):
            if not isinstance(loaded, Absent | Unknown) and loaded != declared:
                yield f"{card.bdf} runs {name} {loaded}, {declared} is declared"


def _loaded(wanted: BootSet, card: CardLog) -> Iterator[tuple[str, str, Reading[str]]]:
    """Yield each declared blob: its name, the declared version, what the card loaded."""
    if wanted.guc is not None:
        yield "GuC", wanted.guc.version, card.guc
    if wanted.huc is not None:
        yield "HuC", wanted.huc.version, card.huc
