"""docs/on-the-host.md names every path that the product puts on a host, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from declaration import onhost
from deploys.boot.paths import OLD
from deploys.boot.programs import boot_programs
from deploys.boot.stage import boot_set
from deploys.boot.texts import text_of
from deploys.site import LAYERS
from facts.boot.sets import FILES
from fleet.first import account
from fleet.host import deadman, lock
from tests.places import ROOT
from tests.unit.apt_facts import package_facts
from tests.unit.deploys import test_apt as apt_layer
from tests.unit.deploys import test_base as base_layer
from tests.unit.deploys import test_boot_set as boot_layer
from tests.unit.deploys import test_gpu_userspace as gpu_layer
from tests.unit.deploys import test_host_settings as settings_layer
from tests.unit.deploys import test_storage as disk_layers
from tests.unit.pyinfra_harness import Resource

PAGE = (ROOT / "docs" / "on-the-host.md").read_text("utf-8")
#: heading -> first cells of its table
TABLES = {
    part.partition("\n")[0].split(" (")[0]: re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)
    for part in PAGE.split("\n## ")[1:]
}
#: what stands for a name in the tables
PLACEHOLDER = re.compile(r"NAME|SET|KIND|VERSION")
#: Paths below these are ours in any shell text.
OURS = re.compile(r"(?:/var/lib/b70fleet|/etc/sudoers\.d)/[\w./-]*\w")


def _apt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    private = apt_layer.declared(login="b70", password="env:MIRROR_PASSWORD")
    yield from apt_layer.layer(apt_layer.spec(graphics=private), state_of=lambda path: None)


def _base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    for provider in ("systemd-timesyncd", "chrony"):
        yield from base_layer.plan(time_sync={"provider": provider, "servers": ["ntp1.example"]})


def _gpu_userspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    for stack in (gpu_layer.OLD, gpu_layer.NEW):
        yield from gpu_layer.layer(monkeypatch, stack, package_facts({}))


def _storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    yield from disk_layers.blank_disk()


def _swap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    yield from disk_layers.permanent_swap()
    yield from disk_layers.serving_beside_build_swap()


def _boot_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    yield from boot_layer.everything(boot_programs)


def _boot_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    yield from boot_layer.everything(boot_set)


def _host_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    yield from settings_layer.everything()


#: layer -> everything it can put on a host; the host's own program does what boot-default wants
PLANS: dict[str, Callable[[pytest.MonkeyPatch], Iterator[Resource]]] = {
    "apt": _apt,
    "base": _base,
    "storage": _storage,
    "swap": _swap,
    "boot-programs": _boot_programs,
    "boot-set": _boot_set,
    "host-settings": _host_settings,
    "gpu-userspace": _gpu_userspace,
}


def stands_for(row: str, path: str) -> bool:
    """Tell whether a row of a table means a path."""
    pattern = "[^/]+".join(map(re.escape, PLACEHOLDER.split(row)))
    return re.fullmatch(pattern, path) is not None


def leads_to(folder: str, row: str) -> bool:
    """Tell whether a row of a table means a folder or something in it."""
    return any(stands_for(str(each), folder) for each in (row, *Path(row).parents))


def placed(resources: Iterator[Resource]) -> tuple[set[str], set[str]]:
    """Return the files and the folders that resources put on a host."""
    files: set[str] = set()
    folders: set[str] = set()
    for resource in resources:
        files |= resource.writes.keys()
        for path in resource.written:
            folder, _, name = path.rpartition("/")
            if name == "manifest":
                files |= {path, *(f"{folder}/{each}" for each in FILES)}
        if (match := re.search(r"Directory\[(.+)\]$", resource.name)) and resource.commands:
            folders.add(match[1])
    return files, folders


def test_the_page_and_this_file_know_every_layer() -> None:
    names = [layer.name for layer in LAYERS]
    assert sorted([*PLANS, "boot-default"]) == sorted(names)
    assert [heading for heading in TABLES if heading.startswith("Layer")] == [
        f"Layer: {name}" for name in names
    ]


@pytest.mark.parametrize("name", PLANS)
def test_the_page_names_what_a_layer_puts_on_a_host_and_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = TABLES[f"Layer: {name}"]
    files, folders = placed(PLANS[name](monkeypatch))
    assert files
    for path in files:
        assert any(stands_for(row, path) for row in rows), f"{path} is not on the page"
    for folder in folders:
        assert any(leads_to(folder, row) for row in rows), folder
    for row in rows:
        assert any(stands_for(row, path) for path in files | folders), f"nothing writes {row}"


def test_the_page_names_what_the_hosts_own_program_writes() -> None:
    places = {"sets": onhost.BOOT_SETS, "grub": "/boot/grub"}
    text = text_of("boot_commit.sh")
    assert {f"{name}={path}" for name, path in places.items()} <= set(text.split("\n"))
    rows = TABLES["Layer: boot-default"]
    assert rows == [f"{onhost.BOOT_SETS}/roles", "/boot/grub/grubenv"]
    for row, written in zip(rows, ("$sets/roles", "$grub/grubenv"), strict=True):
        assert written in text, row


def test_the_page_names_every_path_that_an_earlier_version_used() -> None:
    section = PAGE.split("## Layer: boot-set")[1].split("\n## ")[0]
    assert [path for path in OLD if f"`{path}`" not in section] == []


def test_the_page_names_what_every_run_leaves() -> None:
    texts = (
        lock.acquire("run", "me"),
        lock.guard(1),
        lock.release("run", 1, "converged", "certificate"),
        lock.unlock("run", "why", "me"),
        deadman.arm(["/etc/ssh/sshd_config"]),
    )
    # ".b70fleet.X" becomes X; what lies in a folder of ours is meant by its folder
    left = {path.replace("/.b70fleet.", "/") for text in texts for path in OURS.findall(text)}
    folders = {str(Path(path).parent) for path in left} - {onhost.STATE}
    assert {p for p in left if str(Path(p).parent) not in folders} == set(TABLES["Every run"])
    assert onhost.PRODUCTION in TABLES["Every run"]


def test_the_page_names_what_first_contact_leaves() -> None:
    keys = account.KeysFile("/home/b70fleet/.ssh/authorized_keys", in_home=True)
    text = account.make("b70fleet", "ssh-ed25519 AAAA me", keys)
    passing = "/etc/sudoers.d/.b70fleet.sudoers"
    assert set(OURS.findall(text)) == {account.SUDOERS, passing}
    assert TABLES["First contact"] == [account.SUDOERS, "~b70fleet/.ssh/authorized_keys"]


def test_the_page_names_where_measurements_lie() -> None:
    assert TABLES["Measurements"] == [f"{onhost.MEASUREMENTS}/KIND.json"]
