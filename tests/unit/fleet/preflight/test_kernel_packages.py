"""Preflight over simulated upgrades: holds without effect, moves of a boot set, hidden updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from declaration.host import HostSpec
from facts.packages.apt_policy import Available, Origin, Policy
from facts.packages.apt_upgrade import Change, Pin, UpgradeState
from facts.parts import Line
from facts.system.os_release import OperatingSystem
from facts.value import ABSENT, Unknown
from fleet.model.finding import Finding, Severity
from fleet.preflight import inspect
from tests.given import given
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, boot, entry, kernel, running
from tests.unit.fleet.preflight.test_preflight import SPEC, WITH_BOOT_SET

UBUNTU = OperatingSystem("ubuntu", "24.04", "noble", "Ubuntu", "amd64", "none", False)
GA, HWE = "linux-generic", "linux-generic-hwe-24.04"
IMAGE = f"linux-image-{OLD}"
INSTALLED = {GA: "", HWE: "7.0.0-31.31", IMAGE: "7.0.0-31.31", "linux-firmware": "1", "bash": "5"}
NEXT = (
    Change(f"linux-image-{NEW}", None, "7.0.0-38.38"),
    Change(HWE, "7.0.0-31.31", "7.0.0-38.38"),
    Change("bash", "5", "6"),
)
SINCE = 1_788_000_000


def upgrade(**changes: Any) -> UpgradeState:
    values: dict[str, Any] = {
        "full": (),
        "plain": (),
        "autoremove": (),
        "holds": (),
        "pins": (),
        "denied": (),
        "written": {},
        "policies": {},
    }
    return UpgradeState(**{**values, **changes})


def findings(state: Any, spec: HostSpec = SPEC, **changes: Any) -> dict[str, list[Finding]]:
    packages = {name: version for name, version in INSTALLED.items() if name != GA}
    readings: Mapping[str, object] = {
        "os": UBUNTU,
        "kernel": running(OLD),
        "boot": boot([kernel(OLD)]),
        "packages": package_facts(packages, holds=getattr(state, "holds", ())),
        "apt_upgrade": state,
    }
    found: dict[str, list[Finding]] = {}
    for each in inspect(spec, given({**readings, **changes})):
        found.setdefault(each.id, []).append(each)
    return found


def declaring(*hold: str) -> HostSpec:
    data = SPEC.model_dump()
    data["base"]["fence"]["hold"] = hold
    return HostSpec.model_validate(data)


def test_a_hold_that_protects_nothing_is_named_with_what_was_meant() -> None:
    (found,) = findings(upgrade(holds=(GA,), full=NEXT))["hold-has-no-effect"]
    assert found.text == (
        f"{GA} is on hold and not installed: the hold protects nothing; "
        f"{HWE} is installed and not on hold"
    )
    assert found.remedy == f"apt-mark unhold {GA}; apt-mark hold {HWE}"
    assert "hold-has-no-effect" not in findings(upgrade(holds=(HWE,)))


def test_a_declared_hold_that_means_nothing_installed_is_named() -> None:
    (found,) = findings(upgrade(), declaring(GA))["hold-has-no-effect"]
    assert "declared in base.fence.hold" in found.text
    assert "hold-has-no-effect" not in findings(upgrade(), declaring("linux-generic*"))


def test_a_hold_is_judged_by_effect_so_one_that_apt_ignores_is_critical() -> None:
    state = upgrade(holds=(HWE,), full=NEXT, plain=NEXT)
    found = findings(state, WITH_BOOT_SET)
    (ignored,) = found["hold-has-no-effect"]
    assert ignored.severity is Severity.CRITICAL
    assert ignored.text == (
        f"apt-get dist-upgrade ignores holds: it would upgrade {HWE} 7.0.0-31.31 to 7.0.0-38.38"
    )
    assert ignored.remedy is not None
    assert "ignore-hold" in ignored.remedy
    (moved,) = found["upgrade-moves-boot-set"]
    assert f"upgrade {HWE}" not in moved.text


def test_a_hold_of_a_package_that_left_only_its_configuration_protects_nothing() -> None:
    removed = replace(
        package_facts({}, holds=("linux-firmware",)), config_files=("linux-firmware",)
    )
    state = upgrade(holds=("linux-firmware",))
    (found,) = findings(state, packages=removed)["hold-has-no-effect"]
    assert found.text.startswith("linux-firmware is on hold and not installed")


def test_an_upgrade_that_moves_a_boot_set_is_named_with_the_hold_that_ends_it() -> None:
    (found,) = findings(upgrade(full=NEXT), WITH_BOOT_SET)["upgrade-moves-boot-set"]
    assert found.severity is Severity.WARNING
    assert f"install linux-image-{NEW} 7.0.0-38.38" in found.text
    assert f"upgrade {HWE} 7.0.0-31.31 to 7.0.0-38.38" in found.text
    assert "bash" not in found.text
    assert found.remedy == f"apt-mark hold {HWE}"


def test_without_a_boot_set_a_move_is_only_told() -> None:
    (found,) = findings(upgrade(full=NEXT))["upgrade-moves-boot-set"]
    assert found.severity is Severity.INFO
    unfenced = SPEC.model_copy(
        update={
            "base": SPEC.base.model_copy(
                update={"fence": declaring().base.fence.model_copy(update={"enabled": False})}
            )
        }
    )
    assert "upgrade-moves-boot-set" not in findings(upgrade(full=NEXT), unfenced)


def test_the_removal_of_a_kernel_that_is_booted_or_declared_is_critical() -> None:
    gone = (Change(IMAGE, "7.0.0-31.31", None),)
    for state in (upgrade(full=gone), upgrade(autoremove=gone)):
        (found,) = findings(state, WITH_BOOT_SET)["upgrade-moves-boot-set"]
        assert found.severity is Severity.CRITICAL
        assert found.remedy == f"apt-mark manual {IMAGE}; apt-mark hold {IMAGE}"
    other = (Change("linux-image-6.8.0-9-generic", "1", None),)
    (found,) = findings(upgrade(autoremove=other), WITH_BOOT_SET)["upgrade-moves-boot-set"]
    assert found.severity is Severity.WARNING


def test_what_apt_cannot_simulate_is_unknown_once() -> None:
    broken = Unknown("E: Unmet dependencies")
    state = upgrade(full=broken, plain=broken, autoremove=broken)
    (found,) = findings(state, WITH_BOOT_SET)["upgrade-moves-boot-set"]
    assert "UNKNOWN" in found.text
    assert "E: Unmet dependencies" in found.text


def test_a_metapackage_that_leads_to_another_series_is_named() -> None:
    track = (
        Change("linux-image-7.2.0-3-generic", None, "7.2.0-3.3"),
        Change("linux-generic-hwe-26.04", None, "7.2.0-3.3"),
        Change(HWE, "7.0.0-31.31", "7.2.0-3.3"),
    )
    (found,) = findings(upgrade(full=track))["kernel-track-change"]
    assert "a kernel of 7.2 (linux-image-7.2.0-3-generic) to a host with 7.0" in found.text
    assert "install linux-generic-hwe-26.04" in found.text
    assert found.remedy == f"apt-mark hold {HWE}"
    assert "kernel-track-change" not in findings(upgrade(full=NEXT))


def behind(*newer: str) -> Policy:
    versions = tuple(Available(each, 500, (Origin("x", 500),), None) for each in newer)
    return Policy("7.0.0-31.31", newer[0] if newer else ABSENT, ABSENT, versions)


def test_a_foreign_hold_of_a_kernel_says_since_when_and_how_far_it_is_behind() -> None:
    state = upgrade(
        holds=(HWE, "bash"),
        written={HWE: SINCE},
        policies={HWE: behind("7.0.0-38.38", "7.0.0-35.35")},
    )
    (found,) = findings(state)["pinned-kernel"]
    assert found.text == f"{HWE} is on hold at 7.0.0-31.31 since 2026-08-29, 2 updates behind"
    assert found.since == "2026-08-29T10:40:00Z"
    assert found.severity is Severity.WARNING


def test_a_declared_hold_is_right_and_still_says_how_far_it_is_behind() -> None:
    state = upgrade(holds=(IMAGE,), policies={IMAGE: behind("7.0.0-31.32")})
    (found,) = findings(state, WITH_BOOT_SET)["pinned-kernel"]
    assert found.severity is Severity.INFO
    assert "1 update behind; declared" in found.text
    by_glob = upgrade(holds=(HWE,), policies={HWE: behind()})
    (found,) = findings(by_glob, declaring("linux-generic*"))["pinned-kernel"]
    assert found.severity is Severity.INFO


def test_a_pin_in_apts_preferences_is_named_with_its_line_and_ours_is_not() -> None:
    path = "/etc/apt/preferences.d/kernel"
    pin = Pin(path, 2, ("linux-generic*",), "version 7.0.0-31*", 1001)
    state = upgrade(pins=(pin,), written={path: SINCE}, policies={HWE: behind("7.0.0-38.38")})
    (found,) = findings(state)["pinned-kernel"]
    assert f"{HWE} is pinned by {path}:2" in found.text
    assert "since 2026-08-29, 1 update behind" in found.text
    own = replace(pin, path="/etc/apt/preferences.d/b70fleet-x")
    assert "pinned-kernel" not in findings(upgrade(pins=(own,)))


def test_a_default_entry_that_names_one_kernel_hides_the_newer_ones() -> None:
    literal = boot(
        settings={"GRUB_DEFAULT": entry(OLD).path},
        lines=(
            Line("/etc/default/grub", 6, "GRUB_DEFAULT=0"),
            Line("/etc/default/grub.d/site.cfg", 2, f'GRUB_DEFAULT="{entry(OLD).path}"'),
        ),
    )
    state = upgrade(written={"/etc/default/grub.d/site.cfg": SINCE})
    (found,) = findings(state, boot=literal)["pinned-kernel"]
    assert f"pinned to {OLD} by /etc/default/grub.d/site.cfg:2 since 2026-08-29" in found.text
    assert "set GRUB_DEFAULT=0 in /etc/default/grub.d/site.cfg:2; update-grub" in (
        found.remedy or ""
    )
    assert f"1 newer kernel is installed and will not boot: {NEW}" in found.text
    saved = boot(settings={"GRUB_DEFAULT": "saved"}, saved=entry(OLD).path)
    (found,) = findings(upgrade(), boot=saved)["pinned-kernel"]
    assert "the saved entry in /boot/grub/grubenv" in found.text
    assert (found.remedy or "").endswith("as root: grub-set-default 0")
    # a boot set declares its default, and the newest hides nothing
    assert "pinned-kernel" not in findings(upgrade(), WITH_BOOT_SET, boot=saved)
    newest = boot(settings={"GRUB_DEFAULT": "saved"}, saved=entry(NEW).path)
    assert "pinned-kernel" not in findings(upgrade(), boot=newest)
    assert "pinned-kernel" not in findings(upgrade(), boot=boot(settings={"GRUB_DEFAULT": "0"}))


def test_nothing_is_said_of_what_was_not_asked() -> None:
    asked = {"hold-has-no-effect", "upgrade-moves-boot-set", "kernel-track-change", "pinned-kernel"}
    readings = {"os": UBUNTU, "packages": package_facts({HWE: "1"}), "boot": boot()}
    assert not asked & {found.id for found in inspect(WITH_BOOT_SET, given(readings))}
