"""Removing boot sets: what is needed stays, and wherever it is cut off the default still boots."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.base import interpret
from facts.boot.kernel import Kernel
from facts.boot.loader import Boot
from facts.boot.pruned import PRUNED, PrunedPackages
from facts.boot.sets import BootSets, HostSets, SetOnHost
from facts.packages.apt_marks import AutomaticPackages
from facts.packages.dpkg import Packages
from facts.system.os_release import OsRelease
from facts.value import ABSENT, Unknown
from fleet.bootsets.prune import prune_layer
from operations.boot.pruned_sets import (
    Needs,
    absent_set,
    ended_holds,
    free_packages,
    hidden_set,
    menu_without,
)
from tests.unit.apt_facts import package_facts
from tests.unit.boot_facts import NEW, OLD, kernel
from tests.unit.bootsets_given import (
    DEFAULT,
    FOUND,
    PACKAGES,
    SPEC,
    STALE,
    STALE_RELEASE,
    SYSTEM,
    WANTED,
    boot_set,
    grub,
    packages_of,
    runs,
    sets,
)
from tests.unit.fact_frame import execute, relocated, run_as
from tests.unit.pyinfra_harness import run_deploy, run_operation, stub_host

NAMES = [STALE]
UPDATE = ("grub-mkconfig", "-o")
NEEDS = Needs(WANTED.kernel, ("linux-modules-{release}",))


def given(**changes: Any) -> dict[Any, Any]:
    """Return facts by the names of their classes."""
    values: dict[str, Any] = {
        "BootSets": sets(),
        "Boot": grub(),
        "Kernel": runs(),
        "Packages": PACKAGES,
        "AutomaticPackages": frozenset(),
        "PrunedPackages": (),
        "OsRelease": SYSTEM,
        **changes,
    }
    kinds = (BootSets, Boot, Kernel, Packages, AutomaticPackages, PrunedPackages, OsRelease)
    return {kind: values[kind.__name__] for kind in kinds}


def half_pruned() -> HostSets:
    return sets(SetOnHost(STALE, ABSENT))


def test_the_layer_takes_manifest_entry_holds_and_files_in_this_order() -> None:
    resources = run_deploy(prune_layer(NAMES).deploy, given(), spec=SPEC)
    assert [each.name for each in resources] == [
        f"Manifest[{STALE}]",
        "GrubMenu[/boot/grub/grub.cfg]",
        "Packages[pruned]",
        f"BootSet[{STALE}]",
    ]
    assert all(each.commands for each in resources)


def test_a_set_that_is_gone_wants_nothing() -> None:
    gone = HostSets({k: v for k, v in sets().sets.items() if k != STALE}, DEFAULT, FOUND)
    facts = given(BootSets=gone, Boot=grub(without=[STALE]))
    resources = run_deploy(prune_layer(NAMES).deploy, facts, spec=SPEC)
    assert [each.commands for each in resources] == [[], [], [], []]


@pytest.mark.parametrize(
    "changes",
    [
        {"Boot": grub({"next_entry": STALE})},
        {"Boot": grub({"saved_entry": STALE})},
        {"Kernel": runs(STALE, STALE_RELEASE)},
        {"Kernel": Unknown("no answer")},
        {"BootSets": sets(fallback=STALE)},
    ],
    ids=["armed", "default", "running", "unknown", "fallback"],
)
@pytest.mark.parametrize("operation", [hidden_set, absent_set])
def test_a_set_that_became_needed_since_it_was_looked_at_stays(
    operation: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(OperationError, match=f"{STALE} stays"):
        run_operation(operation, given(**changes), set_id=STALE, wanted=WANTED)


def test_holds_end_and_marks_become_automatic_for_what_the_set_alone_needed() -> None:
    commands, _ = run_operation(ended_holds, given(), set_ids=NAMES, needs=NEEDS)
    names = " ".join(packages_of(STALE_RELEASE))
    assert [text.rpartition(" apt-mark ")[2] for text in commands] == [
        f"unhold {names}",
        f"auto {names}",
    ]


def test_a_prune_that_was_cut_off_still_ends_the_holds() -> None:
    facts = given(BootSets=half_pruned(), PrunedPackages=tuple(packages_of(STALE_RELEASE)))
    commands, _ = run_operation(ended_holds, facts, set_ids=NAMES, needs=NEEDS)
    assert len(commands) == 2


def test_a_package_without_a_hold_that_is_automatic_already_is_left_alone() -> None:
    names = packages_of(STALE_RELEASE)
    state = replace(PACKAGES, holds=tuple(n for n in PACKAGES.holds if n not in names))
    facts = given(Packages=state, AutomaticPackages=frozenset(names))
    commands, noops = run_operation(ended_holds, facts, set_ids=NAMES, needs=NEEDS)
    assert (commands, noops) == ([], ["no hold is due to end"])


def free(
    *others: SetOnHost,
    release: str = STALE_RELEASE,
    running: str = NEW,
    needs: Needs = NEEDS,
    holds: tuple[str, ...] = PACKAGES.holds,
) -> tuple[str, ...]:
    state = replace(PACKAGES, holds=holds)
    kernels = {each: kernel(each) for each in (OLD, NEW, STALE_RELEASE)}
    own = packages_of(release)
    return free_packages(own, others, state, kernels, running, needs).packages


def test_packages_of_a_set_that_stays_are_needed() -> None:
    assert free(boot_set("b70-x", STALE_RELEASE)) == ()


def test_packages_of_the_running_release_are_needed() -> None:
    assert free(running=STALE_RELEASE) == ()


def test_packages_of_the_declared_set_are_needed_before_it_is_there() -> None:
    assert free(release=NEW, running=OLD) == ()


def test_packages_of_a_declared_fallback_are_needed() -> None:
    fallback = WANTED.kernel.model_copy(update={"fallbacks": (f"linux-image-{STALE_RELEASE}",)})
    needs = Needs(fallback, ("linux-modules-{release}",))
    assert free(needs=needs) == ()


def test_packages_of_the_kernel_that_a_converge_would_hold_as_the_fallback_are_needed() -> None:
    # nothing else is on hold, so the newest other kernel is the fallback
    assert free(release=OLD, holds=tuple(packages_of(OLD))) == ()


def test_packages_that_are_declared_elsewhere_are_needed() -> None:
    named = Needs(WANTED.kernel, NEEDS.companions, packages_of(STALE_RELEASE))
    assert free(needs=named) == ()


def test_what_is_not_installed_is_not_named() -> None:
    state = package_facts({"dpkg": "1"})
    assert free_packages(["linux-x"], (), state, {}, NEW, Needs()).packages == ()


def test_while_a_set_cannot_be_read_no_package_is_free() -> None:
    other = boot_set("b70-x", OLD, manifest=Unknown("no id"))
    found = free_packages(packages_of(STALE_RELEASE), [other], PACKAGES, {}, NEW, Needs())
    assert found.packages == ()
    assert "what b70-x needs is not known" in found.stay


MANIFEST = """\
format 1
id {name}
release {release}
package linux-image-{release} 1
file vmlinuz {sha} 1 0
file initrd {sha} 1 0
"""
TOOLS = {
    "grub-mkconfig": """
[ ! -e "$ROOT/refuse" ] || exit 1
{ echo "menuentry 'Ubuntu' --id 'gnulinux-simple-6f0b' {"; echo '}'
  for d in "$ROOT"/boot/b70fleet/b70-*/; do
    [ ! -s "$d/manifest" ] || { d=${d%/}; echo "menuentry 'Boot set' --id '${d##*/}' {"; echo '}'; }
  done; } >"$2"
""",
    "grub-editenv": 'cat "$ROOT/boot/grub/grubenv"\n',
    "apt-mark": 'echo "$@" >>"$ROOT/marks"\n',
    "sync": "",
    "stat": 'case $1 in -f) echo ext2/ext3 ;; *) exec /usr/bin/stat "$@" ;; esac\n',
    "modinfo": "exit 1\n",
}


@dataclass
class Tree:
    """A tree with three sets, and stand-ins for the tools around them."""

    root: Path
    tools: Path
    running: str = DEFAULT

    @classmethod
    def at(cls, folder: Path) -> Tree:
        made = cls(folder / "root", folder / "tools")
        made.tools.mkdir()
        for name, text in TOOLS.items():
            (made.tools / name).write_text(f"#!/bin/sh\n{text}")
            (made.tools / name).chmod(0o755)
        for name, release in ((DEFAULT, NEW), (FOUND, OLD), (STALE, STALE_RELEASE)):
            made.write(
                f"boot/b70fleet/{name}/manifest",
                MANIFEST.format(name=name, release=release, sha="0" * 64),
            )
            made.write(f"boot/b70fleet/{name}/vmlinuz", "k")
            made.write(f"boot/b70fleet/{name}/initrd", "i")
            made.write(f"lib/firmware/b70fleet/{name}/xe/guc.bin", "f")
            made.write(f"lib/modules/{release}/modules.dep", "")
        made.write("boot/b70fleet/roles", f"default {DEFAULT}\nfallback {FOUND}\n")
        made.write("boot/grub/grubenv", f"saved_entry={DEFAULT}\n")
        made.write("proc/cmdline", f"quiet b70fleet.set={DEFAULT}\n")
        made.write("proc/self/mountinfo", "")
        made.sh("mkdir -p /boot/grub; grub-mkconfig -o /boot/grub/grub.cfg")
        return made

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def sh(self, text: str) -> subprocess.CompletedProcess[str]:
        script = relocated(text, self.root, "/boot", "/lib", "/proc")
        return subprocess.run(
            ["sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self.env,
        )

    @property
    def env(self) -> dict[str, str]:
        path = f"{self.tools}:{os.environ['PATH']}"
        return {**os.environ, "ROOT": str(self.root), "PATH": path}

    def facts(self) -> Mapping[Any, Any]:
        listed = (self.root / "boot/grub/grub.cfg").read_text()
        gone = [name for name in (DEFAULT, FOUND, STALE) if f"'{name}'" not in listed]
        lines = (self.root / "boot/grub/grubenv").read_text().split()
        environment = dict(line.split("=", 1) for line in lines)
        text = BootSets().command().replace('"/lib/modules', f'"{self.root}/lib/modules')
        said = execute(relocated(text, self.root, "/boot", "/lib"), env=self.env).stdout
        versions = {f"linux-image-{each}": "1" for each in (NEW, OLD, STALE_RELEASE)}
        marks = self.root / "marks"
        done = marks.read_text() if marks.exists() else ""
        held = [name for name in versions if f"unhold {name}" not in done]
        return given(
            BootSets=interpret(BootSets(), said.replace(str(self.root), "").split("\n")),
            Boot=grub(environment, without=gone),
            Packages=package_facts({"dpkg": "1", **versions}, holds=held),
            AutomaticPackages=frozenset(n for n in versions if f"auto {n}" in done),
            PrunedPackages=lambda set_id: run_as(
                PrunedPackages(),
                relocated(PrunedPackages().command(set_id=set_id), self.root, "/boot"),
            ),
        )

    def steps(self) -> Iterator[str]:
        """Run what a prune does, a command at a time; yields each one's message when it failed."""
        wanted: list[tuple[Any, dict[str, Any]]] = [
            (hidden_set, {"set_id": STALE, "wanted": WANTED}),
            (menu_without, {"set_ids": NAMES, "update": UPDATE}),
            (ended_holds, {"set_ids": NAMES, "needs": NEEDS}),
            (absent_set, {"set_id": STALE, "wanted": WANTED}),
        ]
        for operation, arguments in wanted:
            with stub_host(self.facts()):
                commands = list(operation._inner(**arguments))
            for command in commands:
                done = self.sh(command.get_raw_value())
                yield done.stderr if done.returncode else ""

    def boots_the_default(self) -> bool:
        folder = self.root / "boot/b70fleet" / DEFAULT
        menu = (self.root / "boot/grub/grub.cfg").read_text()
        environment = (self.root / "boot/grub/grubenv").read_text()
        whole = {each.name for each in folder.iterdir()} == {"manifest", "vmlinuz", "initrd"}
        return whole and f"'{DEFAULT}'" in menu and environment == f"saved_entry={DEFAULT}\n"

    def is_pruned(self) -> bool:
        folders = sorted(each.name for each in (self.root / "boot/b70fleet").glob("b70-*"))
        blobs = sorted(each.name for each in (self.root / "lib/firmware/b70fleet").iterdir())
        menu = (self.root / "boot/grub/grub.cfg").read_text()
        return folders == blobs == sorted((DEFAULT, FOUND)) and STALE not in menu


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree.at(tmp_path)


def test_a_prune_removes_entry_holds_and_files_and_then_wants_nothing(tree: Tree) -> None:
    assert list(tree.steps()) == [""] * 5
    assert tree.is_pruned()
    assert (tree.root / "marks").read_text().split("\n") == [
        f"unhold linux-image-{STALE_RELEASE}",
        f"auto linux-image-{STALE_RELEASE}",
        "",
    ]
    assert tree.boots_the_default()
    assert list(tree.steps()) == []


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_prune_that_is_cut_off_leaves_the_default_and_is_finished_by_the_next(
    tree: Tree, cut: int
) -> None:
    steps = tree.steps()
    for _ in range(cut):
        assert next(steps) == ""
    steps.close()
    assert tree.boots_the_default()
    assert list(tree.steps()) == [""] * (5 - cut)
    assert tree.is_pruned()
    assert len((tree.root / "marks").read_text().splitlines()) == 2


def test_a_menu_that_cannot_be_written_ends_the_prune_before_any_file_is_lost(tree: Tree) -> None:
    tree.write("refuse", "")
    steps = tree.steps()
    assert next(steps) == ""
    assert "grub-mkconfig failed" in next(steps)
    assert (tree.root / "boot/b70fleet" / STALE / "initrd").exists()
    assert tree.boots_the_default()


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ('cp "$ROOT/boot/grub/grub.cfg" "$2"', f"the new menu still has an entry of {STALE}"),
        ('echo "# empty" >"$2"', f"the new menu has lost the entry of {DEFAULT}"),
        ('echo half >"$2"; exit 1', "grub-mkconfig failed"),
        (":", "grub-mkconfig wrote no menu"),
    ],
)
def test_a_menu_that_keeps_what_goes_or_loses_the_default_is_not_put_in_place(
    tree: Tree, tool: str, said: str
) -> None:
    menu = tree.root / "boot/grub/grub.cfg"
    before = menu.read_text()
    (tree.tools / "grub-mkconfig").write_text(f"#!/bin/sh\n{tool}\n")
    steps = tree.steps()
    assert next(steps) == ""
    assert said in next(steps)
    assert menu.read_text() == before
    assert [path.name for path in menu.parent.glob("grub.cfg*")] == ["grub.cfg"]
    assert tree.boots_the_default()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boot/grub/grubenv", f"saved_entry={DEFAULT}\nnext_entry={STALE}\n"),
        ("boot/b70fleet/roles", f"default {DEFAULT}\nfallback {STALE}\n"),
        ("proc/cmdline", f"quiet b70fleet.set={STALE}\n"),
    ],
)
def test_the_host_itself_refuses_a_set_that_was_armed_a_moment_ago(
    tree: Tree, name: str, text: str
) -> None:
    with stub_host(tree.facts()):
        (command,) = hidden_set._inner(set_id=STALE, wanted=WANTED)
    tree.write(name, text)
    done = tree.sh(command.get_raw_value())
    assert done.returncode == 1
    assert "nothing was removed" in done.stderr
    assert (tree.root / "boot/b70fleet" / STALE / "manifest").exists()


def test_a_folder_that_is_a_link_or_has_a_manifest_again_stays(tree: Tree) -> None:
    with stub_host(tree.facts()):
        (command,) = absent_set._inner(set_id=STALE, wanted=WANTED)
    assert "has a manifest again" in tree.sh(command.get_raw_value()).stderr
    folder = tree.root / "boot/b70fleet" / STALE
    (folder / "manifest").rename(folder / PRUNED)
    moved = tree.root / "precious"
    folder.rename(moved)
    folder.symlink_to(moved)
    assert "is a link" in tree.sh(command.get_raw_value()).stderr
    assert (moved / "initrd").exists()


def test_a_set_with_something_mounted_in_it_stays(tree: Tree) -> None:
    folder = tree.root / "boot/b70fleet" / STALE
    (folder / "manifest").unlink()
    tree.write("proc/self/mountinfo", f"1 1 0:1 / {folder}/x rw - tmpfs t rw\n")
    with stub_host(tree.facts()):
        (command,) = absent_set._inner(set_id=STALE, wanted=WANTED)
    assert "is a mount" in tree.sh(command.get_raw_value()).stderr
    assert (folder / "initrd").exists()
