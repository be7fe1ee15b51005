"""Specification of the compared resources: one list, the same for every tool."""

from __future__ import annotations

import getpass
import grp
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import layer, playbook, stock_deploy, tree
from bench.workloads import TEMPLATE, WORKLOADS, Group, Packages, Template, blob, changes_files

#: What a tool does with one resource: kind, path below the root, mode, content or target.
Deed = tuple[str, str, str, str]

every_workload = pytest.mark.parametrize("workload", sorted(WORKLOADS))


def shell(text: str, folder: Path | None = None) -> str:
    done = subprocess.run(["sh", "-s"], input=text, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def declared(workload: str) -> list[Deed]:
    """Return the deeds that a workload asks for, from its own description of the tree."""
    entries = iter(tree.entries(WORKLOADS[workload], "rig-a"))
    deeds: list[Deed] = []
    for resource in WORKLOADS[workload]:
        match resource:
            case Packages(names):
                deeds.append(("packages", "", "", " ".join(names)))
            case Group(name):
                deeds.append(("group", "", "", name))
            case _:
                entry = next(entries)
                mode = "" if entry.kind == "l" else entry.mode
                deeds.append((entry.kind, entry.path, mode, entry.target or entry.content.decode()))
    return deeds


def below_root(path: str) -> str:
    root, _, rest = path.partition("/root/")
    assert root == ""
    return rest


def ansible_deed(task: dict[str, Any], blobs: Path) -> Deed:
    module, values = next(
        (name.removeprefix("ansible.builtin."), values)
        for name, values in task.items()
        if name.startswith("ansible.builtin.")
    )
    if module == "apt":
        assert values["state"] == "present"
        return ("packages", "", "", " ".join(values["name"]))
    if module == "group":
        return ("group", "", "", values["name"])
    path = below_root(values.get("dest") or values["path"])
    mode = values.get("mode", "").removeprefix("0")
    assert (values["owner"], values["group"]) == ("root", "root")
    if module == "template":
        assert Path(values["src"]) == TEMPLATE
        assert task["vars"]["rig"] == "{{ inventory_hostname }}"
        return ("f", path, mode, tree.rendered("rig-a", task["vars"]["value"]))
    if module == "copy":
        return ("f", path, mode, blob(int(Path(values["src"]).name.removeprefix("blob"))).decode())
    return ("l", path, "", values["src"]) if values["state"] == "link" else ("d", path, mode, "")


class Recorder:
    """Stands in for operations and writes down what they were asked."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []

    def will(self, work: Callable[..., Deed]) -> Callable[..., None]:
        def operation(**asked: Any) -> None:
            assert asked.pop("name")
            assert {asked.pop("user", "root"), asked.pop("group_of", "root")} == {"root"}
            self.deeds.append(work(**asked))

        return operation


@every_workload
def test_ansible_gets_one_task_per_resource_that_says_the_same(workload: str) -> None:
    blobs = Path("/blobs")
    (play,) = playbook.playbook(WORKLOADS[workload], "/root", blobs)
    tasks = play["tasks"]
    assert isinstance(tasks, list)
    assert [ansible_deed(task, blobs) for task in tasks] == declared(workload)


@every_workload
def test_stock_pyinfra_gets_one_operation_per_resource_that_says_the_same(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Recorder()
    root = {"group": "root"}

    def put(src: Any, dest: str, mode: str, group: str) -> Deed:
        assert {"group": group} == root
        return ("f", below_root(dest), mode, src.read().decode())

    def template(src: str, dest: str, mode: str, group: str, rig: str, value: int) -> Deed:
        assert (Path(src), {"group": group}) == (TEMPLATE, root)
        return ("f", below_root(dest), mode, tree.rendered(rig, value))

    files = SimpleNamespace(
        directory=seen.will(lambda path, mode, group: ("d", below_root(path), mode, "")),
        template=seen.will(template),
        put=seen.will(put),
        link=seen.will(lambda path, target: ("l", below_root(path), "", target)),
    )
    packages = seen.will(lambda packages: ("packages", "", "", " ".join(packages)))
    monkeypatch.setattr(stock_deploy, "files", files)
    monkeypatch.setattr(stock_deploy, "apt", SimpleNamespace(packages=packages))
    known = seen.will(lambda group: ("group", "", "", group))
    monkeypatch.setattr(stock_deploy, "server", SimpleNamespace(group=known))
    monkeypatch.setattr(stock_deploy, "host", SimpleNamespace(name="rig-a"))
    for resource in WORKLOADS[workload]:
        stock_deploy.keep(resource, "/root")
    assert seen.deeds == declared(workload)


@every_workload
def test_the_product_gets_one_operation_per_resource_that_says_the_same(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Recorder()

    def file(path: str, content: str | bytes, mode: str = "0644") -> Deed:
        text = content if isinstance(content, str) else content.decode()
        return ("f", below_root(path), mode.removeprefix("0"), text)

    operations: dict[str, Callable[..., Deed]] = {
        "directory": lambda path, mode="0755": ("d", below_root(path), mode.removeprefix("0"), ""),
        "file": file,
        "link": lambda path, target: ("l", below_root(path), "", target),
        "packages": lambda names: ("packages", "", "", " ".join(names)),
        "group": lambda group_name: ("group", "", "", group_name),
    }
    for name, work in operations.items():
        monkeypatch.setattr(layer, name, seen.will(work))
    monkeypatch.setattr(layer, "host", SimpleNamespace(name="rig-a"))
    layer.layer(WORKLOADS[workload], "/root").deploy()
    assert seen.deeds == declared(workload)


def test_the_names_of_the_workloads_say_how_many_resources_they_have() -> None:
    assert len(WORKLOADS["noop-20"]) == 20
    assert len(WORKLOADS["noop-100"]) == 100
    files = [r for r in WORKLOADS["change-50-files"] if isinstance(r, Template)]
    assert len(files) == 50


def test_before_a_change_every_template_has_other_content_and_nothing_else_differs() -> None:
    resources = WORKLOADS["change-50-files"]
    pairs = zip(
        tree.entries(resources, "rig-a", before=True),
        tree.entries(resources, "rig-a"),
        strict=True,
    )
    for old, new in pairs:
        assert (old.path, old.kind, old.mode) == (new.path, new.kind, new.mode)
        assert (old.content != new.content) == (new.kind == "f")


def test_only_the_changing_workload_is_reset_before_each_run() -> None:
    assert [name for name in WORKLOADS if changes_files(name)] == ["change-50-files"]


@every_workload
def test_a_planted_tree_is_listed_as_described(workload: str, tmp_path: Path) -> None:
    entries = tree.entries(WORKLOADS[workload], "rig-a")
    shell(tree.plant(entries, str(tmp_path / "t")))
    owner = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"
    listed = shell(tree.LISTING, tmp_path / "t")
    assert listed.replace(f" {owner} ", " root:root ") == tree.listing(entries)


@pytest.mark.parametrize(
    "damage",
    [
        "chmod 0600 d0/t1.conf",
        "echo more >>d0/t1.conf",
        "rm d1/blob0",
        "ln -sfn elsewhere d2/l0",
        "touch d2/stranger",
    ],
)
def test_any_difference_shows_in_the_listing(damage: str, tmp_path: Path) -> None:
    shell(tree.plant(tree.entries(WORKLOADS["noop-20"], "rig-a"), str(tmp_path / "t")))
    before = shell(tree.LISTING, tmp_path / "t")
    shell(damage, tmp_path / "t")
    assert shell(tree.LISTING, tmp_path / "t") != before


def test_writing_the_same_content_again_shows_in_the_stamp(tmp_path: Path) -> None:
    shell(tree.plant(tree.entries(WORKLOADS["noop-20"], "rig-a"), str(tmp_path / "t")))
    before = shell(tree.STAMP, tmp_path / "t")
    assert shell(tree.STAMP, tmp_path / "t") == before
    shell("cp d0/t1.conf new && mv new d0/t1.conf", tmp_path / "t")
    assert shell(tree.STAMP, tmp_path / "t") != before


def test_planting_replaces_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "stranger").write_text("")
    shell(tree.plant(tree.entries(WORKLOADS["noop-20"], "rig-a"), str(folder)))
    assert not (folder / "stranger").exists()


def test_two_hosts_get_different_files() -> None:
    one, other = (tree.rendered(rig, 1) for rig in ("rig-a", "rig-b"))
    assert one != other


def test_a_blob_is_the_same_text_every_time() -> None:
    assert blob(1) == blob(1) != blob(2)
    assert blob(1).decode().isascii()
