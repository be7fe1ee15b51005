"""A set changes in one dpkg transaction or not at all: real apt and dpkg in a private root."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from facts.packages.apt_download import AptDownload
from facts.packages.dpkg import LOADER, Packages, PackageState
from facts.value import Unknown
from operations.apt.hold import hold
from operations.apt.loader_shim import package as shim
from operations.apt.package_set import package_set
from tests.unit.apt_facts import LOADER_FILE, package_facts
from tests.unit.apt_root import AptRoot, Made
from tests.unit.pyinfra_harness import reasons, stub_host

BOOT = ("^linux-image-", "^linux-firmware")
NEW = {"libze1": "1.28.2", "xpu-smi": "1.3.6"}


def without_file(state: PackageState) -> PackageState:
    """Return the same host after somebody deleted the loader's file."""
    return replace(state, loader=replace(state.loader, files=()))


@pytest.fixture
def root(tmp_path: Path) -> AptRoot:
    made = AptRoot(tmp_path)
    loader = {LOADER_FILE: b"graphics"}
    made.archive(
        "graphics",
        "Graphics",
        {
            "libze1": [Made("1.28.0", files=loader), Made("1.28.2", files=loader)],
            "xpu-smi": [Made("1.3.5", "libze1"), Made("1.3.6", "libze1 (>= 1.28.2)")],
            "xpu-old": Made("1", "libze1 (= 1.28.0)"),
            "needs-kernel": Made("1", "linux-image-9"),
            "linux-image-9": Made("9"),
            "pulls-loader": Made("1", "level-zero"),
        },
    )
    made.archive("oneapi", "OneApi", {"level-zero": Made("1.28.2", files={LOADER_FILE: b"oneapi"})})
    made.update()
    return made


def converge(root: AptRoot, *, check: bool = True, **wanted: Any) -> list[Any]:
    """Run the operation against the private root; return the finished commands."""
    with stub_host({Packages: root.state(), AptDownload: 0}):
        commands = list(package_set._inner(**wanted))
    done = []
    for command in commands:
        done.append(root.run(command, check=False))
        if done[-1].returncode:
            break
    if check:
        assert all(run.returncode == 0 for run in done), done[-1].stderr
    return done


def versions(root: AptRoot) -> dict[str, str]:
    return {name: package.version for name, package in root.state().installed.items()}


def test_a_missing_set_is_installed_and_held_in_one_go(root: AptRoot) -> None:
    converge(root, versions=NEW, loader_owner="libze1")
    assert versions(root) == NEW
    assert root.held() == ["libze1", "xpu-smi"]


def test_a_set_that_is_right_wants_nothing_and_names_its_versions(root: AptRoot) -> None:
    converge(root, versions=NEW, loader_owner="libze1")
    with stub_host({Packages: root.state()}) as stub:
        assert list(package_set._inner(versions=NEW, loader_owner="libze1")) == []
    assert stub.noops == ["installed: libze1=1.28.2, xpu-smi=1.3.6"]


def test_a_held_package_is_brought_up_and_stays_held(root: AptRoot) -> None:
    converge(root, versions={"libze1": "1.28.0", "xpu-smi": "1.3.5"})
    converge(root, versions=NEW)
    assert versions(root) == NEW
    assert root.held() == ["libze1", "xpu-smi"]


def test_a_set_can_go_back_to_older_versions(root: AptRoot) -> None:
    converge(root, versions=NEW)
    converge(root, versions={"libze1": "1.28.0", "xpu-smi": "1.3.5"})
    assert versions(root) == {"libze1": "1.28.0", "xpu-smi": "1.3.5"}


def test_a_transaction_that_would_remove_a_stranger_is_refused_before_anything_changes(
    root: AptRoot,
) -> None:
    converge(root, versions={"libze1": "1.28.0"})
    root.shell("apt-get -q -y install xpu-old")
    done = converge(root, check=False, versions={"libze1": "1.28.2"})
    assert done[-1].returncode != 0
    assert len(done) == 1
    assert "xpu-old" in done[-1].stderr or "removed but remove is disabled" in done[-1].stderr
    assert versions(root) == {"libze1": "1.28.0", "xpu-old": "1"}
    assert root.held() == ["libze1"]


def test_a_removal_beside_the_declared_one_is_refused_by_name(root: AptRoot) -> None:
    converge(root, versions={"libze1": "1.28.0"})
    root.shell("apt-get -q -y install xpu-old")
    done = converge(root, check=False, versions={"level-zero": "1.28.2"}, removes=["libze1"])
    assert "refused: it would remove xpu-old" in done[-1].stderr
    assert versions(root) == {"libze1": "1.28.0", "xpu-old": "1"}


def test_a_transaction_that_would_bring_a_kernel_is_refused(root: AptRoot) -> None:
    done = converge(root, check=False, versions={"needs-kernel": "1"}, protected=BOOT)
    assert "refused: it would change linux-image-9" in done[-1].stderr
    assert versions(root) == {}


def test_the_other_loader_does_not_come_in_by_a_dependency(root: AptRoot) -> None:
    done = converge(root, check=False, versions={"pulls-loader": "1"}, protected=["^level-zero$"])
    assert "refused: it would change level-zero" in done[-1].stderr


def test_a_version_that_no_archive_has_is_an_error_that_names_it(root: AptRoot) -> None:
    done = converge(root, check=False, versions={"libze1": "9.9.9"})
    assert done[-1].returncode == 100
    assert "9.9.9" in done[-1].stderr


def test_a_failed_transaction_leaves_the_holds_as_they_were(root: AptRoot, tmp_path: Path) -> None:
    converge(root, versions={"libze1": "1.28.0", "xpu-smi": "1.3.5"})
    root.shell("apt-mark unhold xpu-smi")
    # the rehearsal passes, the download does not
    (tmp_path / "archives/graphics/pool/xpu-smi_1.3.6.deb").write_bytes(b"damaged")
    done = converge(root, check=False, versions=NEW)
    assert len(done) == 2
    assert done[-1].returncode != 0
    assert root.held() == ["libze1"]
    assert versions(root) == {"libze1": "1.28.0", "xpu-smi": "1.3.5"}


def test_the_proof_of_a_set_is_void_as_soon_as_the_set_changes(
    root: AptRoot, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    proof.write_text("passed\n")
    converge(root, versions={"libze1": "1.28.0"}, proof=str(proof))
    assert not proof.exists()
    proof.write_text("passed\n")
    converge(root, versions={"libze1": "1.28.0"}, proof=str(proof))
    assert proof.exists(), "nothing changed"


def test_the_loader_changes_its_owner_and_back_in_one_transaction_each(
    root: AptRoot, tmp_path: Path
) -> None:
    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    deb = tmp_path / "libze1_1.28.2-local1_all.deb"
    deb.write_bytes(shim("1.28.2-local1", "1.28.2"))
    with_shim = {"libze1": "1.28.2-local1", "level-zero": "1.28.2", "xpu-smi": "1.3.6"}
    converge(root, versions=with_shim, debs={"libze1": str(deb)}, loader_owner="level-zero")
    assert versions(root) == with_shim
    assert root.state().loader.owners == ("level-zero",)
    assert root.read(LOADER_FILE) == "oneapi"
    assert root.held() == ["level-zero", "libze1", "xpu-smi"]

    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    assert versions(root) == NEW
    assert root.state().loader.owners == ("libze1",)
    assert root.read(LOADER_FILE) == "graphics"


def test_a_loader_that_was_overwritten_by_hand_gets_its_owner_back(root: AptRoot) -> None:
    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    pool = root.archives / "oneapi/pool/level-zero_1.28.2.deb"
    root.shell(f"dpkg --force-overwrite -i {pool}")
    assert root.read(LOADER_FILE) == "oneapi"
    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    assert versions(root) == NEW
    assert root.read(LOADER_FILE) == "graphics"
    assert root.held() == ["libze1", "xpu-smi"]


def test_a_loader_file_that_is_gone_comes_back(root: AptRoot) -> None:
    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    (root.root / LOADER_FILE.lstrip("/")).unlink()
    converge(root, versions=NEW, removes=["level-zero"], loader_owner="libze1")
    assert root.read(LOADER_FILE) == "graphics"


def test_a_loader_that_a_stranger_owns_as_well_is_left_to_a_person() -> None:
    facts = {Packages: package_facts(NEW, owners=["libze1", "vendor-loader"])}
    with stub_host(facts), pytest.raises(OperationError, match="vendor-loader"):
        list(package_set._inner(versions=NEW, loader_owner="libze1"))


def test_a_set_is_never_touched_when_packages_are_unknown() -> None:
    with (
        stub_host({Packages: Unknown("dpkg is broken")}),
        pytest.raises(OperationError, match="dpkg is broken"),
    ):
        list(package_set._inner(versions=NEW))


def test_every_hold_of_a_set_is_restored_by_name(root: AptRoot) -> None:
    converge(root, versions=NEW)
    root.shell("apt-mark unhold libze1")
    with stub_host({Packages: root.state()}):
        commands = list(hold._inner(packages=["libze1", "xpu-smi", "not-there"]))
    assert len(commands) == 1
    root.run(commands[0])
    assert root.held() == ["libze1", "xpu-smi"]
    with stub_host({Packages: root.state()}) as stub:
        assert list(hold._inner(packages=["libze1", "xpu-smi", "not-there"])) == []
    assert stub.noops == ["on hold: libze1, xpu-smi"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            package_facts({}),
            [
                ("package libze1", "1.28.2", None),
                ("package xpu-smi", "1.3.6", None),
                (LOADER, "from libze1", None),
            ],
        ),
        (
            package_facts({**NEW, "libze1": "1.20.0"}, owners=["libze1"]),
            [("package libze1", "1.28.2", "1.20.0")],
        ),
        (
            package_facts({**NEW, "level-zero": "1.28.2"}, owners=["level-zero", "libze1"]),
            [
                ("package level-zero", None, "1.28.2"),
                (LOADER, "from libze1", "from level-zero, libze1"),
            ],
        ),
        (
            package_facts({**NEW, "old-gpu": "1.2"}, owners=["libze1"]),
            [("package old-gpu", None, "1.2")],
        ),
        (without_file(package_facts(NEW, owners=["libze1"])), [(LOADER, "from libze1", None)]),
    ],
    ids=["nothing-there", "older", "other-loader", "must-leave", "loader-file-gone"],
)
def test_each_package_that_comes_changes_or_leaves_is_a_reason(found: Any, expected: Any) -> None:
    facts = {Packages: found, AptDownload: 7}
    told = reasons(
        package_set, facts, versions=NEW, removes=["level-zero", "old-gpu"], loader_owner="libze1"
    )
    assert [(item.what, item.expected, item.seen) for item in told.differences] == expected
    assert told.bytes == 7


def test_a_loader_that_no_package_ships_is_said_to_be_from_none() -> None:
    right = package_facts(NEW, owners=["libze1"])
    stray = replace(right, loader=replace(right.loader, owners=()))
    facts = {Packages: stray, AptDownload: 0}
    told = reasons(package_set, facts, versions=NEW, loader_owner="libze1")
    assert [(item.what, item.seen) for item in told.differences] == [(LOADER, "from no package")]


def test_apt_is_asked_for_the_size_of_the_whole_transaction() -> None:
    asked = []

    def answer(words: str) -> int:
        asked.append(words)
        return 0

    facts = {Packages: package_facts({"level-zero": "1"}), AptDownload: answer}
    debs = {"libze1": "/a b/libze1.deb"}
    reasons(package_set, facts, versions=NEW, removes=["level-zero"], debs=debs)
    assert asked == [
        "--no-install-recommends --allow-downgrades --allow-change-held-packages "
        "'/a b/libze1.deb' xpu-smi=1.3.6 level-zero-"
    ]


def test_apt_is_not_asked_for_a_size_before_the_package_that_is_sent_has_arrived() -> None:
    facts = {Packages: package_facts({})}
    deb = "/var/lib/b70fleet/debs/libze1.deb"
    told = reasons(package_set, facts, written=[deb], versions=NEW, debs={"libze1": deb})
    assert told.bytes == Unknown(f"{deb} is not on the host yet")
