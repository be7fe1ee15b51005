"""Both tested stacks, installed for real from the lab's stand-ins: same names, same conflicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from facts.packages.apt_download import AptDownload
from facts.packages.dpkg import Packages
from gates.gpu_set import REAL, SHIM, GpuSet, gpu_set, oneapi_versions
from lab import debs, standins
from operations.apt.loader_shim import package as shim
from operations.apt.package_set import package_set
from tests.unit.apt_facts import STACKS, declared_stack
from tests.unit.apt_root import AptRoot, Made
from tests.unit.pyinfra_harness import stub_host

BOOT = ("^linux-image-",)
OLD, NEW = "minimax-20260510", "minimax-20260523"
CHOICE = {OLD: SHIM, NEW: REAL}
OWNER = {OLD: "level-zero", NEW: "libze1"}


def snapshot(root: AptRoot, name: str) -> None:
    """Let apt see the archives as they were at the stack's snapshot."""
    layer = yaml.safe_load((STACKS / f"{name}.yaml").read_text())
    instant = str(layer["apt"]["sources"]["intel-graphics"]["snapshot"])
    for origin in standins.load().values():
        pool = root.archives / origin.name / "pool"
        pool.mkdir(parents=True, exist_ok=True)
        index = []
        for package in origin.snapshots[instant]:
            path = debs.build(package, pool)
            index.append(debs.index_entry(package.control(), path, f"pool/{path.name}"))
        root.publish(origin.name, origin.face.origin, "\n".join(index))
    root.archive("distribution", "Debian", {"ocl-icd-libopencl1": Made("2.3")})
    root.update()


def bring(root: AptRoot, name: str) -> list[Any]:
    """Converge both sets of a stack; return the commands that were needed."""
    declared = declared_stack(name)
    gpu = gpu_set(declared, CHOICE[name])
    local = GpuSet(gpu.versions, gpu.removes, dict(gpu.debs), gpu.owner)
    if declared.loader and gpu.debs:
        deb = root.root.parent / Path(gpu.debs["libze1"]).name
        deb.write_bytes(shim(declared.loader.shim_version, declared.loader.version))
        local = GpuSet(gpu.versions, gpu.removes, {"libze1": str(deb)}, gpu.owner)
    wanted = (
        {
            "versions": local.versions,
            "removes": local.removes,
            "debs": local.debs,
            "loader_owner": local.owner,
        },
        {"versions": oneapi_versions(declared)},
    )
    needed = []
    for arguments in wanted:
        with stub_host({Packages: root.state(), AptDownload: 0}):
            commands = list(package_set._inner(protected=(*BOOT, *local.excluded), **arguments))
        for command in commands:
            done = root.run(command, check=False)
            assert done.returncode == 0, done.stderr
        needed += commands
    return needed


@pytest.mark.parametrize("name", [OLD, NEW])
def test_a_new_host_gets_a_stack_and_then_there_is_nothing_to_do(tmp_path: Path, name: str) -> None:
    root = AptRoot(tmp_path)
    snapshot(root, name)
    assert bring(root, name)
    state = root.state()
    for package, version in declared_stack(name).userspace.packages.items():
        assert state.version(package) == version or (not version and state.version(package))
    assert state.loader.owners == (OWNER[name],)
    assert set(declared_stack(name).userspace.packages) <= set(root.held())
    for compiler in declared_stack(name).compilers:
        assert root.read(f"/opt/intel/oneapi/compiler/{compiler.version}/env/vars.sh")
    assert bring(root, name) == []


@pytest.mark.parametrize(("first", "second"), [(OLD, NEW), (NEW, OLD)])
def test_a_host_moves_from_one_stack_to_the_other_with_its_loader(
    tmp_path: Path, first: str, second: str
) -> None:
    root = AptRoot(tmp_path)
    snapshot(root, first)
    bring(root, first)
    snapshot(root, second)
    bring(root, second)
    state = root.state()
    assert state.loader.owners == (OWNER[second],)
    assert (
        state.version("intel-opencl-icd")
        == declared_stack(second).userspace.packages["intel-opencl-icd"]
    )
    assert not set(gpu_set(declared_stack(second), CHOICE[second]).removes) & set(state.installed)
    assert bring(root, second) == []
