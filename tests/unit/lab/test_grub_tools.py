"""Specification of the lab's own GRUB tools: where they come from and what is kept of them."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.grub.tools import GrubTools, libraries
from lab.settings import Settings

SETTINGS = Settings(Path("/srv/lab"), "b70lab0", IPv4Network("10.70.0.0/24"), 8070)


def tree(root: Path) -> str:
    """Lay out an unpacked tree with two libraries and return what its linker lists."""
    folder = root / "lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    (folder / "libm.so.6").touch()
    (folder / "libudev.so.1.7.5").touch()
    (folder / "libudev.so.1").symlink_to("libudev.so.1.7.5")
    (folder / "ld-linux-x86-64.so.2").touch()
    return (
        "\tlinux-vdso.so.1 (0x00007fd0c817f000)\n"
        f"\tlibm.so.6 => {folder}/libm.so.6 (0x00007fd0c7ce4000)\n"
        f"\tlibudev.so.1 => {folder}/libudev.so.1 (0x00007fd0c7dc4000)\n"
        f"\t/lib64/ld-linux-x86-64.so.2 => {folder}/ld-linux-x86-64.so.2 (0x00007fd0c8181000)\n"
    )


def test_a_library_is_kept_under_its_bare_name_and_the_linkers_own_path_never_counts(
    tmp_path: Path,
) -> None:
    """Joined to a folder, the linker's absolute path would be this computer's own linker."""
    kept = libraries(tree(tmp_path), tmp_path)
    assert set(kept) == {"libm.so.6", "libudev.so.1"}
    assert kept["libudev.so.1"] == tmp_path / "lib/x86_64-linux-gnu/libudev.so.1.7.5"


def test_a_library_of_this_computer_is_refused(tmp_path: Path) -> None:
    listing = tree(tmp_path) + "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f00)\n"
    with pytest.raises(LabError, match=r"lack libraries: libc\.so\.6"):
        libraries(listing, tmp_path)


def test_a_link_that_leads_out_of_the_tree_is_refused(tmp_path: Path) -> None:
    listing = tree(tmp_path)
    link = tmp_path / "lib/x86_64-linux-gnu/libm.so.6"
    link.unlink()
    link.symlink_to("/usr/lib/os-release")
    with pytest.raises(LabError, match=r"libm\.so\.6"):
        libraries(listing, tmp_path)


def test_a_library_that_nothing_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"libslang\.so\.2 => not found"):
        libraries(tree(tmp_path) + "\tlibslang.so.2 => not found\n", tmp_path)


def test_a_program_runs_under_the_linker_and_with_the_libraries_that_came_with_it() -> None:
    tools = GrubTools(SETTINGS)
    assert tools.folder.parent == SETTINGS.images
    assert tools.command("grub-fstest", "disk.raw", "ls") == [
        f"{tools.folder}/lib/ld-linux-x86-64.so.2",
        "--library-path",
        f"{tools.folder}/lib",
        f"{tools.folder}/bin/grub-fstest",
        "disk.raw",
        "ls",
    ]


def test_the_tools_are_those_of_the_release_whose_grub_emu_has_no_linux_command() -> None:
    assert GrubTools(SETTINGS).recipe.release == "bookworm"
