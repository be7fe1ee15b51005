"""Specification of the lab's releases: names, archives, images and groups, without any machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from fleet.config import load
from lab import aptsources, image, releases, rigshape, shapes, store
from lab.changes import Changes
from lab.diskimage import outdated
from lab.errors import LabError
from lab.fleet import GroupFile, group_name, host_entry, write_fleet
from lab.image import Images
from lab.kinds import NSPAWN, VM
from lab.lab import Lab
from lab.machines import Machine
from lab.mirror import Mirror
from lab.releases import Origin, Release
from lab.settings import Settings
from lab.store import Record
from lab.vm import recipe, smbios
from lab.vm.kernels import Kernel
from lab.vm.record import VmRecord

BOOKWORM, TRIXIE = Release("debian", "bookworm"), Release("debian", "trixie")
NOBLE = Release("ubuntu", "noble")
MIRRORED = """
deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main
deb [signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main
"""


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Release:
    """Let this computer run Debian 12, whatever the tests run on."""
    monkeypatch.setattr(releases, "here", lambda: BOOKWORM)
    return BOOKWORM


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "lab", "b70lab0", IPv4Network("10.70.0.0/24"), 8070)


def never(path: str) -> str:
    raise AssertionError(f"{path} must not be read")


def chosen(release: Release, text: str, **more: str) -> Origin:
    return releases.choose(release, BOOKWORM, aptsources.one_line_style(text), never, **more)


def test_this_computers_release_comes_first_and_is_named_once() -> None:
    assert releases.known() == (BOOKWORM, TRIXIE, NOBLE)
    assert releases.named("trixie") == TRIXIE


def test_a_release_of_this_computer_that_no_data_names_is_a_release_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sid = Release("debian", "sid")
    monkeypatch.setattr(releases, "here", lambda: sid)
    assert releases.named("sid") == sid
    assert releases.known() == (sid, BOOKWORM, TRIXIE, NOBLE)


def test_an_unknown_codename_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="no release 'etch'") as caught:
        releases.named("etch")
    assert caught.value.hint == "one of: bookworm, trixie, noble"


def test_an_unknown_distribution_of_this_computer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    file = tmp_path / "os-release"
    file.write_text("ID=plan9\nVERSION_CODENAME=four\n")
    monkeypatch.setattr(releases, "_OS_RELEASE", file)
    with pytest.raises(LabError, match="'plan9'") as caught:
        releases.here()
    assert caught.value.hint == "run it on debian or ubuntu"


def test_another_release_comes_from_the_mirror_of_this_computers_own() -> None:
    assert chosen(TRIXIE, MIRRORED) == Origin("http://mirror.example/debian", "/k.gpg")
    security = chosen(TRIXIE, MIRRORED, pocket="{suite}-security", default="http://d.example")
    assert security == Origin("http://mirror.example/debian-security", "/k.gpg")


def test_what_apt_names_for_a_release_itself_is_taken_before_that() -> None:
    both = MIRRORED + "deb http://other.example/debian trixie main\n"
    found = chosen(TRIXIE, both)
    assert found.mirror == "http://other.example/debian"
    assert found.keyring == releases.distributions()["debian"].keyring


def test_a_mirror_of_one_distribution_is_not_asked_for_another() -> None:
    about = releases.distributions()["ubuntu"]
    assert chosen(NOBLE, MIRRORED) == Origin(about.mirror, about.keyring)


def test_without_any_source_the_address_in_the_data_is_taken() -> None:
    assert chosen(TRIXIE, "").mirror == releases.distributions()["debian"].mirror
    assert chosen(TRIXIE, "", default="http://d.example").mirror == "http://d.example"


def test_each_release_has_a_base_image_of_its_own(settings: Settings) -> None:
    assert (image.recipe(TRIXIE).distribution, image.recipe(TRIXIE).suite) == ("debian", "trixie")
    assert image.recipe(NOBLE).components == ("main", "universe")
    folders = {Images(settings, release).current() for release in releases.known()}
    assert len(folders) == 3


def test_each_release_has_a_disk_image_of_its_own_with_its_own_pockets() -> None:
    assert recipe.of(BOOKWORM).digest != recipe.of(TRIXIE).digest
    assert list(recipe.of(TRIXIE).pockets) == ["trixie", "trixie-security"]
    assert recipe.of(TRIXIE).base == image.recipe(TRIXIE).digest


def test_an_image_takes_the_place_of_those_of_its_own_release_only(tmp_path: Path) -> None:
    about = {
        "vm-new": {"release": "trixie"},
        "vm-old": {"release": "trixie"},
        "vm-other": {"release": "bookworm"},
        "vm-older-than-the-choice": {},
        "uml-old": {"release": "trixie"},
        "0123456789abcdef": {"release": "trixie"},
    }
    for name, content in about.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text(json.dumps(content))
    new = tmp_path / "vm-new"
    (tmp_path / "vm-old-btrfs-01234567").mkdir()  # made from it
    assert outdated(new, "trixie") == [tmp_path / "vm-old", tmp_path / "vm-old-btrfs-01234567"]
    assert {path.name for path in outdated(new, "bookworm")} == {
        "vm-other",
        "vm-older-than-the-choice",
    }


def test_only_the_images_of_the_release_that_is_wanted_are_built(settings: Settings) -> None:
    def sentences(release: Release | None) -> str:
        return " ".join(c.sentence for c in Changes(settings, print, release, (VM,)).all())

    assert "build the trixie base image" in sentences(TRIXIE)
    assert "build the trixie disk image" in sentences(TRIXIE)
    assert "bookworm" not in sentences(TRIXIE)
    assert "build the bookworm disk image" in sentences(None)


def test_a_record_that_names_no_release_is_of_this_computers(tmp_path: Path) -> None:
    store.save(tmp_path, Record("lab1", 11, "x", "trixie"))
    file = tmp_path / "machine.json"
    assert store.load(tmp_path, Record) == Record("lab1", 11, "x", "trixie")
    kept = json.loads(file.read_text())
    del kept["release"]
    file.write_text(json.dumps(kept))
    assert store.load(tmp_path, Record) == Record("lab1", 11, "x", "bookworm")


@pytest.fixture
def built(settings: Settings) -> Settings:
    """Return a lab with a base image of each Debian, whose packages are empty."""
    for release in (BOOKWORM, TRIXIE):
        archive = Images(settings, release).current() / "archive"
        archive.mkdir(parents=True)
        (archive / f"jq_{release.codename}_amd64.deb").touch()
    return settings


def test_the_mirror_has_an_archive_per_release_and_the_names_of_old_for_its_own(
    built: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "signer", lambda self, name: Key(name))
    mirror = Mirror(built)
    assert mirror.sources() == mirror.sources(BOOKWORM)
    own, other = mirror.sources(BOOKWORM), mirror.sources(TRIXIE)
    assert list(own) == ["intel-graphics", "oneapi", "distribution"]
    assert list(other) == ["intel-graphics", "oneapi", "distribution-trixie"]
    assert own["distribution"].url == "http://10.70.0.1:8070/distribution"
    assert other["distribution-trixie"].url == "http://10.70.0.1:8070/distribution-trixie"
    assert other["distribution-trixie"].packages == ("jq",)
    assert own["oneapi"] == other["oneapi"]


@dataclass(frozen=True)
class Key:
    """A key that signs nothing."""

    name: str

    def fingerprint(self) -> str:
        return "0" * 40

    def armored(self) -> str:
        return f"key of {self.name}\n"

    def sign(self, text: str) -> str:
        return text


def test_an_archive_that_is_sound_stays_untouched_when_another_release_comes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may be fetching from it."""
    monkeypatch.setattr(Mirror, "signer", lambda self, name: Key(name))
    monkeypatch.setattr("lab.mirror.run", lambda words: Said("Package: jq\n"))
    www = settings.root / "mirror/www"

    def add(release: Release) -> None:
        archive = Images(settings, release).current() / "archive"
        archive.mkdir(parents=True)
        (archive / f"jq_{release.codename}_amd64.deb").touch()
        Mirror(settings).build()

    add(BOOKWORM)
    before = {path: path.stat().st_ino for path in www.rglob("*") if path.is_file()}
    assert www / "distribution/dists/stable/InRelease" in before
    add(TRIXIE)
    assert {path: path.stat().st_ino for path in before} == before
    assert (www / "distribution-trixie/pool/jq_trixie_amd64.deb").exists()
    assert not (www / "distribution/pool/jq_trixie_amd64.deb").exists()
    assert (www / "keys/distribution-trixie.asc").read_text() == "key of distribution-trixie\n"


@dataclass(frozen=True)
class Said:
    """What a program printed."""

    stdout: str


def kept(settings: Settings, record: Record) -> Machine:
    """Return a machine that the lab remembers; it never ran."""
    machine = Machine(settings, record)
    store.save(machine.folder, record)
    return machine


def test_a_machine_of_another_release_is_in_a_group_of_its_own(settings: Settings) -> None:
    machine = kept(settings, Record("t1", 11, "x", "trixie"))
    settings.key.parent.mkdir(parents=True)
    machine.folder.mkdir(parents=True, exist_ok=True)
    (machine.folder / "shape.json").write_text(rigshape.to_json(shapes.HEALTHY_GEN5))
    assert host_entry(machine)["groups"] == ["lab-trixie"]
    assert group_name(NSPAWN, BOOKWORM) == "lab"
    assert group_name(VM, BOOKWORM) == "vm"
    assert group_name(VM, TRIXIE) == "vm-trixie"


def test_each_group_of_machines_that_boot_moves_to_the_kernel_of_its_own_release(
    tmp_path: Path,
) -> None:
    groups = {
        name: GroupFile({}, newer=Kernel(version, f"linux-image-{version}", version))
        for name, version in (("vm", "6.1.0-56-cloud-amd64"), ("vm-trixie", "6.12.118-amd64"))
    }
    write_fleet(tmp_path, [], groups, "20260523T000000Z")
    hosts = {
        name: {"kind": "lab", "address": f"192.0.2.{number}", "groups": [group]}
        for number, (name, group) in enumerate((("a", "vm"), ("b", "vm-trixie")), start=1)
    }
    (tmp_path / "hosts.yaml").write_text(yaml.safe_dump({"hosts": hosts}))
    moved = {name: host.stack for name, host in load(tmp_path, {}).hosts.items()}
    found = {name: stack.boot.kernel.uname for name, stack in moved.items() if stack and stack.boot}
    assert found == {"a": "6.1.0-56-cloud-amd64", "b": "6.12.118-amd64"}


def test_a_machine_keeps_its_release_and_another_one_is_refused(settings: Settings) -> None:
    kept(settings, Record("t1", 11, "x", "trixie"))
    lab = Lab(settings)
    with pytest.raises(LabError, match="t1 runs trixie") as caught:
        lab.up("t1", release="bookworm")
    assert "b70 lab down t1" in caught.value.hint
    with pytest.raises(LabError, match="no release 'etch'"):
        lab.up("t2", release="etch")
    assert not (settings.root / "keys").exists(), "refused before anything was done"


def test_a_name_of_one_kind_is_refused_for_the_other(settings: Settings) -> None:
    shape = smbios.fitted(shapes.HEALTHY_GEN5, "S1")
    store.save(settings.vms / "v1", VmRecord("v1", 11, "vm-x", "bookworm", shape))
    kept(settings, Record("t1", 12, "x", "bookworm"))
    with pytest.raises(LabError, match="v1 is a virtual machine"):
        Lab(settings).up("v1")
    with pytest.raises(LabError, match="t1 is an nspawn machine"):
        Lab(settings).up_vm("t1")
