"""What boots by effect, and what stands in its way: each with file, line and a next step."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from declaration.host import HostSpec
from facts.boot.efi import EfiBoot, load_option
from facts.boot.loader import BootState, MenuEntry
from facts.parts import Line
from facts.value import ABSENT, Unknown
from gates.boot_obstacles import FORBID_REBOOT, Obstacle, Scene, obstacles, scene_of
from gates.boots import Boots, Ours, boots_by_default, boots_next, boots_now
from tests.given import given
from tests.unit.boot_facts import load_option_bytes, read_boot
from tests.unit.fact_frame import fixture, grep
from tests.unit.gates.test_boot_state import PLAIN, SPEC, device, storage

HEADER = "# GRUB Environment Block\n"
UUID = "1b700001-0000-4000-8000-000000000001"
OTHER = "2b700002-0000-4000-8000-000000000002"
OLD, NEW = "7.0.0-31-generic", "7.0.0-38-generic"
ADVANCED = f"gnulinux-advanced-{UUID}"
OLD_ID = f"{ADVANCED}>gnulinux-{OLD}-advanced-{UUID}"
NEW_ID = f"{ADVANCED}>gnulinux-{NEW}-advanced-{UUID}"
SIMPLE = f"gnulinux-simple-{UUID}"
#: Two kernels with their initial RAM disks.
IMAGES = "".join(
    f"9 1 /boot/{kind}-{release}\n" for kind in ("vmlinuz", "initrd.img") for release in (OLD, NEW)
)
SETTINGS = "GRUB_DEFAULT=saved\n"
LVM = storage(
    device("sda", "disk", device("sda2", "part", device("vg-root", "lvm", at=("/",)))),
    source="/dev/mapper/vg-root",
)
PARTITION = "0b700b70-1111-4222-8333-000000000001"
UBUNTU = load_option(1, load_option_bytes("ubuntu", "\\EFI\\ubuntu\\shimx64.efi", PARTITION))
WINDOWS = load_option(2, load_option_bytes("Windows", "\\EFI\\Microsoft\\boot.efi", PARTITION))
NETWORK = load_option(3, load_option_bytes("PXE", None, None))
EFI = EfiBoot(
    current=1,
    next=ABSENT,
    order=(1, 2),
    options={option.number: option for option in (UBUNTU, WINDOWS, NETWORK)},
    odd=(),
    loader=ABSENT,
    menus=(),
)


def host(
    *lines: str,
    menu: str = "ubuntu",
    settings: str | None = SETTINGS,
    custom: str | None = None,
    **parts: str | tuple[str, str],
) -> BootState:
    """Return a host with a menu of the fixtures and these variables in its environment block."""
    block = HEADER + "".join(f"{line}\n" for line in lines)
    text = menu if "\n" in menu else fixture(f"boot/{menu}.cfg")
    printed = {
        "settings": grep({"/etc/default/grub": settings or ""}, "."),
        "images": IMAGES,
        "modules": f"{OLD}\n{NEW}\n",
        "places": f"2050 0:0 /\n2050 0:0 /boot/grub\n5 8:2 /dev/disk/by-uuid/{UUID}\n",
        **parts,
    }
    return read_boot(text, block, custom, **printed)


def loads(release: str) -> Ours:
    """Return whether an entry is the host's own one of a kernel."""

    def ours(entry: MenuEntry) -> bool:
        is_kernel = entry.kernel.endswith(f"-{release}")
        return is_kernel and not entry.is_recovery and not entry.foreign

    return ours


def scene(boot: BootState, **changes: Any) -> Scene:
    """Return a scene on a plain disk; entries of the newer kernel are ours."""
    own = {"ours": loads(NEW), "armed_by_us": loads(NEW)}
    return Scene(**{"boot": boot, "disks": PLAIN, **own, **changes})


def found(boot: BootState, **changes: Any) -> dict[str, Obstacle]:
    """Return the obstacles of a host by id."""
    return {each.id: each for each in obstacles(scene(boot, **changes))}


def known(boots: Boots | Unknown) -> Boots:
    """Return what boots; it is known."""
    assert isinstance(boots, Boots), boots
    return boots


def test_a_host_whose_default_is_the_declared_kernel_has_nothing_in_its_way() -> None:
    boot = host(f"saved_entry={NEW_ID}")
    now = known(boots_now(boot))
    assert (now.entry.path, now.once, now.waits) == (NEW_ID, False, None)
    assert str(now.line) == f"/boot/grub/grubenv:2: saved_entry={NEW_ID}"
    assert boots_by_default(boot) == now
    assert found(boot) == {}


def test_where_no_line_says_anything_the_entry_s_own_line_is_named() -> None:
    now = known(boots_now(read_boot("set timeout=1\nmenuentry 'A' { linux /a; }\n")))
    assert str(now.line) == "/boot/grub/grub.cfg:2: menuentry 'A'"


# another system in the menu


def test_only_entries_of_the_host_s_own_root_count() -> None:
    boot = host(f"saved_entry={NEW_ID}", menu="second-linux")
    assert [entry.path for entry in boot.entries_of(NEW)] == [SIMPLE, NEW_ID]
    assert [entry.foreign for entry in boot.entries] == [False] * 5 + [True] * 3
    assert found(boot) == {}
    by_root = host(menu="second-linux", cmdline=f"root=UUID={UUID} ro")
    assert [entry.path for entry in by_root.entries_of(NEW)] == [SIMPLE, NEW_ID]


@pytest.mark.parametrize(
    ("root", "own", "foreign"),
    [
        (f"UUID={OTHER}", f"UUID={UUID}", True),
        (f"UUID={UUID.upper()}", f"UUID={UUID}", False),
        ("/dev/mapper/vg-root", "/dev/mapper/vg-root", False),
        ("/dev/mapper/vg-other", "/dev/mapper/vg-root", True),
        ("PARTUUID=1", f"UUID={UUID}", False),
        ("/dev/sda3", f"UUID={UUID}", False),
        ("ZFS=rpool/ROOT/a", "ZFS=rpool/ROOT/b", True),
    ],
)
def test_a_root_is_compared_where_it_can_be(root: str, own: str, foreign: bool) -> None:
    menu = f"menuentry 'A' {{\n linux /boot/vmlinuz-{NEW} root={root} ro\n}}\n"
    (entry,) = host(menu=menu, cmdline=f"root={own} ro", places="").entries
    assert entry.foreign == foreign


def test_another_system_as_the_default_is_named_with_the_way_back() -> None:
    path = f"osprober-gnulinux-advanced-{OTHER}>1"
    obstacle = found(host(f"saved_entry={path}", menu="second-linux"))["foreign-default"]
    assert "(recovery mode) (on /dev/nvme1n1p2)" in obstacle.text
    assert str(obstacle.where) == f"/boot/grub/grubenv:2: saved_entry={path}"
    assert obstacle.remedy == f"grub-set-default {shlex.quote(NEW_ID)}"


# passwords and the menu's time


def test_a_default_below_a_submenu_that_asks_for_a_password_is_refused() -> None:
    boot = host(f"saved_entry={NEW_ID}", menu="password")
    assert [entry.restricted for entry in boot.entries_of(NEW)] == [False, True]
    obstacle = found(boot)["boot-password"]
    assert "keeper" in obstacle.text
    assert obstacle.remedy.startswith(f"grub-set-default {SIMPLE};")
    assert found(host(f"saved_entry={SIMPLE}", menu="password")) == {}


def test_a_menu_without_a_time_or_without_its_kernel_waits_for_a_person() -> None:
    text = fixture("boot/ubuntu.cfg").replace("set timeout=0", "set timeout=-1")
    waits = found(host(f"saved_entry={NEW_ID}", menu=text))["boot-waits"]
    assert "no time after which it boots" in waits.text
    gone = found(host(f"saved_entry={NEW_ID}", images=f"9 1 /boot/vmlinuz-{OLD}\n"))["boot-waits"]
    assert "kernel is missing" in gone.text


# one-shots


def test_a_foreign_one_shot_is_what_boots_and_is_refused() -> None:
    boot = host(f"saved_entry={NEW_ID}", f"next_entry={OLD_ID}")
    now, later = known(boots_now(boot)), known(boots_by_default(boot))
    assert (now.entry.path, now.once) == (OLD_ID, True)
    assert (later.entry.path, later.once) == (NEW_ID, False)
    obstacle = found(boot)["foreign-one-shot"]
    assert str(obstacle.where) == f"/boot/grub/grubenv:3: next_entry={OLD_ID}"
    assert OLD in obstacle.text
    assert obstacle.remedy == "grub-editenv /boot/grub/grubenv unset next_entry"


def test_a_one_shot_of_our_own_is_no_obstacle_where_grub_can_take_it_back() -> None:
    boot = host(f"saved_entry={NEW_ID}", f"next_entry={NEW_ID}")
    assert found(boot) == {}
    assert set(found(boot, disks=LVM)) == {"armed-for-ever"}
    assert set(found(boot, armed_by_us=None)) == {"foreign-one-shot"}


def test_a_one_shot_that_is_not_in_the_menu_is_nobody_s() -> None:
    obstacle = found(host(f"saved_entry={NEW_ID}", "next_entry=gone"))["foreign-one-shot"]
    assert "the menu does not have it" in obstacle.text


# which entries are ours

WANTED = SPEC.stack.boot if SPEC.stack and SPEC.stack.boot else pytest.fail("no boot set")
NAME = WANTED.set_id
KEPT = f"b70-{OLD}-found"
SET_ENTRIES = "".join(
    f"menuentry 'Boot set {name}' --unrestricted --id {name} {{\n"
    f" linux /boot/b70fleet/{name}/vmlinuz root=UUID={UUID} b70fleet.set={name}\n}}\n"
    for name in (NAME, KEPT)
)
SET_IMAGES = "".join(f"9 1 /boot/b70fleet/{name}/vmlinuz\n" for name in (NAME, KEPT))


def with_sets(*lines: str) -> BootState:
    """Return a host whose menu has the declared set and a kept one."""
    return host(*lines, custom=SET_ENTRIES, images=IMAGES + SET_IMAGES)


def judged(*lines: str, default: str = "", spec: HostSpec = SPEC) -> set[str]:
    """Return the obstacles of such a host.

    Args:
        lines: of its environment block.
        default: the set that was made the default last.
        spec: its declaration.
    """
    recorded = (f"b70fleet_default={default}",) if default else ()
    said = {"boot": with_sets(*lines, *recorded), "efi": ABSENT, "block": PLAIN}
    return {each.id for each in obstacles(scene_of(spec, given(said)))}


@pytest.mark.parametrize("saved", [NEW_ID, OLD_ID, NAME, KEPT])
def test_while_no_set_is_the_default_whatever_the_host_s_own_system_boots_is_right(
    saved: str,
) -> None:
    assert judged(f"saved_entry={saved}") == set()


@pytest.mark.parametrize("saved", [NAME, KEPT])
def test_the_declared_set_and_the_default_on_record_are_ours(saved: str) -> None:
    assert judged(f"saved_entry={saved}", default=KEPT) == set()


@pytest.mark.parametrize("saved", [NEW_ID, OLD_ID, KEPT])
def test_once_a_set_is_the_default_another_entry_is_not_ours(saved: str) -> None:
    assert judged(f"saved_entry={saved}", default=NAME) == {"default-not-ours"}


@pytest.mark.parametrize("default", ["", NAME, KEPT])
def test_only_the_declared_set_is_armed_by_us(default: str) -> None:
    saved = f"saved_entry={default or NEW_ID}"
    assert judged(saved, f"next_entry={NAME}", default=default) == set()
    assert judged(saved, f"next_entry={KEPT}", default=default) == {"foreign-one-shot"}


def test_without_a_declared_set_no_default_is_wrong_and_every_one_shot_is_somebody_s() -> None:
    bare = SPEC.model_copy(update={"stack": None})
    lines = (f"saved_entry={OLD_ID}", f"next_entry={NAME}")
    assert judged(*lines, default=NAME, spec=bare) == {"foreign-one-shot"}


# the default


def test_settings_that_make_any_booted_entry_the_default_are_named() -> None:
    boot = host(f"saved_entry={NEW_ID}", settings="GRUB_DEFAULT=saved\nGRUB_SAVEDEFAULT=true\n")
    obstacle = found(boot)["saves-default"]
    assert str(obstacle.where) == "/etc/default/grub:2: GRUB_SAVEDEFAULT=true"
    assert obstacle.remedy == "set GRUB_SAVEDEFAULT=false in /etc/default/grub, then update-grub"


def test_a_menu_that_saves_without_being_asked_to_is_seen_too() -> None:
    text = fixture("boot/ubuntu.cfg").replace("\trecordfail\n", "\tsavedefault\n\trecordfail\n")
    assert "saves-default" in found(host(f"saved_entry={NEW_ID}", menu=text))


def test_a_default_that_vanished_is_not_taken_for_the_first_entry_s_choice() -> None:
    obstacle = found(host("saved_entry=gnulinux-6.8.0-1-generic"))["vanished-default"]
    assert "gnulinux-6.8.0-1-generic is not in the menu" in obstacle.text
    assert obstacle.remedy == f"grub-set-default {SIMPLE}"


@pytest.mark.parametrize("saved", [f"{ADVANCED}>1", f"{ADVANCED}>gnulinux-{NEW}-recovery-{UUID}"])
def test_a_recovery_entry_as_the_default_is_named(saved: str) -> None:
    assert "recovery-default" in found(host(f"saved_entry={saved}"))


def test_another_kernel_as_the_default_is_not_ours() -> None:
    obstacle = found(host(f"saved_entry={OLD_ID}"))["default-not-ours"]
    assert obstacle.remedy == f"grub-set-default {shlex.quote(NEW_ID)}"
    assert "default-not-ours" not in found(host(f"saved_entry={OLD_ID}"), ours=None)


@pytest.mark.parametrize(
    ("saved", "kind"),
    [
        ("1>0", "its number"),
        ("Ubuntu", "its title"),
        (f"Advanced options for Ubuntu>Ubuntu, with Linux {NEW}", "its title"),
        (ADVANCED, "a submenu"),
    ],
)
def test_a_default_that_may_mean_another_entry_tomorrow_is_named(saved: str, kind: str) -> None:
    obstacle = found(host(f"saved_entry={saved}"))["positional-default"]
    assert f"named by {kind}" in obstacle.text


def test_the_first_entry_is_the_distribution_s_own_rule() -> None:
    text = fixture("boot/ubuntu.cfg").replace('default="${saved_entry}"', 'default="0"')
    assert found(host(menu=text, settings=None)) == {}


def test_a_submenu_that_was_renamed_makes_the_default_vanish() -> None:
    saved = f"Advanced options for Debian>Ubuntu, with Linux {NEW}"
    assert "vanished-default" in found(host(f"saved_entry={saved}"))


def test_two_entries_of_one_name_are_named_with_both_lines() -> None:
    custom = f"menuentry 'Mine' --id '{SIMPLE}' {{ linux /boot/vmlinuz-{OLD}; }}\n"
    obstacle = found(host(f"saved_entry={NEW_ID}", custom=custom))["doubled-entry"]
    assert f"have one id, {SIMPLE}: GRUB takes the one in line 141" in obstacle.text
    assert str(obstacle.where).startswith("/boot/grub/custom.cfg:1:")


@pytest.mark.parametrize(
    ("settings", "custom", "said", "remedy"),
    [
        ("GRUB_DEFAULT=0\n", None, "GRUB_DEFAULT is 0 (/etc/default/grub), and", "update-grub"),
        (None, None, "GRUB_DEFAULT is 0, and", "update-grub"),
        (
            SETTINGS,
            f"set default='{NEW_ID}'\n",
            "and /boot/grub/custom.cfg sets",
            "remove `set default` from /boot/grub/custom.cfg, line 1",
        ),
    ],
)
def test_a_menu_that_is_not_what_the_settings_ask_for_is_stale(
    settings: str | None, custom: str | None, said: str, remedy: str
) -> None:
    obstacle = found(host(f"saved_entry={NEW_ID}", settings=settings, custom=custom))["menu-stale"]
    assert said in obstacle.text
    assert obstacle.remedy == remedy


def test_a_kernel_that_is_not_in_the_menu_makes_the_menu_stale() -> None:
    release = "7.0.0-40-generic"
    more = {"images": f"{IMAGES}9 1 /boot/vmlinuz-{release}\n", "modules": f"{OLD}\n{release}\n"}
    obstacle = found(host(f"saved_entry={NEW_ID}", **more))["menu-stale"]
    assert obstacle.text.startswith(f"/boot/vmlinuz-{release} is not in the menu")


# after the next update


def test_the_next_menu_is_judged_with_the_environment_of_now() -> None:
    text = fixture("boot/ubuntu.cfg")
    boot = host(f"saved_entry={OLD_ID}", f"next_entry={NEW_ID}")
    after = known(boots_next(text.replace(f"gnulinux-{OLD}-adv", "gnulinux-x-adv"), boot))
    assert (after.entry.path, after.missed) == (
        f"{ADVANCED}>gnulinux-{NEW}-advanced-{UUID}",
        OLD_ID,
    )
    assert known(boots_next(text, boot)).entry.path == OLD_ID
    assert isinstance(boots_next(Unknown("os-prober is on"), boot), Unknown)


def test_a_change_of_flavour_by_the_next_update_is_foretold() -> None:
    text = fixture("boot/ubuntu.cfg").replace('default="${saved_entry}"', 'default="0"')
    intel = "6.17.0-9-intel"
    boot = host(menu=text.replace(NEW, intel), settings=None, images="", modules="")
    changed = {"ours": loads(intel), "next_menu": text}
    obstacle = found(boot, **changed)["flavour-change"]
    assert "from intel to generic" in obstacle.text
    assert obstacle.remedy.startswith("set GRUB_DEFAULT=saved")
    ubuntu = replace(boot, knows_flavours=True)
    assert 'GRUB_FLAVOUR_ORDER="intel"' in found(ubuntu, **changed)["flavour-change"].remedy
    assert found(boot, ours=loads(intel), next_menu=text.replace(NEW, "6.18.0-1-intel")) == {}


def test_a_next_menu_that_could_not_be_tried_is_unknown_and_no_refusal() -> None:
    obstacle = found(host(f"saved_entry={NEW_ID}"), next_menu=Unknown("os-prober is on"))
    assert set(obstacle) == {"next-menu-unknown"}
    assert "next-menu-unknown" not in FORBID_REBOOT


# the firmware


@pytest.mark.parametrize(
    ("changes", "kind", "said", "remedy"),
    [
        ({"next": 2}, "efi-boot-next", "Boot0002 'Windows'", "efibootmgr --delete-bootnext"),
        ({"next": 9}, "efi-boot-next", "Boot0009", "efibootmgr --delete-bootnext"),
        ({"order": (2, 1)}, "efi-other-loader", "Boot0002 'Windows' first", "efibootmgr --boot"),
        ({"loader": "systemd-boot 258"}, "efi-other-loader", "systemd-boot 258", "bootctl"),
    ],
)
def test_what_the_firmware_starts_comes_before_any_menu(
    changes: dict[str, Any], kind: str, said: str, remedy: str
) -> None:
    boot, efi = host(f"saved_entry={NEW_ID}"), replace(EFI, **changes)
    assert isinstance(boots_now(boot, efi), Unknown)
    obstacle = found(boot, efi=efi)[kind]
    assert said in obstacle.text
    assert obstacle.remedy.startswith(remedy) or remedy in obstacle.remedy
    assert isinstance(boots_by_default(boot, efi), Boots) == (kind == "efi-boot-next")


@pytest.mark.parametrize(
    "changes",
    [{}, {"next": 1}, {"order": (3, 1)}, {"loader": "GRUB 2.12"}, {"order": ABSENT}],
)
def test_a_firmware_that_starts_what_it_started_is_no_obstacle(changes: dict[str, Any]) -> None:
    boot, efi = host(f"saved_entry={NEW_ID}"), replace(EFI, **changes)
    assert known(boots_now(boot, efi)).entry.path == NEW_ID
    assert found(boot, efi=efi) == {}


def test_a_menu_on_the_efi_partition_that_leads_to_another_system_is_named() -> None:
    boot = host(f"saved_entry={NEW_ID}")
    stub = Line("/boot/efi/EFI/ubuntu/grub.cfg", 1, f"search.fs_uuid {OTHER} root")
    obstacle = found(boot, efi=replace(EFI, stubs=(stub,)))["efi-other-loader"]
    assert str(obstacle.where) == f"{stub.path}:1: {stub.text}"
    assert obstacle.remedy.startswith("grub-install && update-grub")
    own = replace(stub, text=f"search.fs_uuid {UUID} root")
    assert found(boot, efi=replace(EFI, stubs=(own,))) == {}


@pytest.mark.parametrize("changes", [{"order": (4, 1)}, {"next": 4}])
@pytest.mark.parametrize(("leads_to", "known_here"), [(UUID, True), (OTHER, False), (None, False)])
def test_another_file_of_the_firmware_starts_this_system_where_it_leads_to_the_same_menu(
    changes: dict[str, Any], leads_to: str | None, known_here: bool
) -> None:
    """A first boot by the removable path writes an entry of its own."""
    data = load_option_bytes("UEFI OS", "\\EFI\\BOOT\\BOOTX64.EFI", PARTITION)
    text = f"search.fs_uuid {leads_to} root"
    stubs = (Line("/boot/efi/EFI/BOOT/grub.cfg", 1, text),) if leads_to else ()
    options = {**EFI.options, 4: load_option(4, data)}
    efi = replace(EFI, options=options, stubs=stubs, **changes)
    assert (found(host(f"saved_entry={NEW_ID}"), efi=efi) == {}) is known_here


def test_a_firmware_that_cannot_be_read_is_unknown() -> None:
    boot = host(f"saved_entry={NEW_ID}")
    assert isinstance(boots_now(boot, Unknown("x")), Unknown)
    assert set(found(boot, efi=Unknown("x"))) == {"boot-unknown"}


# what nobody knows


def test_a_menu_that_is_not_understood_is_unknown_and_forbids_a_reboot() -> None:
    text = fixture("boot/ubuntu.cfg") + "eval set default=1\n"
    boot = host(f"saved_entry={NEW_ID}", menu=text)
    assert isinstance(boots_now(boot), Unknown)
    obstacle = found(boot)["boot-unknown"]
    assert f"grub.cfg:{text.count(chr(10))}: eval set default=1" in obstacle.text
    assert obstacle.id in FORBID_REBOOT


def test_a_hibernated_system_is_found_in_a_swap_file_and_on_a_swap_device() -> None:
    image = "/swap.img 53 31 53 55 53 50 45 4e 44 00\n"
    active = "/swap.img 53 57 41 50 53 50 41 43 45 32\n"
    in_file = found(host(f"saved_entry={NEW_ID}", swap_files=image))["hibernation-image"]
    assert in_file.remedy.startswith("mkswap /swap.img")
    assert found(host(f"saved_entry={NEW_ID}", swap_files=active)) == {}
    disks = replace(
        PLAIN, devices=(*PLAIN.devices, replace(device("sdb", "disk"), fstype="swsuspend"))
    )
    assert (
        "/dev/sdb holds"
        in found(host(f"saved_entry={NEW_ID}"), disks=disks)["hibernation-image"].text
    )


def test_a_host_without_grub_and_a_fact_that_failed_have_no_obstacles_here() -> None:
    assert obstacles(Scene(read_boot(), ABSENT)) == ()
    assert obstacles(Scene(Unknown("x"))) == ()
    assert isinstance(boots_now(read_boot()), Unknown)
    assert isinstance(boots_now(Unknown("x")), Unknown)
