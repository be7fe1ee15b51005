"""Three who say what GRUB boots from one disk: real GRUB, grub-emu, and the product's own reading.

grub-emu chooses for the machines of the boot tier; the product reads the same menu and environment
block on a running host (`facts/boot/grub_choice.py`). Each case is a menu and an environment block.
All start from the same disk, must boot the same kernel with the same words and the same initrd, and
must leave the same environment block behind; the product may say UNKNOWN where the table says so.
What a case expects is written down as well: those who agree could all be wrong. Real GRUB runs
under QEMU; its kernels are probes of 1 KiB, so a case takes seconds.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from facts.boot import grub_choice, grub_files
from facts.boot.grub_files import GrubFiles
from facts.value import ABSENT, Unknown
from lab import releases, store
from lab.grub import bare, probe
from lab.grub.errors import GrubError
from lab.grub.pick import Choice, Place, Waits, pick
from lab.grub.probe import HandedOver
from lab.grub.read import read
from lab.grub.tools import GrubTools
from lab.lab import Lab
from lab.vm.image import OFFSET, VmImages

#: Releases whose real GRUB is asked: 2.06 on Debian 12, 2.12 on Debian 13.
HERE = releases.here().codename
#: A release with GRUB 2.12.
OTHER = "trixie"
PLACE = Place("hd0,msdos1", "/boot/grub")
#: Seconds for one choice: real GRUB takes 2 to 6 s, and the machine may be busy.
TIMEOUT_S = 120
#: Seconds of silent CPU time after which grub-emu waits for a person; the table hides no menu.
SILENT_S = 1.5
#: Size of GRUB's environment block, and how it begins.
BLOCK_BYTES = 1024
HEADER = "# GRUB Environment Block\n"

#: Words of the table that stand for the two releases and the file system of the image.
SIMPLE, ADVANCED = "gnulinux-simple-<uuid>", "gnulinux-advanced-<uuid>"
OLD_ID = f"{ADVANCED}>gnulinux-<old>-advanced-<uuid>"
NEW_ID = f"{ADVANCED}>gnulinux-<new>-advanced-<uuid>"
OLD_TITLE = "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux <old>"
SPARE = "menuentry 'spare' --id spare {\n\tlinux /boot/vmlinuz-<old> spare\n}\n"
#: Places of the menu that a case changes.
INITRD = "\tinitrd\t/boot/initrd.img-<new>\n"
OLD_INITRD = INITRD.replace("<new>", "<old>")
LINUX = "\tlinux\t/boot/vmlinuz-<new>"
UBUNTU = (
    "function recordfail {\n  set recordfail=1\n"
    '  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi\n'
    "  fi\n}\n"
)
PASSWORD = "set superusers=admin\npassword admin secret\nexport superusers\n"
HEAD_END = "### END /etc/grub.d/00_header ###\n"


@dataclass(frozen=True)
class Case:
    """One start of GRUB.

    Args:
        what: the case in words.
        boots: `<old>` or `<new>`, the release that boots; None when GRUB waits for a person.
        env: variables of the environment block.
        after: variables that have another value afterwards.
        block: the whole block instead, for one that is damaged or, empty, missing.
        edit: texts of the menu, each with what stands there instead.
        custom: custom.cfg.
        gone: files of /boot that are missing.
        content: files of /boot with other content than theirs.
        word: one word of the command line that boots.
        initrd: an initrd is loaded.
        counts: seconds that the menu counts down from; None = it is not shown.
        unknown: what the product says instead, and rightly so; empty: it knows.
    """

    what: str
    boots: str | None
    env: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    block: bytes | None = None
    edit: tuple[tuple[str, str], ...] = ()
    custom: str = ""
    gone: tuple[str, ...] = ()
    content: dict[str, bytes] = field(default_factory=dict)
    word: str = "quiet"
    initrd: bool = True
    counts: int | None = None
    unknown: str = ""


def default(value: str) -> tuple[str, str]:
    """Return the edit that a plain GRUB_DEFAULT makes."""
    return ('set default="${saved_entry}"', f'set default="{value}"')


CASES = (
    Case("nothing is saved", "<new>"),
    Case("an entry is saved by its id", "<old>", {"saved_entry": OLD_ID}),
    Case("an entry is saved by its title", "<old>", {"saved_entry": OLD_TITLE}),
    Case("a saved entry that no menu has", "<new>", {"saved_entry": "gone>gone"}),
    Case("a one-shot", "<old>", {"next_entry": OLD_ID}, {"next_entry": ""}),
    Case(
        "a one-shot beside a saved entry",
        "<old>",
        {"saved_entry": NEW_ID, "next_entry": OLD_ID},
        {"next_entry": ""},
    ),
    Case("the boot after a one-shot", "<old>", {"saved_entry": OLD_ID, "next_entry": ""}),
    Case("a one-shot by title", "<old>", {"next_entry": OLD_TITLE}, {"next_entry": ""}),
    Case("a one-shot that no menu has", "<new>", {"next_entry": "gone"}, {"next_entry": ""}),
    Case(
        "an entry that was saved before another one's turn",
        "<old>",
        {"saved_entry": OLD_ID, "prev_saved_entry": NEW_ID},
        {"saved_entry": NEW_ID, "prev_saved_entry": ""},
    ),
    Case(
        "other variables beside a one-shot",
        "<old>",
        {"b70_a": "1", "next_entry": OLD_ID, "b70_b": "x y\\z"},
        {"next_entry": ""},
    ),
    Case("a numeric default", "<new>", edit=(default("0"),)),
    Case("a numeric default inside a submenu", "<old>", edit=(default("1>2"),)),
    Case("a numeric default beyond the menu", "<new>", edit=(default("9"),)),
    Case("a recovery entry", "<old>", {"saved_entry": "1>3"}, word="single"),
    Case(
        "a menu that counts",
        "<old>",
        {"saved_entry": OLD_ID},
        edit=(("set timeout=0", "set timeout=2"),),
        counts=2,
    ),
    Case(
        "a recorded failure",
        "<new>",
        {"recordfail": "1"},
        edit=(("set timeout=30", "set timeout=2"),),
        counts=2,
    ),
    Case(
        "an entry that records a failure first, as Ubuntu's do",
        "<new>",
        {"saved_entry": SIMPLE},
        {"recordfail": "1"},
        edit=((HEAD_END, UBUNTU + HEAD_END), (LINUX, "\trecordfail\n" + LINUX)),
    ),
    Case(
        "an entry that saves itself",
        "<new>",
        {"saved_entry": "0"},
        {"saved_entry": SIMPLE},
        edit=((LINUX, "\tsavedefault\n" + LINUX),),
    ),
    Case(
        "a one-shot that would save itself",
        "<new>",
        {"saved_entry": OLD_ID, "next_entry": SIMPLE},
        {"next_entry": ""},
        edit=((LINUX, "\tsavedefault\n" + LINUX),),
    ),
    Case(
        "an entry that saves behind its initrd",
        "<new>",
        {"b70": "0"},
        {"b70": "1"},
        edit=((INITRD, INITRD + "\tset b70=1\n\tsave_env b70\n"),),
    ),
    Case("a missing kernel without a fallback", None, gone=("vmlinuz-<new>",)),
    Case("an empty kernel without a fallback", None, content={"vmlinuz-<new>": b""}),
    Case(
        "a missing kernel with a fallback",
        "<old>",
        edit=((HEAD_END, "set fallback=2\n" + HEAD_END),),
        custom=SPARE,
        gone=("vmlinuz-<new>",),
        word="spare",
        initrd=False,
    ),
    Case(
        "a fallback that fails too, and the next one",
        "<old>",
        edit=((HEAD_END, "set fallback='0 2'\n" + HEAD_END),),
        custom=SPARE,
        gone=("vmlinuz-<new>",),
        word="spare",
        initrd=False,
    ),
    Case(
        "a fallback by id, which GRUB does not know",
        None,
        edit=((HEAD_END, "set fallback=spare\n" + HEAD_END),),
        custom=SPARE,
        gone=("vmlinuz-<new>",),
    ),
    Case(
        "a one-shot in the submenu with a missing kernel, and a fallback",
        "<new>",
        {"next_entry": OLD_ID},
        {"next_entry": ""},
        edit=((HEAD_END, "set fallback=0\n" + HEAD_END),),
        gone=("vmlinuz-<old>",),
    ),
    Case("a missing initrd", "<new>", gone=("initrd.img-<new>",), initrd=False),
    Case("an entry without an initrd", "<new>", edit=((INITRD, ""),), initrd=False),
    Case(
        "words with blanks and quotes",
        "<new>",
        edit=((LINUX, LINUX + " dyndbg='file xe_*.c +p' a\\\"b c\\\\d '' \"$root\" $nothing"),),
        word="xe_*.c",
        unknown="GRUB's name of a device is known at boot only",
    ),
    Case(
        "a password for all but this entry",
        "<new>",
        edit=(
            (HEAD_END, PASSWORD + HEAD_END),
            ("menuentry 'Debian GNU/Linux' ", "menuentry 'Debian GNU/Linux' --unrestricted "),
        ),
    ),
    Case("a password for this entry", None, edit=((HEAD_END, PASSWORD + HEAD_END),)),
    Case("a custom.cfg with another default", "<old>", custom=f'set default="{OLD_ID}"\n'),
    Case(
        "a custom.cfg with another entry",
        "<old>",
        {"saved_entry": "spare"},
        custom=SPARE,
        word="spare",
        initrd=False,
    ),
    Case("an environment block that is missing", "<new>", block=b""),
    Case("an environment block without its header", "<new>", block=b"x" * BLOCK_BYTES),
    Case("an environment block cut short", "<new>", block=b"# GRUB Env"),
    Case(
        "a one-shot in an environment block without room",
        "<old>",
        block=(f"{HEADER}next_entry={OLD_ID}\n").encode(),
    ),
)


@dataclass(frozen=True)
class Difference:
    """Where grub-emu is not to be trusted.

    Args:
        case: as real GRUB has it.
        emulated: release that grub-emu boots instead.
        read: release that the product reads off the disk.
        why: the reason.
    """

    case: Case
    emulated: str
    read: str
    why: str


DIFFERENCES = (
    Difference(
        Case("a kernel that is no kernel", None, content={"vmlinuz-<new>": b"cut short"}),
        "<new>",
        "<new>",
        "the stand-in of `linux`, and the product, look whether the file is there and not empty",
    ),
    Difference(
        Case(
            "an entry that goes on after its own boot",
            "<new>",
            edit=((INITRD, f"{INITRD}\tboot\n\tlinux\t/boot/vmlinuz-<old> quiet\n{OLD_INITRD}"),),
        ),
        "<old>",
        "<new>",
        "`boot` is GRUB's own and does nothing in grub-emu, so the entry runs to its end",
    ),
)


#: What is compared on the other release, too; all cases were, once, and agreed.
SAMPLE = (
    "a fallback by id, which GRUB does not know",
    "an entry is saved by its id",
    "a one-shot",
    "a recorded failure",
    "a numeric default inside a submenu",
    "a missing kernel with a fallback",
    "a missing kernel without a fallback",
    "a password for this entry",
    "a custom.cfg with another default",
)


class Disk:
    """A copy of the image's disk whose /boot is laid out for a case.

    Files are written and read back by debugfs, which shares no code with GRUB.

    Args:
        raw: the copy.
        scratch: folder for files on their way.
        old: release of the older kernel.
        new: release of the newer one.
    """

    def __init__(self, raw: Path, scratch: Path, old: str, new: str) -> None:
        self.raw = raw
        self._scratch = scratch
        self._menu = self.read("/boot/grub/grub.cfg").decode()
        self._probe = scratch / "probe"
        probe.build(self._probe)
        found = re.search(r"gnulinux-simple-(\S+)'", self._menu)
        assert found
        self._values = {"<old>": old, "<new>": new, "<uuid>": found[1]}

    def filled(self, text: str) -> str:
        """Return a text of the table with the image's own names."""
        for word, value in self._values.items():
            text = text.replace(word, value)
        return text

    def lay_out(self, case: Case) -> None:
        """Write menu, environment block and kernels of a case."""
        kernel = self._probe.read_bytes()
        files = {
            "/boot/grub/grub.cfg": self._edited(case).encode(),
            "/boot/grub/grubenv": self._block(case),
            "/boot/grub/custom.cfg": self.filled(case.custom).encode(),
        }
        for release, size in (("<old>", 700), ("<new>", 900)):
            files[f"/boot/vmlinuz-{release}"] = kernel
            files[f"/boot/initrd.img-{release}"] = b"i" * size
        files |= {f"/boot/{name}": content for name, content in case.content.items()}
        lines = []
        for number, (name, content) in enumerate(files.items()):
            lines.append(f"rm {self.filled(name)}")
            is_there = content or name.removeprefix("/boot/") in case.content
            if is_there and name.removeprefix("/boot/") not in case.gone:
                (self._scratch / f"{number}").write_bytes(content)
                lines.append(f"write {self._scratch / str(number)} {self.filled(name)}")
        self._debugfs("\n".join(lines), write=True)

    def block(self) -> bytes | None:
        """Return the environment block, None when there is none."""
        listed = self._debugfs("stat /boot/grub/grubenv")
        return self.read("/boot/grub/grubenv") if "Inode:" in listed else None

    def sizes(self) -> dict[str, int]:
        """Return the files of /boot and /boot/grub with their sizes."""
        found: dict[str, int] = {}
        for folder in ("/boot", "/boot/grub"):
            for line in self._debugfs(f"ls -p {folder}").split("\n"):
                # /inode/mode/user/group/name/size/
                fields = line.split("/")
                if len(fields) == 8 and fields[2].startswith("100"):
                    found[f"{folder}/{fields[5]}"] = int(fields[6])
        return found

    def files(self) -> GrubFiles:
        """Return what a fact would carry of this disk."""
        sizes = self.sizes()
        menus = [name for name in sizes if name.endswith(".cfg")]
        block = self.block()
        return GrubFiles(
            texts={name: self.read(name).decode() for name in menus},
            block=ABSENT if block is None else grub_files.parse_block(block),
            sizes=sizes,
            folders=frozenset(("/boot", "/boot/grub")),
            uuids=frozenset((self._values["<uuid>"].lower(),)),
            platform="pc",
        )

    def initrd_bytes(self, names: tuple[str, ...]) -> int:
        """Return the size of some files together."""
        return sum(len(self.read(name)) for name in names)

    def _edited(self, case: Case) -> str:
        """Return Debian's menu as update-grub writes it with two kernels, changed for a case.

        GRUB_DEFAULT=saved, GRUB_TIMEOUT=0; the top entry boots the newer kernel.
        """
        old, new = self._values["<old>"], self._values["<new>"]
        head, top, sub, inner, tail = re.split(
            r"(^menuentry .*?^}\n)(^submenu .*?\n)(.*?)(?=^}\n)", self._menu, flags=re.M | re.S
        )
        text = head + top.replace(old, new) + sub + inner.replace(old, new) + inner + tail
        edits = (
            ('set default="0"', 'set default="${saved_entry}"'),
            ("set timeout=1\n", "set timeout=0\n"),
            *case.edit,
        )
        for before, after in edits:
            assert self.filled(before) in text, before
            text = text.replace(self.filled(before), self.filled(after))
        return text

    def _block(self, case: Case) -> bytes:
        if case.block is not None:
            return self.filled(case.block.decode()).encode()
        escaped = {name: value.replace("\\", "\\\\") for name, value in case.env.items()}
        lines = "".join(f"{name}={self.filled(value)}\n" for name, value in escaped.items())
        return (HEADER + lines).encode().ljust(BLOCK_BYTES, b"#")

    def read(self, name: str) -> bytes:
        """Return a file of the disk."""
        copy = self._scratch / "copy"
        copy.unlink(missing_ok=True)
        self._debugfs(f"dump {name} {copy}")
        return copy.read_bytes()

    def _debugfs(self, lines: str, *, write: bool = False) -> str:
        words = ["debugfs", *(["-w"] if write else []), "-f", "-", f"{self.raw}?offset={OFFSET}"]
        done = subprocess.run(words, input=lines, capture_output=True, text=True, check=True)
        return done.stdout


def variables(block: bytes | None) -> dict[str, str] | None:
    """Return the variables of an environment block, None when it is missing or damaged."""
    text = (block or b"").decode()
    if not text.startswith(HEADER):
        return None
    lines = (line.split("=", 1) for line in text.split("\n") if not line.startswith("#"))
    return {line[0]: line[1].replace("\\\\", "\\") for line in lines if len(line) == 2}


def counted(screen: str) -> int | None:
    """Return the seconds that a menu first showed, None when it showed none."""
    found = re.search(r"executed automatically in (\d+)s", screen)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Outcome:
    """What one GRUB did: what it handed over, the block it left, the seconds it counted."""

    handed_over: HandedOver | None
    block: bytes | None
    counts: int | None


@dataclass
class Pair:
    """Both GRUBs on one disk."""

    disk: Disk
    tools: GrubTools

    def emulated(self, case: Case) -> Outcome:
        """Let grub-emu choose."""
        self.disk.lay_out(case)
        words = self.tools.command("grub-emu")
        choice = pick(words, self.disk.raw, PLACE, TIMEOUT_S, SILENT_S)
        if isinstance(choice, Waits):
            return Outcome(None, self.disk.block(), None)
        handed_over = HandedOver(choice.command_line, self.disk.initrd_bytes(choice.initrd))
        return Outcome(handed_over, self.disk.block(), counted(choice.screen))

    def ours(self, case: Case) -> tuple[grub_choice.Choice | Unknown, Outcome]:
        """Return what the product makes of the disk; whether the menu counts is not its business.

        The block is as its own variables would be written: one that GRUB cannot write stays.
        """
        self.disk.lay_out(case)
        files = self.disk.files()
        choice = grub_choice.choose(files)
        if isinstance(choice, Unknown) or choice.waits or choice.loaded is None:
            return choice, Outcome(None, self.disk.block(), None)
        loaded = choice.loaded
        told = Choice(loaded.image, loaded.words, loaded.initrds, "", "")
        handed_over = HandedOver(told.command_line, self.disk.initrd_bytes(loaded.initrds))
        return choice, Outcome(handed_over, self.disk.block(), None)

    def real(self, case: Case) -> Outcome:
        """Let real GRUB choose."""
        self.disk.lay_out(case)
        attempt = bare.boot(self.disk.raw, TIMEOUT_S)
        seconds = counted(attempt.screen) if attempt.handed_over else None
        return Outcome(attempt.handed_over, self.disk.block(), seconds)


@pytest.fixture(scope="module")
def pair(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pair]:
    """Return both GRUBs on the disk of a release."""
    tools = GrubTools(lab.settings)
    with store.locked(lab.settings):
        image = VmImages(lab.settings, releases.named(request.param)).build(print)
        tools.ensure(print)
    folder = tmp_path_factory.mktemp("grub")
    raw = folder / "disk.raw"
    copy = ["cp", "--sparse=always", "--reflink=auto", str(image.disk), str(raw)]
    subprocess.run(copy, check=True)
    yield Pair(Disk(raw, folder, image.installed.release, image.newer.release), tools)
    raw.unlink()


def expect(disk: Disk, case: Case, boots: str | None, outcome: Outcome) -> None:
    """Check what came to pass against what the table says."""
    if boots is None:
        assert outcome.handed_over is None, "it boots though it should wait"
        return
    assert outcome.handed_over, "it waits though it should boot"
    first, *words = outcome.handed_over.command_line.split()
    assert first == disk.filled(f"BOOT_IMAGE=/boot/vmlinuz-{boots}")
    assert case.word in words
    assert bool(outcome.handed_over.initrd_bytes) == case.initrd


@pytest.mark.parametrize(
    ("pair", "case"),
    [(HERE, case) for case in CASES] + [(OTHER, case) for case in CASES if case.what in SAMPLE],
    indirect=["pair"],
    ids=lambda value: getattr(value, "what", value),
)
def test_grub_emu_chooses_as_real_grub_and_leaves_the_same_environment_block(
    pair: Pair, case: Case
) -> None:
    real, emulated = pair.real(case), pair.emulated(case)
    expect(pair.disk, case, case.boots, real)
    assert real.counts == case.counts
    if case.block is None:
        after = {**case.env, **case.after}
        filled = {variable: pair.disk.filled(value) for variable, value in after.items()}
        assert variables(real.block) == filled
    assert emulated == real
    choice, ours = pair.ours(case)
    if case.unknown:
        assert case.unknown in str(choice)
        return
    assert not isinstance(choice, Unknown), choice
    assert ours.handed_over == real.handed_over, choice
    before = variables(ours.block)
    if before is not None and len(ours.block or b"") == BLOCK_BYTES:
        assert {**before, **choice.saves} == variables(real.block), choice


@pytest.mark.parametrize("pair", [HERE], indirect=True)
@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda value: value.case.what)
def test_they_differ_where_and_as_the_table_says(pair: Pair, difference: Difference) -> None:
    case = difference.case
    expect(pair.disk, case, case.boots, pair.real(case))
    expect(pair.disk, case, difference.emulated, pair.emulated(case))
    expect(pair.disk, case, difference.read, pair.ours(case)[1])


@pytest.mark.parametrize("pair", [HERE], indirect=True)
def test_a_file_is_taken_out_of_the_disk_as_grub_reads_it(pair: Pair, tmp_path: Path) -> None:
    pair.disk.lay_out(CASES[0])
    command, target = pair.tools.command("grub-fstest"), tmp_path / "kernel"
    kernel = pair.disk.filled("/boot/vmlinuz-<new>")
    read(command, pair.disk.raw, PLACE.device, kernel, target)
    assert target.read_bytes() == pair.disk.read(kernel)


@pytest.mark.parametrize("pair", [HERE], indirect=True)
def test_a_file_that_is_missing_is_an_error_in_grubs_words(pair: Pair, tmp_path: Path) -> None:
    command, target = pair.tools.command("grub-fstest"), tmp_path / "kernel"
    with pytest.raises(GrubError, match="file `/boot/gone' not found"):
        read(command, pair.disk.raw, PLACE.device, "/boot/gone", target)
    assert not target.exists()
