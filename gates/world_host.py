"""The host's part of the world: kernel, memory, network, disks and what was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from declaration.host import HostSpec
from facts.boot.kernel import Kernel
from facts.disks.block import Block, Device, Disks
from facts.disks.swap import Swap
from facts.pci.aspm import AspmPolicy
from facts.readings import Readings, then
from facts.system.measurements import Measured, Measurement, MeasurementLog, Measurements
from facts.system.memory import Memory, MemoryState
from facts.system.network import Network, NetworkState
from facts.system.units import Units
from facts.value import ABSENT, Absent, Reading, Unknown
from gates.card_power import told
from gates.serving import is_serving_now
from gates.vocabulary import TermValue
from gates.world_card_state import power_step
from gates.world_cards import faulted_cards

_GIB: Final = 1 << 30

CardWorld = Mapping[str, Reading[TermValue]]


def host(
    spec: HostSpec, given: Readings, cards: tuple[CardWorld, ...] | Unknown
) -> dict[str, Reading[TermValue]]:
    """Return the names of the host itself."""
    memory = given[Memory]
    return {
        "kernel.release": then(given[Kernel], lambda k: k.release),
        "kernel.cmdline": then(given[Kernel], lambda k: k.tokens),
        "pcie.aspm_policy": given[AspmPolicy],
        "pcie.power_words": told(given[Kernel], given[AspmPolicy]),
        "pcie.power_step": power_step(given),
        "memory.with_swap_gib": then(memory, lambda m: _with_swap(m, given)),
        "memory.vram_share_percent": then(memory, lambda m: _vram_share(m, spec, cards)),
        "memory.dram_ecc": then(memory, lambda m: m.ecc),
        "host.serving": then(given[Units], lambda u: is_serving_now(u, spec.serving_units)),
        "network.default_interface": then(given[Network], _way_out),
        **_model(spec, given),
        **_measured(spec, memory, given),
    }


def _with_swap(memory: MemoryState, given: Readings) -> Reading[float]:
    swap = then(given[Swap], lambda state: state.beyond_memory(given[Block]))
    return then(swap, lambda size: (memory.total + size) / _GIB)


def _vram_share(
    memory: MemoryState, spec: HostSpec, cards: tuple[CardWorld, ...] | Unknown
) -> Reading[float]:
    """Return what the profile fills of its cards' VRAM as percent of RAM."""
    if spec.profile is None:
        return ABSENT
    if isinstance(cards, Unknown):
        return cards
    sizes = [card.get("card.vram_mib", Unknown("the card's VRAM was not read")) for card in cards]
    unknown = next((size for size in sizes if isinstance(size, Unknown)), None)
    if unknown is not None:
        return unknown
    filled = sorted((size for size in sizes if isinstance(size, int)), reverse=True)
    used = sum(filled[: spec.profile.needs.cards]) * spec.profile.gpu_memory_utilization
    return 100 * used * (1 << 20) / memory.total


def _way_out(network: NetworkState) -> Reading[str]:
    return network.default[0].interface if network.default else ABSENT


def _model(spec: HostSpec, given: Readings) -> dict[str, Reading[TermValue]]:
    path = spec.profile.model_path if spec.profile else ""
    if not path.startswith("/"):
        return {"model.filesystem": ABSENT, "model.transport": ABSENT}
    return {
        "model.filesystem": then(given[Block], lambda s: _filesystem(s, path)),
        "model.transport": then(given[Block], lambda s: _transport(s, path)),
    }


def _filesystem(storage: Disks, path: str) -> Reading[str]:
    if (unsure := storage.doubt(path)) is not None:
        return unsure
    try:
        return storage.mount_of(path).fstype
    except KeyError:
        return Unknown(f"nothing is mounted that holds {path}")


def _transport(storage: Disks, path: str) -> Reading[str]:
    if (unsure := storage.doubt(path)) is not None:
        return unsure
    try:
        source = storage.mount_of(path).source
    except KeyError:
        return Unknown(f"nothing is mounted that holds {path}")
    name = source.rpartition("/")[2]
    return then(storage.devices, lambda trees: _bus(trees, name, source))


def _bus(trees: Sequence[Device], name: str, source: str) -> Reading[str]:
    for tree in trees:
        if any(part.name == name for part in tree.walk()):
            return tree.transport
    return Unknown(f"lsblk does not show {source}")


def _measured(
    spec: HostSpec, memory: MemoryState | Absent | Unknown, given: Readings
) -> dict[str, Reading[TermValue]]:
    log = given[Measurements]

    def now(kind: str, value: str) -> Reading[TermValue]:
        return then(log, lambda known: then(known.on_this_boot(kind), lambda r: _value(r, value)))

    def ever(kind: str, value: str) -> Reading[TermValue]:
        return then(log, lambda known: then(known.latest(kind), lambda r: _value(r, value)))

    tested = ever("memory-test", "tested_gib")
    return {
        "measured.launch_us": now("host-submission", "launch_us"),
        "measured.rms_norm_us": now("host-submission", "rms_norm_us"),
        "measured.p2p_data": now("p2p-data", "result"),
        "measured.p2p_every_pair": now("p2p-data", "every_pair"),
        "measured.memory_test": ever("memory-test", "result"),
        "measured.memory_test_percent": then(tested, lambda gib: _covered(gib, memory)),
        "measured.working_set_gib": then(log, lambda known: _working_set(known, spec)),
        "measured.sentinels": ever("sentinels", "toolchain"),
        "measured.faulted_cards": faulted_cards(given),
    }


def _value(record: Measurement, name: str) -> Reading[Measured]:
    return record.values.get(name, Unknown(f"the {record.kind} record has no {name}"))


def _working_set(log: MeasurementLog, spec: HostSpec) -> Reading[TermValue]:
    """Return the newest working set that was measured with the declared profile."""
    newest = log.latest("working-set")
    if isinstance(newest, Unknown | Absent) or spec.profile is None:
        return newest if isinstance(newest, Unknown) else ABSENT
    own = [
        record
        for record in log.records
        if record.kind == newest.kind and record.values.get("profile") == spec.profile.name
    ]
    return _value(own[-1], "anon_gib") if own else ABSENT


def _covered(tested_gib: object, memory: MemoryState | Absent | Unknown) -> Reading[float]:
    if isinstance(tested_gib, bool) or not isinstance(tested_gib, int | float):
        return Unknown("the memory-test record has no size")
    return then(memory, lambda state: 100 * tested_gib * _GIB / state.total)
