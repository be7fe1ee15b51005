"""Room on /boot: what a boot set will write there, and which kernels could make room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from declaration.boot import BootKernel
from facts.boot.loader import BootFile, BootState, InstalledKernel
from facts.value import ABSENT, Unknown
from gates.boot_room import (
    BESIDE,
    FILES,
    INITRD,
    KERNEL,
    chosen_releases,
    enough,
    needed,
    spare_kernels,
    writes,
)
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, boot, chosen, entry, kernel

MIB = 1024**2
OLDER, OLDEST = "6.17.0-23-generic", "6.17.0-9-generic"
WANTED = BootKernel(package=f"linux-image-{NEW}", version="7.0.0-38.41")


def on_disk(release: str, initrd_mib: int = 70, **changes: Any) -> InstalledKernel:
    image = BootFile(f"/boot/vmlinuz-{release}", 15 * MIB, 1)
    initrd = BootFile(f"/boot/initrd.img-{release}", initrd_mib * MIB, 1)
    return replace(kernel(release), image=image, initrd=initrd, **changes)


def kernels(*found: InstalledKernel) -> dict[str, InstalledKernel]:
    return {each.release: each for each in found}


def images(releases: Iterable[str]) -> dict[str, str]:
    return {f"linux-image-{release}": "7.0.0-38.41" for release in releases}


def menu(*releases: str, **changes: Any) -> BootState:
    entries = tuple(entry(release) for release in releases)
    return boot([on_disk(release) for release in releases], entries=entries, **changes)


def test_an_update_of_files_needs_no_room_for_a_kernel() -> None:
    assert needed(kernels(on_disk(OLD)), 0, 0) == FILES < 8 * MIB


def test_a_kernel_needs_as_much_as_the_largest_that_is_there() -> None:
    there = kernels(on_disk(OLD, 70), on_disk(OLDER, 455))
    assert needed(there, 1, 1) == (15 + 455) * MIB + BESIDE
    assert needed(there, 1, 1) > 312 * MIB
    assert needed(there, 3, 2) == (3 * 15 + 2 * 455) * MIB + BESIDE


def test_with_nothing_to_learn_from_the_documented_sizes_count() -> None:
    assert needed({}, 1, 1) == KERNEL + INITRD + BESIDE
    bare = kernels(replace(on_disk(OLD), initrd=ABSENT))
    assert needed(bare, 1, 1) == 15 * MIB + INITRD + BESIDE


@pytest.mark.parametrize(
    ("there", "kept", "count"),
    [
        (menu(OLD), [], 3),
        (menu(OLD, NEW), [], 2),
        (menu(OLD, NEW), ["found"], 1),
        (menu(OLD, NEW), ["declared"], 1),
        (menu(OLD, NEW), ["found", "declared"], 0),
        (menu(OLD), ["found", "declared"], 1),
    ],
)
def test_what_is_there_already_is_not_written_again(
    there: BootState, kept: list[str], count: int
) -> None:
    due = writes(WANTED, "declared", there, package_facts(images([OLD, NEW])), kept)
    assert (due.images, due.initrds, len(due.parts)) == (count, count, count)


def test_another_version_of_the_same_release_is_unpacked_beside_it() -> None:
    there, kept = menu(OLD, NEW), ("found", "declared")
    other = package_facts({f"linux-image-{NEW}": "7.0.0-38.40"})
    assert writes(WANTED, "declared", there, other, kept).images == 1
    assert writes(WANTED, "declared", there, None, kept).images == 0


def spare(there: BootState, running: str, holds: Iterable[str] = ()) -> list[str]:
    state = package_facts(
        {**images(there.kernels), f"linux-modules-{OLDEST}": "1", f"linux-headers-{OLDEST}": "1"},
        holds=holds,
    )
    return [each.release for each in spare_kernels(there, state, running)]


def test_the_kernels_that_could_go_are_neither_running_nor_default_nor_held_nor_newest() -> None:
    there = menu(NEW, OLD, OLDER, OLDEST)
    assert spare(there, OLD) == [OLDEST, OLDER]
    assert spare(there, OLDER) == [OLDEST, OLD]
    assert spare(there, OLD, holds=[f"linux-image-{OLDER}"]) == [OLDEST]
    assert spare(there, OLD, holds=[f"linux-modules-{OLDEST}"]) == [OLDER]
    by_default = menu(NEW, OLD, OLDER, OLDEST, saved=entry(OLDER).path)
    assert spare(by_default, OLD) == [OLDEST]
    assert isinstance(there.entries, tuple)
    once = replace(chosen(there.entries, entry(OLDEST).path), once=True)
    assert spare(replace(there, choice=once), OLD) == [OLDER]


def test_one_kernel_stays_beside_the_running_one() -> None:
    assert spare(menu(NEW, OLD, OLDER), NEW) == [OLDER]
    assert spare(menu(NEW, OLD), NEW) == []


def test_a_kernel_that_belongs_to_no_package_is_not_named() -> None:
    there = menu(NEW, OLD, OLDER)
    loose = {**there.kernels, OLDER: replace(there.kernels[OLDER], package=ABSENT)}
    assert spare(replace(there, kernels=loose), NEW) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"choice": Unknown("grub.cfg:9: nobody knows this command")},
        {"entries": Unknown("needs root"), "choice": ABSENT},
    ],
)
def test_where_the_default_is_not_known_no_kernel_can_go(changes: dict[str, Any]) -> None:
    there = replace(menu(NEW, OLD, OLDER, OLDEST), **changes)
    assert chosen_releases(there) is None
    assert spare(there, OLD) == []


def test_no_more_kernels_are_named_than_make_the_room() -> None:
    state = package_facts({**images([NEW, OLD, OLDER, OLDEST]), f"linux-modules-{OLDEST}": "1"})
    found = spare_kernels(menu(NEW, OLD, OLDER, OLDEST), state, OLD)
    assert [each.packages for each in enough(found, 80 * MIB)] == [
        (f"linux-image-{OLDEST}", f"linux-modules-{OLDEST}")
    ]
    assert len(enough(found, 86 * MIB)) == 2
    assert enough(found, 0) == ()
