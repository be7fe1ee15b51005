"""The host's own program: checks a set, arms it for one boot, makes it the default."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from declaration.onhost import BOOT_COMMIT
from tests.unit.boot_facts import NEW, OLD
from tests.unit.boot_root import HOST_SHELLS, PACKERS, SICK_DISK, BootRoot, packed, sha256

SET = f"b70-{NEW}-0a1b2c3d4e"
OTHER = f"b70-{NEW}-ffffffffff"
KEPT = f"b70-{OLD}-found"
BLOB = f"lib/firmware/b70fleet/{SET}/xe/guc.bin"
LINES = (
    "kept yes",
    "word quiet",
    "drop nomodeset",
    f"package linux-image-{NEW} 1",
)
ENTRY = "menuentry 'Boot set' --unrestricted $menuentry_id_option '@' {\n}\n"


class Host:
    """A host with a declared set and one that keeps the old kernel.

    Args:
        folder: where its tree is made.
        shell: what runs the program.
    """

    def __init__(self, folder: Path, shell: Sequence[str] = HOST_SHELLS[0]) -> None:
        self.root = BootRoot(folder, shell)
        self.program = self.root.program("boot_commit.sh", BOOT_COMMIT)
        blob = self.root.plant(BLOB, b"firmware")
        firmware = f"firmware xe/guc.bin {sha256(blob)} {blob.stat().st_size}"
        self.root.make_set(SET, lines=(*LINES, firmware))
        self.root.make_set(KEPT, OLD)
        self.list_sets(SET, KEPT)
        self.editenv("create")

    def list_sets(self, *names: str) -> None:
        """Write a menu with an entry of each of these sets."""
        self.root.plant("boot/grub/grub.cfg", "".join(ENTRY.replace("@", n) for n in names))

    def editenv(self, *words: str) -> None:
        path = self.root.root / "boot/grub/grubenv"
        done = self.root.call("-c", 'grub-editenv "$@"', "x", path, *words)
        assert done.returncode == 0, done.stderr

    @property
    def environment(self) -> dict[str, str]:
        path = self.root.root / "boot/grub/grubenv"
        assert path.stat().st_size == 1024, "GRUB writes into the block, it makes none longer"
        done = self.root.call("-c", f"grub-editenv {path} list")
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.split("\n") if line)

    @property
    def roles(self) -> str:
        return self.root.read("boot/b70fleet/roles")

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call the program."""
        return self.root.call(self.program, *words)

    def done(self, *words: str) -> None:
        """Call the program, which does what it is asked for."""
        done = self.do(*words)
        assert (done.returncode, done.stderr) == (0, "")

    def refused(self, *words: str) -> str:
        """Call the program, which refuses; return what it says."""
        before = self.choice
        done = self.do(*words)
        assert done.returncode != 0
        assert self.choice == before, "a refusal changes nothing"
        return done.stderr

    @property
    def choice(self) -> tuple[bytes, bytes, list[str]]:
        """Return everything that decides which entry boots, and what else lies beside it."""
        files = [self.root.root / "boot" / name for name in ("grub/grubenv", "b70fleet/roles")]
        there = sorted(path.name for folder in files for path in folder.parent.iterdir())
        first, second = (path.read_bytes() if path.exists() else b"" for path in files)
        return first, second, there


@pytest.fixture(params=HOST_SHELLS, ids=" ".join)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, request.param)


def test_a_set_that_is_as_it_was_staged_passes_its_check(host: Host) -> None:
    before = host.choice
    host.done("check", SET)
    host.done("check", KEPT)
    assert host.choice == before


def damaged(host: Host, what: str) -> None:
    """Damage the declared set."""
    folder = f"boot/b70fleet/{SET}"
    text = host.root.read(f"{folder}/manifest")
    match what.split():
        case ["remove", path]:
            host.root.remove(path.replace("@", folder))
        case ["write", path]:
            host.root.plant(path.replace("@", folder), "other")
        case ["package", version]:
            host.root.install(f"linux-image-{NEW}", version)
        case ["remove-package"]:
            host.root.plant("packages", "")
        case ["half-package"]:
            host.root.plant("packages", f"linux-image-{NEW} half-configured 1\n")
        case ["manifest", old, new]:
            old, new = old.replace("_", " "), new.replace("_", " ")
            assert old in text
            host.root.plant(f"{folder}/manifest", text.replace(old, new))
        case ["cut", word]:
            host.root.plant(f"{folder}/manifest", text[: text.index(word.replace("_", " "))])
        case ["move-module"]:
            host.root.plant(f"lib/modules/{NEW}/xe.ko.zst", "other")
            host.root.remove(f"lib/modules/{NEW}/xe.ko")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("remove @/manifest", "it has no manifest"),
        ("manifest format_1 format", "its manifest has the format '', 1 is known"),
        ("manifest format_1 format_2", "its manifest has the format '2', 1 is known"),
        (f"manifest id_{SET} id_", "its manifest is the one of ''"),
        ("manifest file_initrd file_other", "its manifest records no initrd"),
        ("cut file_initrd", "its manifest records no initrd"),
        (f"cut {BLOB.rpartition('/')[2]}", "firmware xe/ is not as it was staged"),
        ("remove @/vmlinuz", "vmlinuz is not as it was staged"),
        ("write @/vmlinuz", "vmlinuz is not as it was staged"),
        ("write @/initrd", "initrd is not as it was staged"),
        (f"write {BLOB}", "firmware xe/guc.bin is not as it was staged"),
        (f"remove {BLOB}", "firmware xe/guc.bin is not as it was staged"),
        (f"remove lib/modules/{NEW}", f"/lib/modules/{NEW} is gone"),
        (f"remove lib/modules/{NEW}/xe.ko", f"xe of {NEW} is missing"),
        ("move-module", f"xe of {NEW} is /lib/modules/{NEW}/xe.ko.zst, it was"),
        (f"write lib/modules/{NEW}/xe.ko", "is another module than the set was made with"),
        ("package 2", f"package linux-image-{NEW} is installed 2, it was 1"),
        ("remove-package", f"package linux-image-{NEW} is not there, it was 1"),
        ("half-package", f"package linux-image-{NEW} is half-configured 1, it was 1"),
    ],
)
def test_each_fault_of_a_set_is_named_and_nobody_can_arm_or_commit_it(
    tmp_path: Path, damage: str, said: str
) -> None:
    host = Host(tmp_path)
    damaged(host, damage)
    for words in (("check", SET), ("arm", SET), ("arm", SET, "trial-1"), ("commit", SET, KEPT)):
        text = host.refused(*words)
        assert text.startswith(f"boot-commit: {SET} is incomplete: ")
        assert said in text


def test_a_hash_is_of_the_content_without_its_compression(host: Host) -> None:
    plain = host.root.root / f"lib/modules/{NEW}/xe.ko"
    folder = host.root.root / f"boot/b70fleet/{SET}"
    text = (folder / "manifest").read_text()
    for suffix in PACKERS:
        file = packed(plain, suffix)
        (folder / "manifest").write_text(text.replace(f" {plain}\n", f" {file}\n"))
        host.root.tool("modinfo", f"#!/bin/sh\necho {file}\n")
        host.done("check", SET)


@pytest.mark.parametrize("name", ["", "gnulinux-simple-6f0b", "b70-../x", "b70 x", "0"])
def test_what_is_no_name_of_a_set_is_refused(host: Host, name: str) -> None:
    for verb in ("check", "arm", "commit"):
        assert "is not the name of a boot set" in host.refused(verb, name)


@pytest.mark.parametrize(("names", "count"), [((KEPT,), 0), ((SET, KEPT, SET), 2)])
def test_a_set_without_one_entry_of_its_own_is_refused(
    host: Host, names: tuple[str, ...], count: int
) -> None:
    host.list_sets(*names)
    for verb in ("check", "arm", "commit"):
        said = host.refused(verb, SET)
        assert f"the menu has {count} entries of {SET}: update-grub, then try again" in said


def test_a_set_that_is_only_named_by_another_entry_has_none_of_its_own(host: Host) -> None:
    host.root.plant(
        "boot/grub/grub.cfg",
        ENTRY.replace("@", f"{SET}x")
        + ENTRY.replace("@", SET.replace(".", "x"))
        + f"# menuentry 'x' '{SET}' {{\nset default='{SET}'\n",
    )
    assert "the menu has 0 entries" in host.refused("check", SET)


def test_an_armed_set_boots_once_and_the_default_stays(host: Host) -> None:
    host.editenv("set", "saved_entry=old", "b70fleet_default=old")
    host.done("arm", SET)
    assert host.environment == {
        "saved_entry": "old",
        "b70fleet_default": "old",
        "next_entry": SET,
    }


def test_a_trial_is_known_to_the_entry_of_its_set(host: Host) -> None:
    host.done("arm", SET, "trial-7")
    trial = {"next_entry": SET, "b70fleet_trial_set": SET, "b70fleet_trial": "trial-7"}
    assert host.environment == trial
    host.done("arm", SET, "trial-8")
    assert host.environment == {**trial, "b70fleet_trial": "trial-8"}
    host.done("arm", SET)
    assert host.environment == {"next_entry": SET}


def test_a_one_shot_of_somebody_else_is_not_taken_away(host: Host) -> None:
    host.editenv("set", "next_entry=memtest")
    said = host.refused("arm", SET)
    assert "memtest is armed for the next boot already" in said
    assert "grub-editenv - unset next_entry" in said


def test_a_disarmed_host_boots_its_default_next(host: Host) -> None:
    host.editenv("set", "saved_entry=old")
    host.done("arm", SET, "trial-7")
    host.done("disarm")
    assert host.environment == {"saved_entry": "old"}
    host.done("disarm")
    assert host.environment == {"saved_entry": "old"}


def test_a_system_that_sleeps_in_a_partition_is_not_woken_by_another_kernel(host: Host) -> None:
    host.root.tool(
        "blkid",
        '#!/bin/sh\n[ "$*" = "-c /dev/null -t TYPE=swsuspend -o device" ] && echo /dev/sda3\n',
    )
    said = host.refused("arm", SET)
    assert "a system sleeps on /dev/sda3: wake it, or clear it with mkswap /dev/sda3" in said


def test_a_system_that_sleeps_in_a_swap_file_is_not_woken_by_another_kernel(host: Host) -> None:
    size = os.sysconf("SC_PAGESIZE")
    asleep = host.root.plant("swap.img", b"\0" * (size - 10) + b"S1SUSPEND\0" + b"\0" * size)
    awake = host.root.plant("other.img", b"\0" * (size - 10) + b"SWAPSPACE2" + b"\0" * size)
    fstab = f"# {asleep} none swap sw 0 0\n{awake} none swap sw 0 0\nUUID=1 / ext4 defaults 0 1\n"
    host.root.plant("etc/fstab", fstab)
    host.done("arm", SET)
    host.done("disarm")
    host.root.plant("etc/fstab", f"{fstab}/gone none swap sw 0 0\n{asleep} none swap sw 0 0\n")
    assert "a system sleeps on /swap.img" in host.refused("arm", SET)


def test_a_committed_set_is_the_default_everywhere_and_the_old_one_the_fallback(
    host: Host,
) -> None:
    host.editenv("set", "saved_entry=old", "recordfail=1", "prev_saved_entry=x", "mine=1")
    host.done("commit", SET, KEPT)
    assert host.roles == f"default {SET}\nfallback {KEPT}\n"
    assert host.environment == {
        "saved_entry": SET,
        "mine": "1",
        "b70fleet_default": SET,
        "b70fleet_fallback": KEPT,
    }


def test_a_commit_leaves_a_one_shot_of_somebody_else_alone(host: Host) -> None:
    host.editenv("set", "next_entry=memtest")
    host.done("commit", SET, KEPT)
    assert host.environment["next_entry"] == "memtest"


def test_a_set_is_never_its_own_fallback(host: Host) -> None:
    host.done("commit", SET, KEPT)
    host.done("commit", SET)
    assert host.roles == f"default {SET}\nfallback {KEPT}\n"
    assert host.environment["b70fleet_fallback"] == KEPT


class TestWayBack:
    """Which set a host goes back to once another one is the default."""

    def committed(self, host: Host, asked: str = "") -> str:
        host.done("commit", SET, *([asked] if asked else []))
        fallback = host.environment["b70fleet_fallback"]
        assert host.roles == f"default {SET}\nfallback {fallback}\n"
        return fallback

    @pytest.fixture
    def four(self, host: Host) -> Host:
        """Return a host with sets in every role."""
        self.names = [f"b70-{OLD}-{name}" for name in ("asked", "saved", "environment", "file")]
        for name in self.names:
            host.root.make_set(name, OLD)
        _, saved, environment, file = self.names
        host.editenv("set", f"saved_entry={saved}", f"b70fleet_fallback={environment}")
        host.root.plant("boot/b70fleet/roles", f"default {saved}\nfallback {file}\n")
        return host

    @pytest.mark.parametrize("broken", range(5))
    def test_the_first_complete_one_of_asked_saved_and_recorded(
        self, four: Host, broken: int
    ) -> None:
        for name in self.names[:broken]:
            four.root.remove(f"boot/b70fleet/{name}/initrd")
        assert self.committed(four, self.names[0]) == [*self.names, ""][broken]

    def test_what_was_the_default_without_a_question(self, four: Host) -> None:
        assert self.committed(four) == self.names[1]

    def test_an_entry_of_the_distribution_is_no_set(self, host: Host) -> None:
        host.editenv("set", "saved_entry=gnulinux-simple-6f0b")
        assert self.committed(host) == ""


def test_an_entry_of_the_distribution_can_be_kept_as_the_saved_one(host: Host) -> None:
    entry = f"gnulinux-advanced-6f0b>gnulinux-{OLD}-advanced-6f0b"
    host.editenv("set", "prev_saved_entry=x", "recordfail=1")
    host.done("keep", entry)
    assert host.environment == {"saved_entry": entry, "recordfail": "1"}
    assert "which entry?" in host.refused("keep")


@pytest.mark.parametrize("words", [(), ("help",), ("Commit", SET)])
def test_another_word_is_answered_with_those_that_there_are(
    host: Host, words: tuple[str, ...]
) -> None:
    assert "check SET | arm SET [TRIAL] | disarm | commit SET" in host.refused(*words)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"garbage", b"# GRUB Environment Block\n", b"\0" * 1024],
    ids=["missing", "empty", "garbage", "short", "zeros"],
)
def test_a_damaged_or_missing_block_is_begun_anew(host: Host, content: bytes | None) -> None:
    path = host.root.root / "boot/grub/grubenv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    host.done("commit", SET, KEPT)
    assert host.environment == {
        "saved_entry": SET,
        "b70fleet_default": SET,
        "b70fleet_fallback": KEPT,
    }


def test_a_block_that_a_link_names_stays_where_it_is(host: Host) -> None:
    """With /boot on a file system that GRUB cannot write, the block lies on the EFI partition."""
    link = host.root.root / "boot/grub/grubenv"
    real = host.root.root / "boot/efi/grubenv"
    real.parent.mkdir()
    link.rename(real)
    link.symlink_to("../efi/grubenv")
    host.done("arm", SET)
    assert link.is_symlink()
    assert host.environment == {"next_entry": SET}
    assert [path.name for path in real.parent.iterdir()] == ["grubenv"]


@pytest.mark.parametrize("tool", ["sync", "mv", "grub-editenv"])
def test_a_disk_that_fails_half_way_leaves_the_old_choice_and_says_so(
    tmp_path: Path, tool: str
) -> None:
    host = Host(tmp_path)
    host.editenv("set", "saved_entry=old")
    before = (host.root.root / "boot/grub/grubenv").read_bytes()
    # the roles can be written, the environment cannot
    real = shutil.which(tool, path=f"{host.root.tools}:{os.environ['PATH']}")
    moved = tmp_path / "real"
    if real == str(host.root.tools / tool):
        shutil.copy(real, moved)
        real = str(moved)
    case = '*" set "*' if tool == "grub-editenv" else "*grubenv*"
    host.root.tool(
        tool,
        f'#!/bin/sh\ncase " $* " in {case}) echo "{tool}: Input/output error" >&2; exit 1 ;; esac\n'
        f'exec {real} "$@"\n',
    )
    done = host.do("commit", SET, KEPT)
    assert done.returncode != 0
    assert "boot-commit: cannot " in done.stderr
    assert (host.root.root / "boot/grub/grubenv").read_bytes() == before
    # what is recorded in one place alone was cut off: converge sees that nothing boots by it yet
    assert host.roles == f"default {SET}\nfallback {KEPT}\n"
    names = [path.name for path in (host.root.root / "boot/grub").iterdir()]
    assert sorted(names) == ["grub.cfg", "grubenv"]


def test_roles_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.editenv("set", "saved_entry=old")
    host.root.tool("sync", SICK_DISK)
    assert "cannot write /boot/b70fleet/roles" in host.do("commit", SET, KEPT).stderr
    assert host.environment == {"saved_entry": "old"}
    assert not (host.root.root / "boot/b70fleet/roles").exists()


def test_a_block_without_room_is_no_success(host: Host) -> None:
    host.editenv("set", f"mine={'x' * 900}")
    before = (host.root.root / "boot/grub/grubenv").read_bytes()
    done = host.do("commit", SET, KEPT)
    assert done.returncode != 0
    assert "cannot write /boot/grub/grubenv.b70fleet" in done.stderr
    assert (host.root.root / "boot/grub/grubenv").read_bytes() == before


def test_what_does_not_read_back_is_no_success(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.root.tool("mv", '#!/bin/sh\ncase "$*" in *grubenv*) ;; *) exec /bin/mv "$@" ;; esac\n')
    done = host.do("arm", SET)
    assert done.returncode != 0
    assert f"does not read back as next_entry={SET}" in done.stderr


def test_every_set_that_can_be_named_fits_into_grubs_block(host: Host) -> None:
    """1024 bytes are all that there is: five names of the longest releases, and a trial."""
    release = "7.0.0-1038-nvidia-lowlatency-64k"
    names = [f"b70-{release}-{digit * 10}" for digit in "012"]
    for name in names:
        host.root.make_set(name, NEW)
    host.list_sets(*names)
    host.editenv("set", f"saved_entry=gnulinux-advanced-{'6' * 36}>gnulinux-{release}-{'6' * 36}")
    host.done("commit", names[0], names[1])
    host.done("arm", names[2], "20261130T153444Z-4594be7c-rig-with-a-long-name")
    assert len(host.environment) == 6
