"""A boot set and host settings as declared: what is refused before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from declaration.boot import BootKernel, BootSet, Cmdline, Guc, covers
from declaration.host import HostSpec
from declaration.settings import HostSettings

KERNEL = {"package": "linux-image-7.0.0-38-generic", "version": "7.0.0-38.38~24.04.1"}
SHA = "0123456789abcdef" * 4


def refused(model: type[Any], values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        model.model_validate(values)
    return str(error.value)


@pytest.mark.parametrize(
    ("package", "release"),
    [
        ("linux-image-7.0.0-38-generic", "7.0.0-38-generic"),
        ("linux-image-unsigned-7.1.0-070100-generic", "7.1.0-070100-generic"),
        ("linux-image-6.1.0-51-amd64", "6.1.0-51-amd64"),
        ("linux-image-6.1.0-51-amd64-unsigned", "6.1.0-51-amd64"),
        ("linux-image-6.17.0-1010-intel", "6.17.0-1010-intel"),
    ],
)
def test_the_release_follows_from_the_image_package(package: str, release: str) -> None:
    assert BootKernel(package=package, version="1").uname == release


def test_a_meta_package_is_no_kernel() -> None:
    said = refused(BootKernel, {"package": "linux-generic-hwe-24.04", "version": "1"})
    assert "not a meta package" in said
    assert BootKernel(package="linux-image-custom", version="1", release="6.1.9").uname == "6.1.9"


def test_a_kernel_needs_an_exact_version_and_another_one_to_go_back_to() -> None:
    assert "version" in refused(BootKernel, {**KERNEL, "version": ""})
    said = refused(BootKernel, {**KERNEL, "fallbacks": [KERNEL["package"]]})
    assert "cannot be its own fallback" in said


@pytest.mark.parametrize(
    "token", ["a b", "", "=1", "x='1'", 'x="1"', "x=$HOME", "x=`id`", "x=\\", "a;b", "a\nb", "x="]
)
def test_what_a_shell_or_grub_would_change_is_no_token(token: str) -> None:
    assert "is not one kernel command-line token" in refused(Cmdline, {"present": [token]})


@pytest.mark.parametrize(
    "token", ["quiet", "xe.disable_display=1", "crashkernel=2G-4G:320M,4G-:512M", "root=/dev/a@b"]
)
def test_ordinary_tokens_are_accepted(token: str) -> None:
    assert Cmdline(present=(token,)).present == (token,)


@pytest.mark.parametrize(
    ("present", "absent"),
    [
        ("xe.disable_display=1", "xe.disable_display"),
        ("xe.disable_display=1", "xe.disable-display=1"),
        ("quiet", "quiet"),
    ],
)
def test_a_token_cannot_be_both_there_and_away(present: str, absent: str) -> None:
    said = refused(Cmdline, {"present": [present], "absent": [absent]})
    assert "both present and absent" in said


def test_one_value_may_be_there_and_another_away() -> None:
    assert Cmdline(present=("iommu=pt",), absent=("iommu=off",))


def test_two_values_of_one_parameter_are_refused_unless_it_may_be_repeated() -> None:
    assert "the last one wins" in refused(Cmdline, {"present": ["panic=1", "panic=2"]})
    assert Cmdline(present=("console=tty0", "console=ttyS0"))


def test_a_bare_name_covers_every_value_and_a_value_only_itself() -> None:
    assert covers("xe.force_probe", "xe.force-probe=e223")
    assert covers("quiet", "quiet")
    assert not covers("quiet", "quieter")
    assert not covers("iommu=off", "iommu=pt")
    assert covers("iommu=off", 'iommu="off"')


@pytest.mark.parametrize("value", ["", "A" * 64, "0" * 63, "0" * 65, "sha256:" + "0" * 57])
def test_a_blob_is_named_by_a_sha256(value: str) -> None:
    assert "is not a sha256" in refused(Guc, {"sha256": value, "version": "70.49.4"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", "/etc/passwd"),
        ("path", "/lib/firmware/updates/xe/bmg_guc_70.bin"),
        ("path", "/lib/firmware/xe/bmg guc.bin"),
        ("version", "70.49"),
        ("source", "../other/blob.bin"),
    ],
)
def test_a_blob_stays_where_firmware_lies_and_says_its_version(key: str, value: str) -> None:
    refused(Guc, {"sha256": SHA, "version": "70.49.4", key: value})


def test_the_option_that_names_the_blob_agrees_with_the_blob() -> None:
    guc = {"sha256": SHA, "version": "70.54.0", "path": "/lib/firmware/xe/bmg_guc_70.54.0.bin"}
    options = {"guc_firmware_path": "xe/bmg_guc_70.54.0.bin"}
    assert BootSet.model_validate({"kernel": KERNEL, "guc": guc, "xe_options": options})
    options["guc_firmware_path"] = "xe/bmg_guc_70.bin"
    said = refused(BootSet, {"kernel": KERNEL, "guc": guc, "xe_options": options})
    assert "guc_firmware_path" in said


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"GRUB_CMDLINE_LINUX": "quiet"}, "cmdline.present"),
        ({"PATH": "/bin"}, "cannot be declared here"),
        ({"GRUB_TIMEOUT": "$(id)"}, "quoting"),
        ({"GRUB_TIMEOUT": 'a"b'}, "quoting"),
        ({"GRUB_DEFAULT": "0"}, "must be saved"),
        ({"GRUB_SAVEDEFAULT": "true"}, "new default"),
    ],
)
def test_grub_settings_that_would_undo_the_way_back_are_refused(
    settings: dict[str, str], why: str
) -> None:
    assert why in refused(BootSet, {"kernel": KERNEL, "grub": settings})


def test_every_boot_set_can_choose_its_default_and_never_waits_at_the_menu() -> None:
    boot = BootSet.model_validate({"kernel": KERNEL, "grub": {"GRUB_TIMEOUT": "5"}})
    assert boot.grub_settings == {
        "GRUB_DEFAULT": "saved",
        "GRUB_RECORDFAIL_TIMEOUT": "15",
        "GRUB_TIMEOUT": "5",
    }


@pytest.mark.parametrize("watts", [0, 159, 291, 380])
def test_a_power_cap_is_within_what_the_board_takes(watts: int) -> None:
    refused(HostSettings, {"power_caps": {"0000:03:00.0": watts}})
    assert HostSettings.model_validate({"power_caps": {"0000:03:00.0": 160}})
    assert HostSettings.model_validate({"power_caps": {"0000:03:00.0": 290}})


def test_a_power_cap_names_a_declared_card() -> None:
    refused(HostSettings, {"power_caps": {"03:00.0": 200}})
    host = {
        "name": "rig",
        "connection": {"address": "192.0.2.1"},
        "hardware": {"cards": [{"slot": "1", "bdf": "0000:03:00.0"}]},
        "settings": {"power_caps": {"0000:83:00.0": 200}},
    }
    assert "0000:83:00.0 is no declared card of rig" in refused(HostSpec, host)


def test_the_shallowest_idle_state_is_never_turned_off() -> None:
    refused(HostSettings, {"cpuidle_off": [0]})
    assert HostSettings(cpuidle_off=(2,)).cpuidle_off == (2,)
