"""A boot set and host settings as declared: what is refused before anything is touched."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    ("token", "why"),
    [
        ("pcie_aspm.policy=powersupersave", "switch a card off"),
        ("pcie-aspm.policy=powersupersave", "switch a card off"),
        ("pcie_aspm=force", "switch a card off"),
        ("pcie_port_pm=force", "switch a card off"),
        ("vfio-pci.ids=8086:e2f7,8086:E223", "keeps the cards from their driver"),
        ("module_blacklist=nouveau,xe", "keeps the cards from their driver"),
        ("modprobe.blacklist=xe", "keeps the cards from their driver"),
        ("initcall_blacklist=xe_init", "keeps the cards from their driver"),
        ("xe.force_probe=!e223", "keeps the cards from their driver"),
        ("nomodeset", "keeps the cards from their driver"),
    ],
)
def test_a_word_that_takes_the_cards_away_is_refused(token: str, why: str) -> None:
    assert why in refused(Cmdline, {"present": ["quiet", token]})
    assert Cmdline.model_validate({"absent": [token]}).absent == (token,)


@pytest.mark.parametrize(
    "token",
    [
        "pcie_aspm.policy=default",
        "pcie_aspm=off",
        "pcie_port_pm=off",
        "vfio-pci.ids=10de:2684",
        "module_blacklist=nouveau",
        "xe.force_probe=e223",
    ],
)
def test_its_harmless_neighbour_may_be_declared(token: str) -> None:
    assert Cmdline.model_validate({"present": [token]}).present == (token,)


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


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"GRUB_CMDLINE_LINUX": "quiet"}, "cmdline.present"),
        ({"PATH": "/bin"}, "cannot be declared here"),
        ({"GRUB_TIMEOUT": "$(id)"}, "quoting"),
        ({"GRUB_TIMEOUT": 'a"b'}, "quoting"),
        ({"GRUB_DEFAULT": "0"}, "must be saved"),
        ({"GRUB_SAVEDEFAULT": "true"}, "must be false"),
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
        "GRUB_SAVEDEFAULT": "false",
        "GRUB_TIMEOUT": "5",
    }
    longer = BootSet.model_validate({"kernel": KERNEL, "grub": {"GRUB_RECORDFAIL_TIMEOUT": "60"}})
    assert longer.grub_settings["GRUB_RECORDFAIL_TIMEOUT"] == "60"


@pytest.mark.parametrize("name", ["guc_firmware_path", "huc_firmware_path", "gsc_firmware_path"])
def test_an_option_that_taints_the_kernel_is_refused_with_what_to_declare(name: str) -> None:
    said = refused(BootSet, {"kernel": KERNEL, "xe_options": {name: "xe/mine.bin"}})
    assert f"xe_options.{name} taints the kernel: declare the blob itself" in said


@pytest.mark.parametrize("options", [{"Probe": "0"}, {"a-b": "0"}, {"a": "0 1"}, {"a": ""}])
def test_what_modprobe_would_read_in_another_way_is_no_option(options: dict[str, str]) -> None:
    assert "is not a module option" in refused(BootSet, {"kernel": KERNEL, "xe_options": options})


@pytest.mark.parametrize("key", ["present", "absent"])
@pytest.mark.parametrize(
    "token",
    [
        "firmware_class.path=/mine",
        "firmware-class.path=/mine",
        "b70fleet.set=x",
        "b70fleet.trial=x",
    ],
)
def test_what_a_set_writes_itself_cannot_be_declared(key: str, token: str) -> None:
    said = refused(BootSet, {"kernel": KERNEL, "cmdline": {key: [token]}})
    assert f"{token} is written by the boot set itself" in said


@pytest.mark.parametrize("key", ["present", "absent"])
@pytest.mark.parametrize("token", ["xe.probe_display=1", "xe.probe-display=0"])
def test_a_token_and_an_option_cannot_say_the_same(key: str, token: str) -> None:
    said = refused(
        BootSet,
        {"kernel": KERNEL, "cmdline": {key: [token]}, "xe_options": {"probe_display": "0"}},
    )
    assert f"{token} and xe_options say the same thing twice" in said


#: A boot set with a value in every field.
WHOLE: dict[str, Any] = {
    "kernel": {**KERNEL, "extra": {"linux-modules-extra-7.0.0-38-generic": "7.0.0-38.38"}},
    "cmdline": {"present": ["iommu=pt", "panic=10"], "absent": ["nomodeset"]},
    "grub": {"GRUB_TIMEOUT": "5"},
    "xe_options": {"probe_display": "0"},
    "guc": {"sha256": SHA, "version": "70.49.4", "source": "guc.bin"},
    "huc": {"sha256": "f" * 64, "version": "8.2.10"},
    "initramfs": {"modules": ["xe"], "firmware": ["xe/bmg_guc_70.bin"]},
}


def changed(path: str, value: Any) -> BootSet:
    """Return that set with one value changed."""
    values = copy.deepcopy(WHOLE)
    *folders, name = path.split(".")
    place = values
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return BootSet.model_validate(values)


NAME = BootSet.model_validate(WHOLE).set_id


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("kernel.package", "linux-image-7.0.0-39-generic"),
        ("kernel.package", "linux-image-unsigned-7.0.0-38-generic"),
        ("kernel.version", "7.0.0-38.39"),
        ("kernel.release", "7.0.0-38-mine"),
        ("kernel.extra", {}),
        ("kernel.extra", {"linux-modules-extra-7.0.0-38-generic": "7.0.0-38.39"}),
        ("cmdline.present", ["iommu=pt", "panic=11"]),
        ("cmdline.present", ["iommu=pt"]),
        ("cmdline.absent", []),
        ("cmdline.absent", ["nomodeset", "splash"]),
        ("xe_options", {"probe_display": "1"}),
        ("xe_options", {}),
        ("guc", None),
        ("guc.sha256", "1" * 64),
        ("guc.path", "/lib/firmware/xe/other.bin"),
        ("huc", None),
        ("huc.sha256", "1" * 64),
        ("initramfs.modules", ["xe", "nvme"]),
        ("initramfs.firmware", []),
    ],
)
def test_a_set_with_other_content_has_another_name(path: str, value: Any) -> None:
    assert changed(path, value).set_id != NAME


def test_the_order_of_tokens_is_content_since_of_two_values_the_last_one_wins() -> None:
    assert changed("cmdline.present", ["panic=10", "iommu=pt"]).set_id != NAME


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("grub", {}),
        ("grub", {"GRUB_TIMEOUT": "9"}),
        ("kernel.fallbacks", ["linux-image-6.17.0-1-generic"]),
        ("cmdline.variable", "GRUB_CMDLINE_LINUX"),
        ("guc.source", "/srv/guc.bin"),
        ("guc.version", "70.49.5"),
        ("guc.path", "/usr/lib/firmware/xe/bmg_guc_70.bin"),
        ("kernel.release", "7.0.0-38-generic"),
        ("initramfs", {"firmware": ["xe/bmg_guc_70.bin"]}),
    ],
)
def test_what_boots_in_the_same_way_has_the_same_name(path: str, value: Any) -> None:
    assert changed(path, value).set_id == NAME


@given(st.permutations(range(3)))
def test_the_order_in_which_a_declaration_is_written_is_no_content(order: list[int]) -> None:
    extra = [("aa", "1"), ("bb", "2"), ("cc", "3")]
    absent = ["x", "y", "z"]
    first = changed("kernel.extra", dict(extra))
    second = changed("kernel.extra", {extra[i][0]: extra[i][1] for i in order})
    assert first.set_id == second.set_id
    assert (
        changed("cmdline.absent", absent).set_id
        == changed("cmdline.absent", [absent[i] for i in order]).set_id
    )


def test_a_name_tells_the_release_and_is_no_number_for_grub() -> None:
    assert re.fullmatch(r"b70-7\.0\.0-38-generic-[0-9a-f]{10}", NAME)


def test_a_set_adds_its_tokens_its_options_and_where_its_firmware_lies() -> None:
    whole = BootSet.model_validate(WHOLE)
    assert whole.words == (
        "iommu=pt",
        "panic=10",
        "xe.probe_display=0",
        f"firmware_class.path=/lib/firmware/b70fleet/{NAME}",
    )
    bare = BootSet.model_validate({"kernel": KERNEL})
    assert (bare.words, bare.left_out) == ((), ())


def test_a_set_takes_out_what_it_says_otherwise_itself() -> None:
    whole = BootSet.model_validate(WHOLE)
    # iommu may be repeated, and each of its values has a meaning of its own
    assert whole.left_out == (
        "nomodeset",
        "panic",
        "xe.probe_display",
        "firmware_class.path",
    )


def test_one_value_that_is_taken_out_is_named_once() -> None:
    values = {"kernel": KERNEL, "cmdline": {"present": ["panic=10"], "absent": ["quiet"]}}
    assert BootSet.model_validate(values).left_out == ("quiet", "panic")


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
