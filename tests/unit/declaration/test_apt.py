"""What an apt declaration may say: one origin per package, no value that breaks a file of apt's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from declaration.apt import Apt, AptSource, shared_packages
from declaration.globs import overlap
from declaration.host import HostSpec
from declaration.stack import Stack
from tests.places import ROOT

GROUP_DATA = ROOT / "group_data"
KEY = {"fingerprint": "0C0E 6AF9 55CE 463C 03FC 5157 4D09 8D70 AFBE 5E1F"}


def source(**changes: Any) -> dict[str, Any]:
    named = {"uris": ["https://example.org/apt"], "suites": ["x"], "components": ["main"]}
    return {**named, "key": KEY, **changes}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("libze1", "libze1", True),
        ("libze*", "*ze1", True),
        ("libze?", "libze1", True),
        ("libze1", "libze-dev", False),
        ("intel-oneapi-*", "intel-igc-*", False),
        ("intel-*", "intel-oneapi-mkl", True),
        ("*", "", True),
    ],
)
def test_two_patterns_overlap_when_one_name_fits_both(left: str, right: str, same: bool) -> None:
    assert overlap(left, right) is same
    assert overlap(right, left) is same


@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.text("ab", max_size=5))
def test_a_name_that_fits_both_patterns_is_always_found(left: str, right: str, name: str) -> None:
    def fits(pattern: str) -> bool:
        return re.fullmatch(pattern.replace("*", ".*").replace("?", "."), name) is not None

    if fits(left) and fits(right):
        assert overlap(left, right)


def test_a_package_with_two_owners_is_refused() -> None:
    sources = {"a": source(owns=["level-zero*"]), "b": source(owns=["level-zero-devel"])}
    with pytest.raises(ValidationError, match=r"level-zero\* of a and level-zero-devel of b"):
        Apt.model_validate({"sources": sources})
    assert shared_packages({"a": ("x",), "b": ("y",)}) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"uris": ["https://user:pass@example.org/apt"]},
        {"uris": ["https://example.org/a b"]},
        {"suites": ["x\nTrusted: yes"]},
        {"components": ["main\nTrusted: yes"]},
        {"origin": "x\nPin-Priority: 1"},
        {"owns": ["a\nPin: x"]},
        {"replaces": ["/etc/passwd"]},
        {"replaces": ["/etc/apt/sources.list.d/../../passwd.list"]},
        {"replaces": ["/etc/apt/sources.list.d/b70fleet-x.sources"]},
        {"uris": ["https://example.org/{snapshot}"]},
        {"snapshot": "a/../b"},
        {"key": {"fingerprint": "AFBE5E1F"}},
    ],
)
def test_a_value_that_would_break_a_file_or_leak_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AptSource.model_validate(source(**changes))


FLAT = "the suite './' ends in '/': a flat archive has no components; take away components: [main]"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"components": []}, "components are missing: the suite 'x' needs them"),
        ({"suites": ["."], "components": []}, "a flat archive's suite ends in '/'"),
        ({"suites": ["./"]}, FLAT),
        ({"suites": ["x", "./"]}, "'./' is the path of a flat archive and 'x' is none"),
        ({"suites": ["./", "x"], "components": []}, "make them two sources"),
        ({"suites": ["x", "x"]}, "'x' is there twice"),
        ({"components": ["main", "main"]}, "'main' is there twice"),
        ({"types": ["dbe"]}, "Input should be 'deb' or 'deb-src'"),
        ({"types": []}, "at least 1 item"),
        ({"architectures": ["amd46"]}, "Input should be 'amd64', 'arm64'"),
        ({"architectures": ["x86_64"]}, "Input should be 'amd64', 'arm64'"),
        ({"suites": ["n\u043eble"]}, "is not the name of a suite or component"),
        ({"components": ["-main"]}, "is not the name of a suite or component"),
        ({"uris": ["https:/example.org/apt"]}, "names no host"),
        ({"uris": ["https:///apt"]}, "names no host"),
        ({"uris": ["https://example.org:99999/apt"]}, "Port out of range"),
        ({"uris": ["https://[2001:db8::5/apt"]}, "Invalid IPv6 URL"),
        ({"uris": ["https://ex\u0430mple.org/apt"]}, "is not an URI for apt"),
        ({"uris": ["file:apt"]}, "is no absolute path"),
        ({"uris": ["ftp://example.org/apt"]}, "is not an URI for apt"),
        ({"origin": "A,B"}, "is not an origin that a pin can name"),
        ({"origin": "*"}, "is not an origin that a pin can name"),
        ({"origin": "/Deb/"}, "is not an origin that a pin can name"),
        ({"login": "a b", "password": "env:X"}, "is not a login without white space"),
        ({"login": "a"}, "password is missing: login is given"),
        ({"password": "env:X"}, "login is missing: password is given"),
        ({"uris": ["file:///srv/x"], "owns": ["jq"]}, "origin is missing: packages are owned"),
        ({"uris": ["http://a/x", "http://b/x"], "owns": ["jq"]}, "origin is missing"),
    ],
)
def test_a_source_that_stops_apt_or_fetches_nothing_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        AptSource.model_validate(source(**changes))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"suites": ["noble", "noble-updates"], "components": ["main", "non-free-firmware"]},
        {"suites": ["bookworm/updates"], "components": ["main/debug"]},
        {"suites": ["./"], "components": []},
        {"suites": ["/", "$(ARCH)/"], "components": []},
        {"types": ["deb", "deb-src"], "uris": ["http://[2001:db8::5]:3142/debian"]},
        {"uris": ["file:///srv/mirror", "file:/srv/b", "mirror+file:/etc/apt/mirrors.txt"]},
        {"suites": ["x", "./"]},
        {"suites": ["./"]},
        {"components": []},
    ],
)
def test_a_source_is_accepted_exactly_when_apt_can_read_it(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    try:
        declared = AptSource.model_validate(source(**changes))
    except ValidationError:
        declared = None
    fields = source(**changes)
    file = tmp_path / "x.sources"
    named = {"Types": fields.get("types", ["deb"]), "URIs": fields["uris"]}
    named |= {"Suites": fields["suites"], "Components": fields["components"]}
    file.write_text("".join(f"{key}: {' '.join(words)}\n" for key, words in named.items() if words))
    options = (f"Dir::Etc::SourceList={file}", "Dir::Etc::SourceParts=/dev/null")
    command = ["apt-get", "indextargets", *(f"-o{option}" for option in options)]
    asked = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (declared is not None) is (asked.returncode == 0)


def test_a_source_name_must_be_usable_as_a_file_name() -> None:
    with pytest.raises(ValidationError):
        Apt.model_validate({"sources": {"../x": source()}})


def test_the_snapshot_id_is_part_of_the_address() -> None:
    declared = AptSource.model_validate(
        source(uris=["https://example.org/{snapshot}"], snapshot="20260523T000000Z")
    )
    assert declared.addresses == ("https://example.org/20260523T000000Z",)


def product_sources(stack: dict[str, Any]) -> Apt:
    data = yaml.safe_load((GROUP_DATA / "all.yaml").read_text())["apt"]
    for name, changes in stack["apt"]["sources"].items():
        if changes is None:
            del data["sources"][name]
        else:
            data["sources"][name] = data["sources"].get(name, {}) | changes
    return Apt.model_validate(data)


@pytest.mark.parametrize(
    "path", sorted((GROUP_DATA / "stacks").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_package_of_a_stack_has_exactly_one_declared_source(path: Path) -> None:
    layer = yaml.safe_load(path.read_text())
    stack = Stack.model_validate(layer["stack"])
    apt = product_sources(layer)
    names = {*stack.userspace.packages, *stack.oneapi.packages}
    names |= {compiler.package for compiler in stack.compilers}
    names |= {stack.loader.owner, *stack.loader.conflicts} if stack.loader else set()
    for name in names:
        owners = [
            s for s, declared in apt.sources.items() if any(overlap(o, name) for o in declared.owns)
        ]
        assert len(owners) == 1, name


@pytest.mark.parametrize(
    "path", sorted((GROUP_DATA / "stacks").glob("*.yaml")), ids=lambda p: p.stem
)
def test_a_stack_is_named_after_its_file_and_its_source_stands_still(path: Path) -> None:
    layer = yaml.safe_load(path.read_text())
    assert layer["stack"]["name"] == path.stem
    source = product_sources(layer).sources[layer["stack"]["source"]]
    if source.snapshot:
        assert source.snapshot.startswith(path.stem[-8:])
    else:  # OMIX has no snapshots: its release stands in the suite
        name, release, codename = path.stem.split("-")
        assert source.suites == (f"{codename}/intel-{name}/{release}",)


@pytest.mark.parametrize(
    "path", sorted((GROUP_DATA / "stacks").glob("*.yaml")), ids=lambda p: p.stem
)
def test_a_stack_never_keeps_both_loaders(path: Path) -> None:
    layer = yaml.safe_load(path.read_text())
    stack = Stack.model_validate(layer["stack"])
    if stack.loader is None:  # one archive alone ships a loader, and none other is declared
        sources = product_sources(layer).sources
        assert [name for name in sources if "level-zero" in sources[name].owns] == []
        assert list(sources) == [stack.source]
        return
    other = {"libze1": "level-zero", "level-zero": "libze1"}[stack.loader.owner]
    assert other in stack.loader.conflicts
    assert other not in stack.userspace.packages


def test_a_file_of_another_tool_is_replaced_after_apt_modernize_sources_too() -> None:
    """It rewrites NAME.list as NAME.sources."""
    data = yaml.safe_load((GROUP_DATA / "all.yaml").read_text())["apt"]
    for name, about in data["sources"].items():
        replaced = set(about["replaces"])
        older = {path for path in replaced if path.endswith(".list")}
        assert older, name
        assert {f"{path.removesuffix('.list')}.sources" for path in older} <= replaced, name


def test_a_stack_whose_source_nobody_declares_is_refused() -> None:
    host = {
        "name": "rig-a",
        "connection": {"address": "192.0.2.1"},
        "apt": {"sources": {"mine": source()}},
        "stack": {"name": "mine", "source": "omix"},
    }
    with pytest.raises(ValidationError, match=r"stack\.source: omix is no apt source of rig-a"):
        HostSpec.model_validate(host)
