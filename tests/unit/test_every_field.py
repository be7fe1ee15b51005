"""Every field of every fact is judged, read by code that plans or shows, or shown with a reason.

A field that nobody reads is removed; so a new one needs a reader, a scene or a reason here.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from typing import Any, Final

import pytest

from facts.pci.gpu_card import Card, Hop
from facts.system.units import Unit
from facts.value import ABSENT, Reading, Unknown
from tests.unit.fields.readers import readers, through
from tests.unit.fields.scenes import Scene, scenes
from tests.unit.fields.universe import Field, instances, others, universe, with_field

_VENDOR: Final = "asked for by whoever takes a card or a board back"
_BESIDE: Final = "read again from another place; a person compares the two when they differ"
_ORIGIN: Final = "says which archive a version comes from, where apt's choice surprises"
_SOURCE: Final = "shows a source whole, where it is not one of ours"
_NETWORK: Final = "tells the interfaces apart, where the way out is the wrong one"
_LOOK: Final = "what a person looks for in an initial RAM disk; read by name only"

#: What `b70 facts` shows to a person and nothing rests on -> why a person needs it.
SHOWN: Final = {
    "AptSourceState.denied": _SOURCE,
    "AptSourceState.keyrings": _SOURCE,
    "AptSourceState.refreshed": "how old apt's lists are, where a version is not found",
    "AptSourceState.snapshots": _SOURCE,
    "AptSourceState.trusted": _SOURCE,
    "Available.phased_percent": "why apt holds an update back that the archive has",
    "Available.priority": _ORIGIN,
    "Board.bios_date": _VENDOR,
    "Board.bios_version": "which firmware setup a board has: resizable BAR came with one",
    "Board.product": _VENDOR,
    "Board.serial": _VENDOR,
    "Board.system_vendor": _VENDOR,
    "BootState.free": _BESIDE,
    "BootState.kernel_packages": _BESIDE,
    "BootState.scripts": "which scripts write the menu, where an entry is a surprise",
    "Card.d3cold_allowed": "how far a card may fall asleep, once power/control lets it",
    "Card.drm_card": "which /dev/dri node is which card: the numbers do not follow the slots",
    "Card.subsystem": "who made the board; firmware files are bound to it",
    "ClDevice.driver_version": "which compute runtime answered, where two are installed",
    "ClPlatform.name": "which of several OpenCL platforms a device belongs to",
    "ClockState.timezone": "in which zone the host's logs are written",
    "DefaultRoute.family": _NETWORK,
    "DefaultRoute.gateway": _NETWORK,
    "DefaultRoute.metric": _NETWORK,
    "Device.pttype": "tells a disk with an empty partition table from a bare one",
    "EfiBoot.odd": "boot entries of the firmware that could not be understood, for a report of it",
    "Firmware.name": _VENDOR,
    "Firmware.version": _VENDOR,
    "Gpu.device_id": _BESIDE,
    "GpuState.b70_module": _BESIDE,
    "Hop.l1_aspm": "what the firmware and the ASPM policy made of each link",
    "InitramfsContents.count": _LOOK,
    "InitramfsContents.files": _LOOK,
    "InitramfsContents.image": _LOOK,
    "KernelLog.dropped": "how many lines the list of faults leaves out",
    "Link.addresses": _NETWORK,
    "Link.mtu": _NETWORK,
    "Loader.claims": "which file each package claims, where two own the loader",
    "Manifest.xe_initrd": "whether the xe of a set was in its initial RAM disk",
    "Measurement.taken": "when a measurement was made",
    "MenuEntry.how": "by which command an entry loads, where it is no Linux",
    "Mount.root": "which folder of a file system is mounted, for bind mounts",
    "NetworkState.links": _NETWORK,
    "OneApi.denied": "which start files could not be read, where setvars.sh is looked for",
    "OperatingSystem.codename": "the release as apt's sources call it",
    "Origin.codename": _ORIGIN,
    "Origin.label": _ORIGIN,
    "Origin.priority": _ORIGIN,
    "Origin.suite": _ORIGIN,
    "Package.arch": "tells packages of two architectures apart",
    "Package.held": _BESIDE,
    "PackageState.config_files": "what a removed package left, where its settings still work",
    "PastBoot.boot_id": "finds a boot in the journal: `journalctl -b ID`",
    "Policy.candidate": _ORIGIN,
    "Policy.candidate_origin": _ORIGIN,
    "PowerControl.status": "whether a function slept when its power control was read",
    "Production.since": "when the host was first certified",
    "RunningKernel.boot_id": "finds this boot in the journal: `journalctl -b ID`",
    "Setting.path": "the file that a setting is about, as the kernel names it",
    "Source.architectures": _SOURCE,
    "Source.components": _SOURCE,
    "Source.inline_keys": _SOURCE,
    "Source.options": _SOURCE,
    "Source.signed_by": _SOURCE,
    "Space.free": _BESIDE,
    "SettingFiles.reader": "which file reads the drop-ins, where a main file was replaced",
    "SwapArea.priority": "which area the kernel fills first",
    "SwapState.fstab": "which swap comes back at boot",
    "Updater.name": "the updater's name, as the list has it",
    "UpdaterState.blacklist": "what unattended-upgrades leaves alone, by whoever wrote it",
    "UpdaterState.needrestart": "whether needrestart restarts services by itself",
    "UpgradeState.denied": "which preferences could not be read, where a pin is looked for",
    "Vram.visible_mib": _BESIDE,
    "Who.hostname": "how the host calls itself, where the inventory has another name",
    "XeModule.flags": "whether xe is the kernel's own or somebody's build",
    "XeModule.srcversion": "which source the loaded xe was built from",
    "XpuDevice.firmware": _VENDOR,
    "XpuDevice.index": "the number by which xpu-smi's own options name the card",
}

FIELDS: Final = universe()
#: Fields that code of the rooms reads; the others have to change a verdict or be shown.
READ: Final = {str(field): readers(field, homes) for field, homes in FIELDS.items()}


@pytest.mark.parametrize("field", [f for f in FIELDS if not READ[str(f)]], ids=str)
def test_a_field_of_a_fact_is_judged_or_shown_with_a_reason(field: Field) -> None:
    if str(field) in SHOWN:
        return
    assert any(matters(field, scene) for scene in scenes()), (
        f"{field} is read and never judged: without it no verdict and no finding of any scene "
        "changes, and no code reads it. Judge it, remove it, or say in SHOWN why a person needs it"
    )


def test_what_is_only_shown_is_a_field_that_no_code_reads_and_has_a_reason() -> None:
    assert {name for name in SHOWN if name not in READ} == set()
    assert {name: READ[name] for name in SHOWN if READ[name]} == {}
    assert all(len(reason) > 20 for reason in SHOWN.values())


def matters(field: Field, scene: Scene) -> bool:
    """Return True if a scene's verdicts change with a field: deleted, or with another value."""
    return any(scene.verdicts(**changed) != before(scene) for changed in changes(field, scene))


_BEFORE: Final[dict[str, object]] = {}


def before(scene: Scene) -> object:
    """Return a scene's verdicts as it is."""
    if scene.name not in _BEFORE:
        _BEFORE[scene.name] = scene.verdicts()
    return _BEFORE[scene.name]


def changes(field: Field, scene: Scene) -> Iterator[dict[str, object]]:
    """Yield a scene's values with one field changed, in every way that its type allows."""
    hint = typing.get_type_hints(field.owner)[field.name]
    for domain, value in scene.values.items():
        tried: list[object] = []
        for each in instances(value):
            if type(each) is not field.owner:
                continue
            for new in others(getattr(each, field.name), hint):
                if new not in tried and not impossible(field, new):
                    tried.append(new)
                    yield {domain: with_field(value, field, new)}


def impossible(field: Field, new: object) -> bool:
    """Return True for a value that a parser never lets through."""
    no_hops = field == Field(Card, "hops") and new in ((), ABSENT)
    return no_hops or (str(field) == "Link.gen" and new in (0, 10**12, 8))


# the proof itself


def test_a_field_that_a_judge_reads_matters_and_one_that_nobody_reads_does_not() -> None:
    assert any(matters(Field(Hop, "aer_correctable"), scene) for scene in scenes())
    assert not any(matters(Field(Hop, "l1_aspm"), scene) for scene in scenes())
    assert not READ["Hop.aer_correctable"]
    assert READ["SwapArea.path"]


def test_a_reader_that_asks_through_a_property_counts() -> None:
    assert "is_up" in through(Unit, "active")
    assert through(Card, "device_id") >= {"is_b70", "name"}
    assert through(Hop, "aer_fatal") == set()


def test_fields_are_found_from_the_types_of_facts_and_unknown_has_none() -> None:
    assert Field(Card, "bdf") in FIELDS
    assert Field(Hop, "bdf") in FIELDS
    assert not any(field.owner is Unknown for field in FIELDS)


def test_a_change_reaches_every_place_of_a_field_and_keeps_the_rest() -> None:
    inner = make_dataclass("Inner", [("a", int), ("b", int)], frozen=True)

    @dataclass(frozen=True)
    class Outer:
        one: Any
        many: tuple[Any, ...]
        named: dict[str, Any]
        reading: Reading[str]

    value = Outer(inner(1, 2), (inner(3, 4), "x"), {"k": inner(5, 6)}, Unknown("no"))
    changed = with_field(value, Field(inner, "a"), 0)
    assert [each.a for each in instances(changed) if type(each) is inner] == [0, 0, 0]
    assert [each.b for each in instances(changed) if type(each) is inner] == [2, 4, 6]
    assert changed.reading == Unknown("no")
    assert list(others("x", Reading[str])) == [Unknown("deleted by the test"), ABSENT, "xx", ""]
    assert list(others(True, bool)) == [False]
