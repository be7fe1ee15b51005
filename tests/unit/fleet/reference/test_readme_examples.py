"""What the README shows as a declaration is one."""

from __future__ import annotations

import re
from pathlib import Path

from fleet.config import load
from fleet.config.fleet import Fleet
from tests.places import ROOT

README = ROOT / "README.md"
HOSTS, STACK = re.findall(
    r"^```yaml\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
)


def fleet(folder: Path, hosts: str) -> Fleet:
    (folder / "group_data/stacks").mkdir(parents=True)
    (folder / "group_data/stacks/hwe-38.yaml").write_text(STACK)
    (folder / "hosts.yaml").write_text(hosts)
    return load(folder, {})


def test_the_host_of_the_readme_can_be_loaded_as_it_stands(tmp_path: Path) -> None:
    spec = fleet(tmp_path, HOSTS).hosts["rig-a"]
    assert len(spec.hardware.cards) == 4
    assert spec.storage.filesystems["/mnt/fast-ai"].format == "if_blank"
    assert spec.swap.declared


def test_the_boot_set_of_the_readme_is_one_when_a_host_follows_its_stack(tmp_path: Path) -> None:
    hosts = HOSTS.replace("stack: minimax-20260523", "stack: hwe-38")
    stack = fleet(tmp_path, hosts).hosts["rig-a"].stack
    assert stack is not None
    assert stack.boot is not None
    assert stack.boot.kernel.uname == "7.0.0-38-generic"
