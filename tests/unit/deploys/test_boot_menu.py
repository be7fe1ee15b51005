"""Our script for GRUB's menu, on what 10_linux of several releases wrote before it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from deploys.boot.paths import MENU_SCRIPT
from tests.unit.boot_facts import NEW, OLD
from tests.unit.boot_root import AWKS, BootRoot
from tests.unit.grub_menus import (
    BTRFS,
    DEBIAN,
    FIRMWARE_206,
    FIRMWARE_212,
    HEADER,
    OWN_PARTITION,
    PLACES,
    STYLES,
    UBUNTU,
    XEN,
    ZFS,
    ZPOOL,
    Place,
    Style,
    linux_section,
    shown,
)

SET = f"b70-{NEW}-0a1b2c3d4e"
KEPT = f"b70-{OLD}-found"
LINES = (
    "word xe.disable_display=1",
    "word xe.probe_display=0",
    f"word firmware_class.path=/lib/firmware/b70fleet/{SET}",
    "drop nomodeset",
    "drop xe.disable_display",
    "drop xe.probe_display",
    "drop firmware_class.path",
)


class MenuHost:
    """A host whose menu is written from texts.

    Args:
        folder: where its tree is made.
        awk: what stands behind the name `awk`; empty = this machine's.
    """

    def __init__(self, folder: Path, awk: str = "") -> None:
        self.root = BootRoot(folder, awk=awk)
        self.script = self.root.program("menu.sh", MENU_SCRIPT)
        self._number = count()

    def make(self, *lines: str) -> MenuHost:
        """Make the declared set and the one that keeps the old kernel."""
        self.root.make_set(SET, lines=lines or LINES)
        self.root.make_set(KEPT, OLD)
        self.root.plant("boot/b70fleet/roles", f"default {KEPT}\nfallback {KEPT}\n")
        return self

    def write(self, *texts: str) -> subprocess.CompletedProcess[str]:
        """Write the menu from what each script of GRUB writes; ours comes last."""
        for text in texts:
            name = f"menu-{next(self._number)}"
            self.root.plant(name, text)
            script = text.split("/etc/grub.d/", 1)[1].split(" ", 1)[0]
            body = "".join(line for line in text.splitlines(True) if not line.startswith("###"))
            self.root.plant(name, body)
            text = f'#!/bin/sh\ncat "{self.root.root}/{name}"\n'
            self.root.plant(f"etc/grub.d/{script}", text, 0o755)
        return self.root.update_grub()

    @property
    def menu(self) -> str:
        return self.root.read("boot/grub/grub.cfg")

    @property
    def ours(self) -> str:
        """Return what our script wrote."""
        return self.menu.split(f"### BEGIN {MENU_SCRIPT} ###\n")[1]


@pytest.fixture
def host(tmp_path: Path) -> MenuHost:
    return MenuHost(tmp_path)


def body(text: str, name: str = SET) -> list[str]:
    """Return the commands of an entry."""
    match = re.search(rf"^menuentry [^\n]* '{re.escape(name)}' \{{\n(.*?)\n\}}$", text, re.M | re.S)
    assert match, text
    return [line.strip() for line in match[1].split("\n")]


def line_of(command: str, lines: Sequence[str]) -> list[str]:
    """Return the words of the one line of an entry that begins with a command."""
    (line,) = [each for each in lines if each.split()[0] == command]
    return line.split()


def written(host: MenuHost, *texts: str) -> list[str]:
    """Return the commands of the declared set's entry."""
    done = host.write(*texts)
    assert done.returncode == 0, done.stderr
    valid(host)
    return body(host.ours)


def valid(host: MenuHost) -> None:
    """Let GRUB's own parser read the menu, where it is on this machine."""
    if shutil.which("grub-script-check"):
        done = host.root.call("-c", f"grub-script-check {host.root.root}/boot/grub/grub.cfg")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_set_boots_from_where_the_distributions_own_kernel_does(
    tmp_path: Path, awk: str, place: Place, style: Style
) -> None:
    host = MenuHost(tmp_path, awk).make()
    lines = written(host, HEADER, linux_section(style, place))
    command = "linuxefi" if style.efi else "linux"
    kernel = line_of(command, lines)
    end = '"' if place.boot.startswith('"') else ""
    assert kernel[1] == f"{place.boot}/b70fleet/{SET}/vmlinuz{end}"
    assert kernel[2 : 2 + len(place.root.split())] == place.root.split()
    assert line_of(command.replace("linux", "initrd"), lines)[1:] == [
        f"{place.boot}/b70fleet/{SET}/initrd{end}"
    ]
    assert f"insmod {place.module}" in lines
    assert "set root='hd0,gpt2'" in lines
    assert lines.count("search --no-floppy --fs-uuid --set=root 6f0b") == 1


def test_zfs_has_a_script_of_its_own_and_quotes_its_paths(host: MenuHost) -> None:
    lines = written(host.make(), HEADER, linux_section(ZFS, ZPOOL))
    assert line_of("linux", lines)[1:4] == [
        f'"/BOOT/ubuntu_1a2b@/b70fleet/{SET}/vmlinuz"',
        'root=ZFS="rpool/ROOT/ubuntu_1a2b"',
        "ro",
    ]
    assert line_of("initrd", lines)[1] == f'"/BOOT/ubuntu_1a2b@/b70fleet/{SET}/initrd"'


@pytest.mark.parametrize("place", [Place(), OWN_PARTITION, BTRFS])
def test_early_microcode_is_loaded_before_the_sets_initial_ram_disk(
    host: MenuHost, place: Place
) -> None:
    lines = written(host.make(), HEADER, linux_section(place=place, early=("intel-uc.img",)))
    assert line_of("initrd", lines)[1:] == [
        f"{place.boot}/intel-uc.img",
        f"{place.boot}/b70fleet/{SET}/initrd",
    ]


def test_without_an_initial_ram_disk_of_the_distribution_the_set_has_its_own(
    host: MenuHost,
) -> None:
    for style, command in ((DEBIAN, "initrd"), (STYLES["linuxefi"], "initrdefi")):
        lines = written(host.make(), HEADER, linux_section(style, initrd=False))
        assert line_of(command, lines)[1:] == [f"/boot/b70fleet/{SET}/initrd"]


def test_an_entry_with_an_initial_ram_disk_is_the_better_model(host: MenuHost) -> None:
    bare = linux_section(releases=("6.9.9-custom",), initrd=False, words="bare", submenu=False)
    both = bare.split("### END")[0] + linux_section(words="quiet").split("###\n", 1)[1]
    assert "quiet" in line_of("linux", written(host.make(), HEADER, both))


def test_recovery_is_never_the_model(host: MenuHost) -> None:
    lines = linux_section(submenu=False, releases=(NEW,)).split("\n")
    first = next(i for i, line in enumerate(lines) if "recovery mode" in line)
    recovery = "\n".join([*lines[:1], *lines[first:]])
    done = host.make().write(HEADER, recovery)
    assert done.returncode != 0


def test_an_entry_of_xen_is_never_the_model(host: MenuHost) -> None:
    lines = written(host.make(), HEADER, XEN, linux_section())
    assert "root=UUID=6f0b" in line_of("linux", lines)
    assert not any(line.startswith(("multiboot", "module")) for line in lines)


def test_a_menu_without_submenus_serves_as_well(host: MenuHost) -> None:
    lines = written(host.make(), HEADER, linux_section(submenu=False))
    assert line_of("linux", lines)[1] == f"/boot/b70fleet/{SET}/vmlinuz"


def test_ubuntu_counts_failed_boots_of_a_set_as_of_its_own_kernels(host: MenuHost) -> None:
    assert "recordfail" in written(host.make(), HEADER, linux_section(UBUNTU))


def test_a_set_that_is_chosen_by_hand_does_not_become_the_default(host: MenuHost) -> None:
    lines = written(host.make(), HEADER, linux_section(extra=("savedefault",)))
    assert "savedefault" not in lines
    assert "\tsavedefault\n" in host.menu


def test_what_the_distributions_entry_says_is_not_said_of_another_kernel(host: MenuHost) -> None:
    assert not [line for line in written(host.make(), HEADER, linux_section()) if "echo" in line]


def test_what_a_person_declared_stays_and_what_the_set_declares_comes_behind_it(
    host: MenuHost,
) -> None:
    kernel = line_of("linux", written(host.make(), HEADER, linux_section(words="quiet splash")))
    assert kernel[2:] == [
        "root=UUID=6f0b",
        "ro",
        "quiet",
        "splash",
        "xe.disable_display=1",
        "xe.probe_display=0",
        f"firmware_class.path=/lib/firmware/b70fleet/{SET}",
        f"b70fleet.set={SET}",
        "${b70fleet_word}",
    ]


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("nomodeset quiet", "quiet"),
        ("quiet nomodeset=1", "quiet"),
        ("xe.disable_display=0 quiet", "quiet"),
        ("xe.disable-display=0 quiet", "quiet"),
        ('"xe.disable_display=0" quiet', "quiet"),
        ("'xe.disable_display'=0 quiet", "quiet"),
        ('xe.disable_display="0" quiet', "quiet"),
        ("firmware_class.path=/mine", ""),
        ("iommu=off iommu=pt", "iommu=pt"),
        ('iommu="off" quiet', "quiet"),
        # what only looks alike stays
        ("nomodeset2 xnomodeset modeset", "nomodeset2 xnomodeset modeset"),
        ("xe.disable_display2=0", "xe.disable_display2=0"),
        ("foo=nomodeset", "foo=nomodeset"),
    ],
)
def test_a_word_that_the_set_takes_out_is_gone_from_its_entry_alone(
    tmp_path: Path, awk: str, before: str, after: str
) -> None:
    host = MenuHost(tmp_path, awk).make(*LINES, "drop iommu=off")
    kernel = line_of("linux", written(host, HEADER, linux_section(words=before)))
    assert kernel[4 : kernel.index("xe.disable_display=1")] == after.split()
    assert f"ro  {before}\n" in host.menu
    assert before in " ".join(line_of("linux", body(host.ours, KEPT)))


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize(
    "word",
    [
        'dyndbg="file drivers/gpu/drm/xe/* +p"',
        "dyndbg='file a +p; file b +p'",
        r"dyndbg=\"file a +p\"",
        r"a\ nomodeset",
        '"b nomodeset c"',
        "console=ttyS0,115200n8",
        "x=${y}",
    ],
)
def test_a_word_with_quotes_or_blanks_stays_as_it_is_written(
    tmp_path: Path, awk: str, word: str
) -> None:
    host = MenuHost(tmp_path, awk).make()
    lines = written(host, HEADER, linux_section(words=f"quiet {word} splash"))
    (line,) = [each for each in lines if each.startswith("linux")]
    assert f"ro quiet {word} splash xe.disable_display=1" in line


def test_a_word_of_the_set_that_grub_would_read_in_another_way_is_quoted(host: MenuHost) -> None:
    lines = written(host.make("word pci=noaer!", "word memmap=4G*2~3"), HEADER, linux_section())
    assert line_of("linux", lines)[-4:-2] == ["'pci=noaer!'", "'memmap=4G*2~3'"]


def test_a_kept_set_boots_with_the_persons_words_as_before(host: MenuHost) -> None:
    written(host.make(), HEADER, linux_section(words="quiet nomodeset"))
    kernel = line_of("linux", body(host.ours, KEPT))
    assert kernel[1] == f"/boot/b70fleet/{KEPT}/vmlinuz"
    assert kernel[2:] == [
        "root=UUID=6f0b",
        "ro",
        "quiet",
        "nomodeset",
        f"b70fleet.set={KEPT}",
        "${b70fleet_word}",
    ]


def test_an_entry_can_be_chosen_without_a_password_and_is_named_after_its_set(
    host: MenuHost,
) -> None:
    written(host.make(), HEADER, linux_section())
    assert re.findall(r"^menuentry (.*) \{$", host.ours, re.M) == [
        f"'Boot set {name} (Linux {release})' --class gnu-linux --class gnu --class os "
        f"--unrestricted $menuentry_id_option '{name}'"
        for name, release in sorted(((SET, NEW), (KEPT, OLD)))
    ]


def test_the_trial_word_is_for_a_boot_that_was_armed_for_this_set(host: MenuHost) -> None:
    lines = written(host.make(), HEADER, linux_section())
    assert lines[:7] == [
        "set b70fleet_word=",
        f'if [ "${{boot_once}}" = true -a "${{b70fleet_trial_set}}" = "{SET}" ]; then',
        'set b70fleet_word="b70fleet.trial=${b70fleet_trial}"',
        "set b70fleet_trial_set=",
        "set b70fleet_trial=",
        "save_env b70fleet_trial_set b70fleet_trial",
        "fi",
    ]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("rm boot/b70fleet/@/vmlinuz", "vmlinuz has no bytes"),
        ("rm boot/b70fleet/@/initrd", "initrd has no bytes"),
        ("cut boot/b70fleet/@/initrd", "initrd has 1 bytes"),
        (f"rm lib/modules/{NEW}", f"/lib/modules/{NEW} is gone"),
        ("format_1 format_2", "its manifest has the format 2"),
        ("file_initrd other", "its manifest records no initrd"),
    ],
)
def test_an_incomplete_set_gets_no_entry_and_is_named(
    host: MenuHost, damage: str, why: str
) -> None:
    verb, path = damage.replace("@", SET).split(" ")
    manifest = f"boot/b70fleet/{SET}/manifest"
    host.make()
    if verb == "rm":
        host.root.remove(path)
    elif verb == "cut":
        host.root.plant(path, "x")
    else:
        text = host.root.read(manifest).replace(verb.replace("_", " "), path.replace("_", " "))
        host.root.plant(manifest, text)
    done = host.write(HEADER, linux_section())
    assert done.returncode == 0
    assert f"b70fleet: {SET} gets no entry: {why}" in done.stderr
    assert f"'{SET}' {{" not in host.menu
    assert f"'{KEPT}' {{" in host.menu


def test_a_set_that_was_not_staged_to_its_end_gets_no_entry(host: MenuHost) -> None:
    host.make()
    host.root.remove(f"boot/b70fleet/{SET}/manifest")
    done = host.write(HEADER, linux_section())
    assert f"b70fleet: {SET} gets no entry: it has no manifest" in done.stderr
    assert f"'{SET}' {{" not in host.menu


def test_a_host_without_boot_sets_gets_its_menu_as_ever(host: MenuHost) -> None:
    done = host.write(HEADER, linux_section())
    assert (done.returncode, done.stderr) == (0, "")
    assert host.ours == f"### END {MENU_SCRIPT} ###\n"


def test_where_10_linux_wrote_nothing_the_menu_stays_as_it_was(host: MenuHost) -> None:
    host.make().root.plant("boot/grub/grub.cfg", "old")
    host.root.plant("etc/grub.d/10_linux", "#!/bin/sh\necho menuentry\n", 0o644)
    done = host.write(HEADER)
    assert done.returncode == 1
    assert "10_linux wrote no entry" in done.stderr
    assert host.menu == "old"


def test_into_a_pipe_the_script_asks_10_linux_again(host: MenuHost) -> None:
    host.make().write(HEADER, linux_section(), FIRMWARE_206)
    into_a_file = host.ours
    done = host.root.call(host.script)
    assert done.returncode == 0, done.stderr
    assert body(done.stdout) == body(into_a_file)
    host.root.plant("etc/grub.d/10_linux", "#!/bin/sh\n", 0o755)
    assert host.root.call(host.script).returncode == 1


OPTIONAL = """\
### BEGIN /etc/grub.d/20_memtest86 ###
if [ "$grub_platform" = efi ]; then
menuentry 'Memory test' $menuentry_id_option 'memtest' {
	linux	/boot/memtest86.efi
}
fi
submenu 'More tests' $menuentry_id_option 'more' {
	menuentry 'One' $menuentry_id_option 'one' {
		true
	}
}
menuentry 'Halt' $menuentry_id_option 'halt' { halt }
### END /etc/grub.d/20_memtest86 ###
"""


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    "others",
    [(), (FIRMWARE_206,), (FIRMWARE_212,), (OPTIONAL, FIRMWARE_212), (XEN, OPTIONAL)],
    ids=["alone", "2.06", "2.12", "memtest", "xen"],
)
def test_the_fallback_is_the_recorded_set_whatever_other_entries_the_menu_has(
    tmp_path: Path, awk: str, asks: bool, others: tuple[str, ...]
) -> None:
    """A number of an entry is all that GRUB takes; some entries come and go with the firmware."""
    host = MenuHost(tmp_path, awk).make()
    done = host.write(HEADER, linux_section(), *others)
    assert done.returncode == 0, done.stderr
    valid(host)
    for fallback in (SET, KEPT):
        environment = {"saved_entry": "halt", "b70fleet_fallback": fallback}
        assert shown(host.menu, environment, firmware_asks=asks).fallback == fallback
    assert shown(host.menu, {"saved_entry": SET}, firmware_asks=asks).fallback == ""


def test_the_saved_entry_boots(host: MenuHost) -> None:
    written(host.make(), HEADER, linux_section())
    for name in (SET, KEPT, "gnulinux-simple-6f0b"):
        environment = {"saved_entry": name, "b70fleet_default": SET, "b70fleet_fallback": KEPT}
        assert shown(host.menu, environment).default == name


def test_a_default_set_without_an_entry_gives_way_to_the_fallback(host: MenuHost) -> None:
    host.make().root.remove(f"boot/b70fleet/{SET}/initrd")
    host.write(HEADER, linux_section())
    environment = {"saved_entry": SET, "b70fleet_default": SET, "b70fleet_fallback": KEPT}
    assert shown(host.menu, environment).default == KEPT


def test_a_one_shot_set_without_an_entry_does_not_boot_the_newest_kernel(host: MenuHost) -> None:
    """GRUB boots the first entry when it does not find the one that was asked for."""
    host.make().root.remove(f"boot/b70fleet/{SET}/initrd")
    host.write(HEADER, linux_section())
    environment = {
        "next_entry": SET,
        "saved_entry": KEPT,
        "b70fleet_default": KEPT,
        "b70fleet_fallback": KEPT,
    }
    assert shown(host.menu, environment).default == KEPT


def test_a_lost_environment_boots_the_recorded_default(host: MenuHost) -> None:
    written(host.make(), HEADER, linux_section())
    assert shown(host.menu, {}).default == KEPT


def test_a_persons_own_choice_is_left_alone(host: MenuHost) -> None:
    host.make().root.remove(f"boot/b70fleet/{SET}/initrd")
    host.write(HEADER, linux_section())
    environment = {
        "saved_entry": "gnulinux-simple-6f0b",
        "b70fleet_default": SET,
        "b70fleet_fallback": KEPT,
    }
    assert shown(host.menu, environment).default == "gnulinux-simple-6f0b"


def test_nothing_is_left_in_the_temporary_folder(host: MenuHost, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    host.make().write(HEADER, linux_section())
    host.root.call(host.script, env={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []
