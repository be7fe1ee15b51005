"""Damage tests of the GPU userspace and oneAPI layer, and the change from one stack to the other.

State is read back with the machine's own tools, never with the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from fleet.base.exitcodes import ExitCode
from lab.lab import Lab
from lab.machines import Machine
from lab.mirror import Mirror
from tests.ssh.conftest import Site
from tests.ssh.damage import Damage, Run, break_name_repair, changing, holds

pytestmark = pytest.mark.ssh

#: The tested set before the one that the lab declares.
OLD = "minimax-20260510"
LOADER = "/usr/lib/x86_64-linux-gnu/libze_loader.so.1"
VARS = "/opt/intel/oneapi/compiler/2025.3/env/vars.sh"
MARK = "/var/lib/b70fleet/verified/gpu-userspace"
CALLS = "/var/log/b70lab-xpu-smi.log"
GPU, PROOF = "Packages[gpu-userspace]", "Verified[gpu-userspace]"
#: A clinfo that finds no device.
BLIND = "#!/bin/sh\necho '{\"platforms\":[]}'\n"


@contextmanager
def declared(site: Site, name: str, stack: str) -> Iterator[None]:
    """Give the machine another stack in the fleet's hosts.yaml for a while."""
    path = site.folder / "hosts.yaml"
    before = path.read_text()
    values = yaml.safe_load(before)
    values["hosts"][name]["stack"] = stack
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    try:
        yield
    finally:
        path.write_text(before)


def pool(lab: Lab, origin: str, name: str) -> str:
    """Return a shell command that fetches one package of the mirror, of any snapshot."""
    url = f"{lab.settings.mirror_url}/{origin}/pool/{name}"
    return f"curl -fsS -o /tmp/package.deb '{url}'"


DAMAGES = {
    "hold-removed": Damage(
        "apt-mark unhold libze1", ("Hold[gpu-userspace]",), "apt-mark showhold | grep -qx libze1"
    ),
    "oneapi-hold-removed": Damage(
        "apt-mark unhold intel-oneapi-mkl-devel",
        ("Hold[oneapi]",),
        "apt-mark showhold | grep -qx intel-oneapi-mkl-devel",
    ),
    "package-removed": Damage(
        "dpkg --remove --force-depends --force-hold intel-opencl-icd",
        (GPU, PROOF),
        "test -e /usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so",
    ),
    "oneapi-package-removed": Damage(
        "dpkg --remove --force-depends --force-hold intel-oneapi-dnnl-devel-2026.0",
        ("Packages[oneapi]", PROOF),
        "test -e /opt/intel/oneapi/dnnl/2026.0/env/vars.sh",
    ),
    "loader-file-lost": Damage(f"rm {LOADER}", (GPU, PROOF), f"test -e {LOADER}"),
    "compiler-environment-lost": Damage(f"rm {VARS}", (f"File[{VARS}]",), f"test -s {VARS}"),
    "proof-lost": Damage(f"rm {MARK}", (PROOF,), f"test -s {MARK}"),
    "proof-edited": Damage(f"echo x >>{MARK}", (PROOF,), f"! grep -q x {MARK}"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_the_gpu_userspace_is_named_repaired_and_then_there_is_silence(
    damage: Damage, machine: Machine, plan: Run, converge: Run
) -> None:
    break_name_repair(damage, machine, plan, converge)


def test_a_downgraded_package_is_named_and_brought_back_in_its_set(
    lab: Lab, machine: Machine, plan: Run, converge: Run
) -> None:
    old = "ppa/kobuk-team/intel-graphics/ubuntu/20260510T000000Z"
    fetch = pool(lab, old, "intel-ocloc_26.14.37833.4-0_amd64.deb")
    break_name_repair(
        Damage(
            # dpkg forgets the hold when it unpacks
            f"{fetch} && dpkg -i /tmp/package.deb && apt-mark hold intel-ocloc",
            (GPU, PROOF),
            "dpkg-query -W intel-ocloc | grep -q 26.18",
        ),
        machine,
        plan,
        converge,
    )


def test_a_loader_replaced_by_hand_gets_its_one_owner_back(
    lab: Lab, machine: Machine, plan: Run, converge: Run
) -> None:
    fetch = pool(lab, "oneapi/20260523T000000Z", "level-zero_1.28.2_amd64.deb")
    break_name_repair(
        Damage(
            f"{fetch} && dpkg --force-overwrite -i /tmp/package.deb",
            (GPU, PROOF),
            f"test \"$(dpkg -S {LOADER})\" = 'libze1: {LOADER}' && grep -q ppa1 {LOADER}",
        ),
        machine,
        plan,
        converge,
    )
    assert not holds(machine, "dpkg-query -W -f '${Status}' level-zero | grep -q installed")


@pytest.mark.usefixtures("whole")
def test_the_installed_set_is_the_stacks_as_another_tool_sees_it(testhost: Any) -> None:
    assert testhost.package("libze1").version == "1.28.2-1~24.04~ppa1"
    assert testhost.package("intel-opencl-icd").version == "26.18.38308.1-0"
    assert testhost.package("intel-oneapi-dpcpp-cpp-2025.3").version == "2025.3.2-832"
    assert testhost.package("intel-oneapi-dpcpp-cpp-2026.0").version == "2026.0.0-947"
    assert not testhost.package("level-zero").is_installed
    held = testhost.check_output("apt-mark showhold").split()
    assert {"libze1", "xpu-smi", "intel-opencl-icd", "intel-oneapi-mkl-devel"} <= set(held)


def test_xpu_smi_is_not_asked_again_while_nothing_changes(
    whole: Machine, plan: Run, converge: Run
) -> None:
    before = whole.read(CALLS)
    assert "discovery -j" in before
    converge(whole.name)
    plan(whole.name)
    assert whole.read(CALLS) == before


def test_a_host_changes_its_stack_and_its_loader_and_back(
    site: Site, whole: Machine, plan: Run, converge: Run, testhost: Any
) -> None:
    with declared(site, whole.name, OLD):
        planned = plan(whole.name)
        assert planned.exit_code is ExitCode.PENDING, planned.hosts[0].error
        assert GPU in changing(planned)
        done = converge(whole.name)
        assert done.exit_code is ExitCode.CLEAN, done.hosts[0].error
        assert testhost.package("libze1").version == "1.28.2-local1"
        assert testhost.package("intel-opencl-icd").version == "26.14.37833.4-0"
        assert testhost.check_output(f"dpkg -S {LOADER}") == f"level-zero: {LOADER}"
        assert "libze1" in testhost.check_output("apt-mark showhold").split()
        assert testhost.run("xpu-smi discovery -j").rc == 0
        assert changing(plan(whole.name)) == []
    back = converge(whole.name)
    assert back.exit_code is ExitCode.CLEAN, back.hosts[0].error
    assert testhost.package("libze1").version == "1.28.2-1~24.04~ppa1"
    assert testhost.check_output(f"dpkg -S {LOADER}") == f"libze1: {LOADER}"
    assert changing(plan(whole.name)) == []


def test_a_failing_proof_fails_the_run_and_is_tried_again(
    site: Site, whole: Machine, converge: Run
) -> None:
    whole.run(f"rm {MARK}")
    tool = whole.probe / "usr/bin/clinfo"
    sound = tool.read_text()
    tool.write_text(BLIND)
    try:
        done = site.b70("converge", "--limit", whole.name, "--yes")
    finally:
        tool.write_text(sound)
    assert done.status == ExitCode.FAILED
    assert "does not contain: 26.18.38308" in done.out + done.err
    assert not holds(whole, f"test -e {MARK}")
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_a_damaged_gpu_package_on_the_mirror_leaves_versions_and_holds_as_they_were(
    site: Site, whole: Machine, converge: Run, mirror: Mirror
) -> None:
    whole.run("apt-get clean")
    before = whole.run("dpkg-query -W; apt-mark showhold").stdout
    mirror.corrupt("libze-intel-gpu1")
    with declared(site, whole.name, OLD):
        done = site.b70("converge", "--limit", whole.name, "--yes")
    assert done.status == ExitCode.FAILED
    assert "Hash Sum mismatch" in done.out + done.err
    assert "/pool/libze-intel-gpu1_26.14.37833.4-0_amd64.deb" in done.out + done.err
    assert whole.run("dpkg-query -W; apt-mark showhold").stdout == before
    mirror.restore()
    assert converge(whole.name).exit_code is ExitCode.CLEAN


def test_a_start_file_that_sources_setvars_is_named_and_not_edited(
    whole: Machine, plan: Run
) -> None:
    path, text = "/etc/profile.d/oneapi.sh", ". /opt/intel/oneapi/setvars.sh\n"
    whole.write(path, text)
    found = plan(whole.name)
    assert found.exit_code is ExitCode.FAILED
    assert f"{path} line 1 sources setvars.sh" in found.hosts[0].error
    assert whole.read(path) == text
    whole.run(f"rm {path}")
    assert plan(whole.name).exit_code is ExitCode.CLEAN
