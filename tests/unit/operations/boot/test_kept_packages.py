"""Packages that a boot set or the fallback needs: held, and marked as chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration import boot as declared
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.sets import BootSets, HostSets
from facts.packages.apt_download import AptDownload
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import Packages
from facts.value import ABSENT, Unknown
from operations.apt.package_set import package_set
from operations.boot.kept_packages import fallbacks_for, kept_packages
from tests.unit.apt_facts import package_facts
from tests.unit.apt_root import AptRoot, Made
from tests.unit.boot_facts import NEW, OLD, boot, kernel, manifest, on_disk, running, sets
from tests.unit.pyinfra_harness import reasons, run_operation, stub_host

IMAGE = {release: f"linux-image-{release}" for release in (OLD, NEW)}
WANTED = declared.BootKernel(package=IMAGE[NEW], version="7.0.0-38.38")
INSTALLED = {IMAGE[OLD]: "1", IMAGE[NEW]: "7.0.0-38.38", f"linux-modules-{OLD}": "1"}
COMPANIONS = ("linux-modules-{release}",)
NO_SETS = sets()


def hold_fallback(
    *,
    now: str = OLD,
    on_disk: tuple[str, ...] = (OLD, NEW),
    holds: tuple[str, ...] = (IMAGE[NEW],),
    automatic: tuple[str, ...] = (),
    wanted: declared.BootKernel = WANTED,
    installed: dict[str, str] | None = None,
    there: HostSets = NO_SETS,
) -> tuple[list[str], list[str]]:
    state = package_facts(installed or INSTALLED, holds=holds)
    commands, noops = run_operation(
        kept_packages,
        {
            Packages: state,
            Kernel: running(now),
            Boot: boot([kernel(release) for release in on_disk]),
            AutomaticPackages: frozenset(automatic),
            BootSets: there,
        },
        kernel=wanted,
        companions=COMPANIONS,
    )
    return [command.split("b70-wait 300 ")[1] for command in commands], noops


def test_the_kernel_that_runs_before_the_first_boot_set_is_kept_with_its_modules() -> None:
    commands, _ = hold_fallback(automatic=(IMAGE[OLD],))
    assert commands == [
        f"apt-mark manual {IMAGE[OLD]}",
        f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}",
    ]


def test_nothing_is_held_while_it_is_not_known_whose_the_fallback_is() -> None:
    doubtful = replace(kernel(OLD), package=Unknown("several packages list it: a, b"))
    there = boot([doubtful, kernel(NEW)]).kernels
    with pytest.raises(OperationError, match=f"package of {OLD}.*UNKNOWN: several packages list"):
        fallbacks_for(WANTED, OLD, there, package_facts(INSTALLED))
    held = package_facts(INSTALLED, holds=(IMAGE[NEW],))
    other = boot([kernel(OLD), replace(kernel(NEW), package=Unknown("x"))]).kernels
    assert fallbacks_for(WANTED, OLD, other, held).packages == (IMAGE[OLD],)


def test_after_the_first_boot_the_held_kernel_stays_the_fallback() -> None:
    kept = (IMAGE[OLD], f"linux-modules-{OLD}", IMAGE[NEW])
    commands, noops = hold_fallback(now=NEW, holds=kept)
    assert commands == []
    assert noops == [f"{', '.join(kept)}: it is on hold already"]


def test_a_fallback_that_somebody_released_is_held_again() -> None:
    commands, _ = hold_fallback(now=NEW)
    assert commands == [f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}"]


def test_of_several_other_kernels_the_newest_is_the_fallback_by_number_not_by_letter() -> None:
    older, newer = "7.0.0-9-generic", "7.0.0-31-generic"
    kernels = {release: kernel(release) for release in (older, newer, NEW)}
    found = fallbacks_for(WANTED, NEW, kernels, package_facts({}))
    assert found.packages == (f"linux-image-{newer}",)


def test_declared_fallbacks_win_and_must_be_there() -> None:
    other = declared.BootKernel(package=IMAGE[NEW], version="1", fallbacks=("linux-image-6.17",))
    with pytest.raises(OperationError, match=r"linux-image-6.17 is not installed"):
        hold_fallback(wanted=other)
    wanted = declared.BootKernel(package=IMAGE[NEW], version="1", fallbacks=(IMAGE[OLD],))
    commands, _ = hold_fallback(now=NEW, wanted=wanted)
    assert commands == [f"apt-mark hold {IMAGE[OLD]} linux-modules-{OLD}"]


def test_a_kernel_that_no_package_brought_cannot_be_taken_away_by_one() -> None:
    kernels = {OLD: kernel(OLD, package=ABSENT)}
    found = fallbacks_for(WANTED, OLD, kernels, package_facts({}))
    assert found.packages == ()
    assert "belongs to no package" in found.why


def test_the_only_kernel_is_never_replaced_in_place() -> None:
    with pytest.raises(OperationError, match="is the only kernel"):
        hold_fallback(now=NEW, on_disk=(NEW,), installed={IMAGE[NEW]: "7.0.0-38.37"})


def test_a_host_with_one_kernel_that_is_right_has_no_fallback_and_says_so() -> None:
    commands, noops = hold_fallback(now=NEW, on_disk=(NEW,))
    assert commands == []
    assert "no other kernel is installed" in noops[0]


def test_a_held_fallback_survives_autoremove_and_the_new_kernels_transaction(
    tmp_path: Path,
) -> None:
    root = AptRoot(tmp_path)
    root.archive(
        "main",
        "Ubuntu",
        {
            "linux-generic": [
                Made("31", f"{IMAGE[OLD]} (= 1)"),
                Made("38", f"{IMAGE[NEW]} (= 7.0.0-38.38)"),
            ],
            IMAGE[OLD]: Made("1", f"linux-modules-{OLD}"),
            f"linux-modules-{OLD}": Made("1"),
            IMAGE[NEW]: Made("7.0.0-38.38"),
        },
    )
    root.update()
    root.shell("apt-get -q -y install linux-generic=31")
    automatic = frozenset(root.shell("apt-mark showauto").stdout.split())
    assert IMAGE[OLD] in automatic
    with stub_host(
        {
            Packages: root.state(),
            Kernel: running(OLD),
            Boot: boot([kernel(OLD)]),
            AutomaticPackages: automatic,
            BootSets: NO_SETS,
        }
    ):
        commands = list(kept_packages._inner(kernel=WANTED, companions=COMPANIONS))
    for command in commands:
        root.run(command)
    with stub_host({Packages: root.state(), AptDownload: 0}):
        for command in package_set._inner(versions=WANTED.packages, protected=[f"^{IMAGE[OLD]}$"]):
            root.run(command)
    # the meta package moves on, as an unattended run would let it; nothing needs the old one now
    root.shell("apt-get -q -y install linux-generic=38 && apt-get -q -y autoremove --purge")
    assert {IMAGE[OLD], f"linux-modules-{OLD}", IMAGE[NEW]} <= root.state().installed.keys()
    assert set(root.held()) == {IMAGE[OLD], f"linux-modules-{OLD}", IMAGE[NEW]}


def test_the_packages_of_every_boot_set_are_held_and_marked() -> None:
    """An upgrade of one would change the modules of a set that was checked."""
    third = "7.0.0-22-generic"
    names = {f"linux-image-{third}": "1", f"linux-modules-{third}": "1"}
    recorded = manifest("b70-third", third, packages=names)
    commands, _ = hold_fallback(
        now=NEW,
        on_disk=(OLD, NEW, third),
        holds=(*INSTALLED,),
        automatic=(f"linux-image-{third}",),
        installed={**INSTALLED, **names},
        there=sets(on_disk(recorded), on_disk(recorded, name="b70-sick", manifest=ABSENT)),
    )
    assert commands == [
        f"apt-mark manual linux-image-{third}",
        f"apt-mark hold {' '.join(names)}",
    ]


def test_a_package_of_a_set_that_is_gone_is_no_reason_for_a_hold() -> None:
    recorded = manifest("b70-third", "1", packages={"linux-image-1": "1"})
    commands, _ = hold_fallback(now=NEW, holds=(*INSTALLED,), there=sets(on_disk(recorded)))
    assert commands == []


def facts() -> dict[Any, Any]:
    return {
        Packages: package_facts(INSTALLED),
        Kernel: running(OLD),
        Boot: boot([kernel(OLD), kernel(NEW)]),
        AutomaticPackages: frozenset({IMAGE[OLD]}),
        BootSets: NO_SETS,
    }


def test_a_kept_package_is_named_with_what_could_have_become_of_it() -> None:
    told = reasons(kept_packages, facts(), kernel=WANTED, companions=COMPANIONS)
    assert [(each.what, each.expected, each.seen) for each in told.differences] == [
        (f"mark of {IMAGE[OLD]}", "manual", "automatic"),
        (f"hold of {IMAGE[OLD]}", "on hold", "not on hold"),
        (f"hold of linux-modules-{OLD}", "on hold", "not on hold"),
        (f"hold of {IMAGE[NEW]}", "on hold", "not on hold"),
    ]


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (Packages, "which packages are installed"),
        (Kernel, "which kernel runs"),
        (Boot, "which kernels are on disk"),
        (AutomaticPackages, "what apt may remove by itself"),
        (BootSets, "which boot sets there are"),
    ],
)
def test_nothing_is_held_on_unknown_ground(fact: Any, said: str) -> None:
    with pytest.raises(OperationError, match=f"{said} is UNKNOWN: timeout"):
        run_operation(
            kept_packages, facts() | {fact: Unknown("timeout")}, kernel=WANTED, companions=()
        )
