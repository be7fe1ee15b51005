"""Specification of reading GRUB's choice from its screen, and of the process behind it.

That GRUB itself chooses as it should is a matter of the tiers with machines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.grub.errors import GrubError
from lab.grub.pick import Place, Waits, parse, pick, shown
from lab.grub.read import name

PLACE = Place("hd0,msdos1", "/boot/grub")
MENU = (
    b"\x1b[37m\x1b[40m\x1b[H\x1b[J\x1b[1;1H\x1b[2;24HGNU GRUB  version 2.06-13+deb12u2\r\n\r\r\n"
    b"\x1b[22;1H   The highlighted entry will be executed automatically in 0s.\x1b[H\x1b[J"
    b"  Booting `Debian GNU/Linux'\r\n\r\r\n\rLoading Linux 6.1.0-50-cloud-amd64 ...\r\n\r"
)
ENDED = b"\r\n\r\nPress any key to continue..."
LOADED = b"error: can't find command `b70_kernel_is_loaded'.\r\n\r"


def block(kind: str, *words: str, width: int = 60) -> bytes:
    """Return what the stand-in of a command puts on the screen."""
    lines = [f"B70 {kind}"]
    for word in words:
        pieces = [word[start : start + width] for start in range(0, len(word), width)]
        lines += ["B70 word", *(f"<{piece}>" for piece in pieces)]
    return "".join(f"{line}\r\n\r" for line in [*lines, "B70 end"]).encode()


KERNEL = block("linux", "hd0,msdos1", "/boot/vmlinuz-6", "root=UUID=1", "ro", "quiet")
IMAGE = block("initrd", "/boot/initrd.img-6")


def test_an_entry_gives_its_kernel_its_words_its_initrd_and_where_they_lie() -> None:
    choice = parse(shown(MENU + KERNEL + LOADED + IMAGE + ENDED))
    assert choice is not None
    assert choice.kernel == "/boot/vmlinuz-6"
    assert choice.words == ("root=UUID=1", "ro", "quiet")
    assert choice.initrd == ("/boot/initrd.img-6",)
    assert choice.device == "hd0,msdos1"


def test_nothing_is_chosen_before_the_entry_has_ended() -> None:
    screen = MENU + KERNEL + LOADED + IMAGE + ENDED
    assert parse(shown(MENU)) is None
    assert parse(shown(screen.removesuffix(ENDED))) is None
    assert parse(shown(screen[:-1])) is None


def test_an_entry_without_an_initrd_boots_all_the_same() -> None:
    choice = parse(shown(MENU + KERNEL + LOADED + ENDED))
    assert choice is not None
    assert choice.initrd == ()


def test_several_initrds_keep_their_order() -> None:
    images = block("initrd", "/boot/microcode", "/boot/initrd.img-6")
    choice = parse(shown(MENU + KERNEL + LOADED + images + ENDED))
    assert choice is not None
    assert choice.initrd == ("/boot/microcode", "/boot/initrd.img-6")


def test_a_word_longer_than_the_screen_is_put_together_again_with_its_blanks() -> None:
    long, blanks = "b70.long=" + "abcdefghij" * 30, "b70.text=" + "two words " * 20 + "end"
    kernel = block("linux", "hd0,msdos1", "/vmlinuz", long, blanks, "", "last")
    choice = parse(shown(MENU + kernel + LOADED + ENDED))
    assert choice is not None
    assert choice.words == (long, blanks, "", "last")


def test_of_a_failed_entry_and_its_fallback_the_fallback_boots() -> None:
    failed = MENU + b"error: file '/boot/gone' not found.\r\n\r" + block("initrd", "/boot/old")
    fallback = b"\r\n   Falling back to `b'\r\n\r\n" + KERNEL + LOADED
    without, with_image = shown(failed + fallback + ENDED), shown(failed + fallback + IMAGE + ENDED)
    assert (choice := parse(without)) is not None
    assert (choice.kernel, choice.initrd) == ("/boot/vmlinuz-6", ()), "that initrd was the other's"
    assert (choice := parse(with_image)) is not None
    assert choice.initrd == ("/boot/initrd.img-6",)


def test_a_failed_entry_that_made_grub_wait_has_chosen_nothing() -> None:
    assert parse(shown(MENU + block("initrd", "/boot/old") + ENDED)) is None


def test_the_screen_for_the_console_log_is_grubs_alone() -> None:
    choice = parse(shown(MENU + KERNEL + LOADED + IMAGE + ENDED))
    assert choice is not None
    assert "Booting `Debian GNU/Linux'" in choice.screen
    assert "Loading Linux 6.1.0-50-cloud-amd64 ..." in choice.screen
    assert "B70" not in choice.screen
    assert "b70_" not in choice.screen
    assert "\x1b" not in choice.screen


def test_the_command_line_is_quoted_as_grub_quotes_it() -> None:
    kernel = block("linux", "hd0,msdos1", "/vmlinuz", "dyndbg=file x.c +p", 'a"b', "c\\d")
    choice = parse(shown(MENU + kernel + LOADED + ENDED))
    assert choice is not None
    assert choice.command_line == r'BOOT_IMAGE=/vmlinuz "dyndbg=file x.c +p" a\"b c\\d'


def test_a_file_is_named_as_grub_fstest_names_its_only_disk() -> None:
    assert name("hd0,msdos1", "/boot/vmlinuz") == "(loop0,msdos1)/boot/vmlinuz"
    assert name("lvm/vg0-boot", "/vmlinuz") == "(lvm/vg0-boot)/vmlinuz"
    assert name("hd0,msdos2", "(hd0,msdos1)/vmlinuz") == "(loop0,msdos1)/vmlinuz"


# -- the process; sh stands in for grub-emu ----------------------------------------------------


def standing_in(script: str, timeout_s: float = 20, silent_s: float = 20) -> object:
    return pick(["sh", "-c", script], Path("/dev/null"), PLACE, timeout_s, silent_s)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} was left behind"
        time.sleep(0.02)


def test_a_grub_that_waits_for_a_person_boots_nothing_and_is_not_left_behind(
    tmp_path: Path,
) -> None:
    said = tmp_path / "pid"
    polls = f"echo $$ >{said}; echo grub; while :; do :; done"
    assert standing_in(polls, silent_s=0.3) == Waits("grub\n")
    assert not is_alive(int(said.read_text()))


def test_a_grub_that_gets_no_cpu_time_is_no_grub_that_waits() -> None:
    with pytest.raises(GrubError, match=r"chose nothing within 0\.6 s"):
        standing_in("echo grub; exec sleep 600", timeout_s=0.6, silent_s=0.1)


def test_a_grub_that_was_killed_is_no_grub_that_waits() -> None:
    with pytest.raises(GrubError, match="was ended by signal 9; its screen: half"):
        standing_in("echo half; kill -9 $$")


def test_a_grub_that_fails_says_so() -> None:
    with pytest.raises(GrubError, match="ended with 3; its screen: no disk"):
        standing_in("echo no disk; exit 3")


def test_a_menu_that_is_left_boots_nothing() -> None:
    assert standing_in("echo bye") == Waits("bye\n")


def test_a_grub_that_has_ended_and_was_reaped_by_somebody_else_is_asked_for_nothing_more() -> None:
    """An event loop reaps children as they end, between two looks at them."""

    def reap(number: int, frame: object) -> None:
        os.waitpid(-1, os.WNOHANG)

    before = signal.signal(signal.SIGCHLD, reap)
    try:
        # the screen stays open a while, so GRUB is looked at after its end
        assert standing_in("(sleep 0.6; echo late) & echo early") == Waits("early\nlate\n")
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_countdown_longer_than_the_time_allowed_is_an_error_and_no_choice() -> None:
    with pytest.raises(GrubError, match=r"chose nothing within 0\.5 s"):
        standing_in("while :; do echo 9s; sleep 0.1; done", timeout_s=0.5)


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GrubError, match="not-there"):
        pick([str(tmp_path / "not-there")], Path("/dev/null"), PLACE, 5)


def test_grub_dies_with_the_supervisor_that_asked_it(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    call = (
        f"pick(['sh', '-c', 'echo $$ >{said}; exec sleep 600'], Path('/dev/null'), PLACE, 600, 600)"
    )
    program = (
        "from pathlib import Path\nfrom lab.grub.pick import Place, Waits, pick\n"
        f"PLACE = Place('hd0,msdos1', '/boot/grub')\n{call}\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 20
        while not said.exists() or not said.read_text():
            assert time.monotonic() < deadline, "the supervisor started nothing"
            time.sleep(0.02)
    finally:
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
    wait_gone(int(said.read_text()))


def test_a_supervisor_needs_the_standard_library_alone() -> None:
    program = "import lab.grub.pick, lab.grub.read, sys; print(*sys.modules)"
    words = [sys.executable, "-S", "-c", program]  # without site-packages
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert {module for module in loaded if module.split(".")[0] in ("fleet", "yaml")} == set()
