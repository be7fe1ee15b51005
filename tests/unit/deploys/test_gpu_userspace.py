"""The GPU userspace layer: both tested stacks, resource by resource."""

from __future__ import annotations

from typing import Any

import pytest

from declaration.boot import BootSet
from declaration.host import Connection, HostSpec
from declaration.stack import Stack
from deploys import gpu_userspace as room
from facts.boot.kernel import Kernel
from facts.packages.apt_download import AptDownload
from facts.packages.apt_sources import AptSources
from facts.packages.dpkg import Packages
from facts.packages.oneapi import OneApi, OneApiState
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.system.files import FileState
from facts.system.os_release import OperatingSystem, OsRelease
from facts.value import ABSENT, Unknown
from gates.gpu_set import REAL, SHIM, checks, gpu_set, oneapi_versions
from gates.model import Verdict
from operations.apt import loader_gate
from operations.apt.loader_shim import package as shim
from operations.apt.verified import fingerprint
from tests.unit import boot_facts
from tests.unit.apt_facts import apt_facts, declared_stack, package_facts
from tests.unit.base_facts import stat
from tests.unit.operations.apt.test_loader_gate import says
from tests.unit.pyinfra_harness import Resource, run_deploy

DEB = "/var/lib/b70fleet/debs/libze1_1.28.2-local1_all.deb"
RELEASE = OperatingSystem(
    id="ubuntu",
    version_id="24.04",
    codename="noble",
    pretty_name="Ubuntu 24.04 LTS",
    arch="amd64",
    virtualization="none",
    is_container=False,
)
UNREAD = Unknown("it was not read")
FOLDERS = ("/var/lib/b70fleet/debs", "/var/lib/b70fleet/verified")


NEW, OLD = declared_stack("minimax-20260523"), declared_stack("minimax-20260510")


def host(declared: Stack | None, cards: int = 4, **more: Any) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig-a",
            "connection": Connection(address="192.0.2.1"),
            "stack": declared.model_dump() if declared else None,
            "hardware": {"cards": [{"slot": f"slot {n}"} for n in range(cards)]},
            **more,
        }
    )


def installed(declared: Stack, choice: str) -> dict[str, str]:
    wanted = {**gpu_set(declared, choice).versions, **oneapi_versions(declared), "clinfo": "3"}
    return {name: version or "1" for name, version in wanted.items()}


def layer(
    monkeypatch: pytest.MonkeyPatch,
    declared: Stack,
    packages: Any,
    files: Any = lambda path: ABSENT,
    spec: HostSpec | None = None,
    more: dict[Any, Any] | None = None,
) -> list[Resource]:
    choice = SHIM if declared.loader and declared.loader.shim_version else REAL
    gate = says(Verdict.PASS, choice)
    monkeypatch.setattr(loader_gate, "decision", {loader_gate.GATE: gate}.get)
    facts = {
        AptSources: apt_facts(lists=["x"]),
        Packages: packages,
        AptDownload: 0,
        FileState: files,
        OneApiState: OneApi((), (), ()),
        OsRelease: RELEASE,
        **(more or {}),
    }
    return run_deploy(room.gpu_userspace, facts, spec=spec or host(declared))


def names(resources: list[Resource], *, changing: bool = True) -> list[str]:
    chosen = [r.name for r in resources if r.commands or not changing]
    return [name.removeprefix("gpu userspace | ") for name in chosen]


def command(resources: list[Resource], name: str) -> str:
    """Return the last command of a resource: what changes something."""
    return next(r.commands[-1] for r in resources if r.name.endswith(name))


def test_a_host_without_a_stack_gets_no_gpu_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert layer(monkeypatch, NEW, package_facts({}), spec=host(None)) == []


def test_the_newer_stack_takes_the_loader_from_the_graphics_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = layer(monkeypatch, NEW, package_facts({}))
    line = command(resources, "Packages[gpu-userspace]")
    assert "libze1=1.28.2-1~24.04~ppa1" in line
    assert "libze-intel-gpu1=26.18.38308.1-0" in line
    assert "level-zero" not in line
    assert "--no-remove" in line
    assert not any("libze1_" in resource.name for resource in resources)


def test_the_older_stack_sends_its_shim_and_installs_it_in_the_same_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = layer(monkeypatch, OLD, package_facts({}))
    assert names(resources)[:3] == [
        "Directory[/var/lib/b70fleet/debs]",
        f"File[{DEB}]",
        "Packages[gpu-userspace]",
    ]
    line = command(resources, "Packages[gpu-userspace]")
    assert "level-zero=1.28.2 " in line
    assert DEB in line
    assert "libze1=" not in line


def test_both_compilers_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    line = command(layer(monkeypatch, NEW, package_facts({})), "Packages[oneapi]")
    assert "intel-oneapi-dpcpp-cpp-2025.3=2025.3.2-832" in line
    assert "intel-oneapi-dpcpp-cpp-2026.0=2026.0.0-947" in line


def test_neither_transaction_may_touch_the_kernel_or_bring_the_other_loader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for resource in layer(monkeypatch, NEW, package_facts({})):
        if "Packages[gpu-userspace]" in resource.name or "Packages[oneapi]" in resource.name:
            assert "^linux-image-" in resource.commands[0]
            assert "^level-zero$" in resource.commands[0]
            assert " -s " in resource.commands[0]


def test_the_other_loader_leaves_in_the_transaction_that_brings_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = package_facts({"level-zero": "1.28.2"}, owners=["level-zero"])
    line = command(layer(monkeypatch, NEW, there), "Packages[gpu-userspace]")
    assert line.endswith("level-zero-")
    assert "libze1=1.28.2-1~24.04~ppa1" in line
    assert "--force-overwrite" in line


@pytest.mark.parametrize(
    ("declared", "choice", "owner"), [(NEW, REAL, "libze1"), (OLD, SHIM, "level-zero")]
)
def test_a_host_that_has_its_stack_wants_nothing(
    monkeypatch: pytest.MonkeyPatch, declared: Stack, choice: str, owner: str
) -> None:
    wanted = installed(declared, choice)
    state = package_facts(wanted, holds=wanted, owners=[owner])
    proof = fingerprint(
        state, [*gpu_set(declared, choice).versions, *oneapi_versions(declared)], checks(declared)
    )

    def files(path: str) -> Any:
        if path in FOLDERS:
            return stat(kind="directory")
        content = shim("1.28.2-local1", "1.28.2") if path == DEB else f"{proof}\n".encode()
        return stat(content=content)

    resources = layer(monkeypatch, declared, state, files)
    assert names(resources) == []
    assert all(resource.noops for resource in resources)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"libze1": "1.28.0"}, ["Packages[gpu-userspace]", "Verified[gpu-userspace]"]),
        (
            {"intel-oneapi-mkl-devel": "2025.0"},
            ["Packages[oneapi]", "Verified[gpu-userspace]"],
        ),
    ],
)
def test_a_changed_version_is_put_right_by_its_own_set_and_proved_again(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], expected: list[str]
) -> None:
    wanted = installed(NEW, REAL)
    right = package_facts(wanted, holds=wanted, owners=["libze1"])
    proof = fingerprint(right, [*gpu_set(NEW, REAL).versions, *oneapi_versions(NEW)], checks(NEW))
    mark = stat(content=f"{proof}\n".encode())
    damaged = package_facts({**wanted, **changes}, holds=wanted, owners=["libze1"])
    resources = layer(
        monkeypatch,
        NEW,
        damaged,
        lambda path: stat(kind="directory") if path in FOLDERS else mark,
    )
    assert names(resources) == expected


def test_a_removed_hold_is_the_only_thing_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = installed(NEW, REAL)
    state = package_facts(wanted, holds=set(wanted) - {"libze1"}, owners=["libze1"])
    proof = fingerprint(state, [*gpu_set(NEW, REAL).versions, *oneapi_versions(NEW)], checks(NEW))
    mark = stat(content=f"{proof}\n".encode())
    resources = layer(
        monkeypatch, NEW, state, lambda path: stat(kind="directory") if path in FOLDERS else mark
    )
    assert names(resources) == ["Hold[gpu-userspace]"]
    assert command(resources, "Hold[gpu-userspace]").endswith("apt-mark hold libze1")


def test_a_host_without_cards_is_not_asked_for_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = layer(monkeypatch, NEW, package_facts({}), spec=host(NEW, cards=0))
    assert "Verified[gpu-userspace]" not in names(resources, changing=False)


def test_only_a_lab_host_looks_for_stand_in_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = host(NEW, kind="lab", probe_root="/var/lib/b70lab-probe")
    for spec, folder in ((host(NEW), "''"), (lab, "/var/lib/b70lab-probe/usr/bin")):
        resources = layer(monkeypatch, NEW, package_facts({}), spec=spec)
        proof = next(r for r in resources if r.name.endswith("Verified[gpu-userspace]"))
        assert f"b70-verify {folder} 60 26.18.38308 clinfo --json" in proof.commands[0]


def test_the_declared_patience_with_other_package_tools_reaches_every_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = host(NEW, apt={"lock_timeout_s": 17})
    resources = layer(monkeypatch, NEW, package_facts({}), spec=patient)
    calls = [c for r in resources for c in r.commands if " apt-get " in c]
    assert len(calls) >= 5
    assert all("DPkg::Lock::Timeout=17" in call for call in calls)


def test_a_stack_without_a_loader_installs_just_its_packages() -> None:
    plain = Stack(name="x", userspace={"packages": {"xpu-smi": "1"}})  # type: ignore[arg-type]
    assert gpu_set(plain, REAL).versions == {"xpu-smi": "1"}
    assert gpu_set(plain, REAL).owner == ""


def test_the_proof_waits_for_the_boot_set_that_brings_the_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = {"package": f"linux-image-{boot_facts.NEW}", "version": "1"}
    declared = NEW.model_copy(update={"boot": BootSet.model_validate({"kernel": kernel})})
    for release, waits in ((boot_facts.OLD, True), (boot_facts.NEW, False)):
        now = {Kernel: boot_facts.running(release), GpuLog: UNREAD, GpuLinks: UNREAD}
        resources = layer(monkeypatch, declared, package_facts({}), more=now)
        (proof,) = [r for r in resources if r.name.endswith("Verified[gpu-userspace]")]
        assert bool(proof.commands) is not waits
        if waits:
            said = f"kernel {boot_facts.OLD} runs, {boot_facts.NEW} is declared"
            assert proof.noops == [f"after the reboot: {said}"]
