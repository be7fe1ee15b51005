"""The apt layer: which files, in which order, with which content; what it refuses first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from declaration.apt import AptSource
from declaration.host import Connection, HostSpec
from declaration.secret import Secret, SecretRef
from deploys.apt import apt, purpose
from deploys.apt_files import auth, deb822, files, key, pin, preferences, strays
from facts.packages.apt_sources import AptSources
from facts.packages.dpkg import Packages
from facts.system.files import FileState
from facts.value import ABSENT, Unknown
from tests.places import FIXTURES
from tests.unit.apt_facts import apt_facts, package_facts, source
from tests.unit.apt_root import AptRoot, Made
from tests.unit.base_facts import stat
from tests.unit.pyinfra_harness import Resource, run_deploy

KEYS = FIXTURES / "openpgp"
RSA = "413156B9BEBCED1570CDA34A8F4587C5D2442E98"
ED25519 = "2ECD336722FDE14E1FD55E3398A12AFF871519AF"
PASSWORD = "hunter2-planted"
FOLDERS = ("/etc/apt/keyrings", "/var/lib/b70fleet/apt")


def declared(**changes: Any) -> AptSource:
    values: dict[str, Any] = {
        "uris": ["https://mirror.example/ppa/{snapshot}"],
        "snapshot": "20260523T000000Z",
        "suites": ["noble"],
        "components": ["main"],
        "origin": "LP-PPA-x",
        "owns": ["xpu-smi", "libze1"],
        "key": {"fingerprint": RSA, "armored": (KEYS / "two-keys.asc").read_text()},
    }
    return AptSource.model_validate(values | changes)


def spec(**sources: AptSource) -> HostSpec:
    return HostSpec.model_validate(
        {
            "name": "rig-a",
            "connection": Connection(address="192.0.2.1"),
            "apt": {"sources": {k.replace("_", "-"): s.model_dump() for k, s in sources.items()}},
        }
    )


def resolve(_: SecretRef) -> Secret:
    return Secret(PASSWORD)


def layer(host: HostSpec, state: Any = None, state_of: Any = None) -> list[Resource]:
    facts = {
        AptSources: apt_facts() if state is None else state,
        Packages: package_facts({}),
        FileState: state_of or (lambda path: stat(kind="directory") if path in FOLDERS else ABSENT),
    }
    return run_deploy(apt, facts, spec=host, secrets=resolve)


def changing(resources: list[Resource]) -> list[str]:
    return [resource.name.removeprefix("apt | ") for resource in resources if resource.commands]


def test_a_source_is_written_after_its_key_and_its_pin_and_before_the_lists() -> None:
    assert changing(layer(spec(graphics=declared()))) == [
        "File[/etc/apt/keyrings/b70fleet-graphics.asc]",
        "File[/etc/apt/preferences.d/b70fleet-graphics]",
        "File[/etc/apt/sources.list.d/b70fleet-graphics.sources]",
        "AptLists[fresh]",
    ]


def test_the_deb822_file_names_snapshot_and_key() -> None:
    assert deb822("graphics", declared()).splitlines()[1:] == [
        "Types: deb",
        "URIs: https://mirror.example/ppa/20260523T000000Z",
        "Suites: noble",
        "Components: main",
        "Architectures: amd64",
        "Signed-By: /etc/apt/keyrings/b70fleet-graphics.asc",
    ]


def test_only_the_declared_key_of_a_file_with_several_is_sent() -> None:
    sent = key("graphics", declared())
    assert sent != (KEYS / "two-keys.asc").read_text()
    assert key("graphics", declared(key={"fingerprint": RSA, "armored": sent})) == sent


def test_a_wrong_key_is_refused_before_anything_is_written_with_both_fingerprints() -> None:
    wrong = {
        "fingerprint": ED25519,
        "file": "keys/graphics.asc",
        "armored": (KEYS / "rsa2048.asc").read_text(),
    }
    with pytest.raises(OperationError) as refusal:
        layer(spec(graphics=declared(key=wrong)))
    for part in ("graphics", "keys/graphics.asc", RSA, ED25519):
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "fingerprint", "over"),
    [
        ("expired", "4F87B177ED699E61FB9F67795B35F0AF4649E77F", "the key expired on 2021-12-31"),
        ("revoked", "42FB876B7BE7FE27BA9ABCA6EBD071E2B306FABA", "the key was revoked on 2020"),
    ],
)
def test_a_key_that_is_over_is_refused_before_anything_is_written(
    name: str, fingerprint: str, over: str
) -> None:
    old = {"fingerprint": fingerprint, "armored": (KEYS / f"{name}.asc").read_text()}
    with pytest.raises(OperationError) as refusal:
        layer(spec(graphics=declared(key={**old, "url": "https://example.org/key"})))
    assert over in str(refusal.value)
    assert "get the present one from https://example.org/key" in str(refusal.value)


def test_a_missing_key_file_is_named_with_the_place_to_get_it() -> None:
    missing = {"fingerprint": RSA, "file": "keys/x.asc", "url": "https://example.org/key"}
    with pytest.raises(OperationError, match=r"-o keys/x.asc https://example.org/key "):
        key("graphics", declared(key=missing))


def test_owned_packages_come_from_their_origin_and_from_no_other(tmp_path: Path) -> None:
    root = AptRoot(tmp_path)
    root.archive("ours", "LP-PPA-x", {"libze1": Made("1.28.2")})
    root.archive("distribution", "Debian", {"libze1": Made("9.9"), "other": Made("1")})
    root.update()
    root.write("/etc/apt/preferences.d/b70fleet-graphics", preferences(declared()))
    policy = root.shell("apt-cache policy libze1 other").stdout
    assert "  Candidate: 1.28.2\n" in policy
    assert "     9.9 -1\n" in policy
    assert "     1.28.2 990\n" in policy
    assert "     1 500\n" in policy


def test_an_origin_may_contain_spaces(tmp_path: Path) -> None:
    root = AptRoot(tmp_path)
    root.archive("ours", "Intel oneAPI", {"level-zero": Made("1.28.2")})
    root.archive("other", "Intel", {"level-zero": Made("1.32.0")})
    root.update()
    mine = declared(origin="Intel oneAPI", owns=["level-zero"])
    root.write("/etc/apt/preferences.d/b70fleet-oneapi", preferences(mine))
    assert "  Candidate: 1.28.2\n" in root.shell("apt-cache policy level-zero").stdout


def test_a_source_without_a_known_origin_is_pinned_by_its_host_name() -> None:
    assert pin(declared(origin="")) == 'origin "mirror.example"'
    two = ["https://a.example/x", "https://b.example/x"]
    with pytest.raises(OperationError, match="no single host"):
        pin(declared(origin="", owns=[], uris=two, snapshot=""))


def test_a_source_that_owns_nothing_is_not_pinned() -> None:
    names = changing(layer(spec(graphics=declared(owns=[]))))
    assert not any("preferences" in name for name in names)


def test_a_login_goes_into_a_private_file_and_nowhere_else() -> None:
    private = declared(login="rig", password="env:MIRROR")
    written = {item.path: item for item in files("graphics", private, resolve)}
    entry = written["/etc/apt/auth.conf.d/b70fleet-graphics.conf"]
    assert entry.mode == "0600"
    assert isinstance(entry.content, Secret)
    assert "machine mirror.example/ppa/20260523T000000Z login rig" in entry.content.reveal()
    others = [str(item.content) for item in written.values() if item is not entry]
    assert PASSWORD not in "".join(others)
    resources = layer(spec(graphics=private))
    assert PASSWORD not in repr([(r.name, r.commands, r.noops) for r in resources])


def test_a_login_over_plain_http_says_so_since_apt_would_not_send_it() -> None:
    private = declared(uris=["http://mirror.example/x"], login="rig", password="env:MIRROR")
    entry = auth(private, Secret("p"))
    assert "machine http://mirror.example/x login rig password p" in entry.reveal()


@pytest.mark.parametrize("value", ["", "two words", "line\nbreak"])
def test_a_password_that_apt_could_not_read_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(OperationError) as refusal:
        auth(declared(login="rig", password="env:MIRROR"), Secret(value))
    assert not value or value not in str(refusal.value)


def test_a_source_that_is_no_longer_declared_leaves_with_all_its_files() -> None:
    left = "/etc/apt/sources.list.d/b70fleet-old.sources"
    resources = layer(
        spec(),
        apt_facts([source(left, "https://x.example/")]),
        lambda path: stat(kind="directory") if path in FOLDERS else stat(),
    )
    assert changing(resources)[:4] == [
        f"File[{left}]",
        "File[/etc/apt/preferences.d/b70fleet-old]",
        "File[/etc/apt/auth.conf.d/b70fleet-old.conf]",
        "File[/etc/apt/keyrings/b70fleet-old.asc]",
    ]


def test_files_of_other_people_are_never_taken_for_ours() -> None:
    present = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/x.sources", "/etc/apt/preferences"]
    assert strays([*present, "/etc/apt/preferences.d/b70fleet-gone"], ["x"]) == ("gone",)


def test_a_known_duplicate_is_one_resource_that_removes_exactly_that_file() -> None:
    theirs = "/etc/apt/sources.list.d/oneAPI.list"
    oneapi = declared(aliases=["https://apt.example/oneapi"], replaces=[theirs])
    resources = layer(
        spec(oneapi=oneapi), apt_facts([source(theirs, "https://apt.example/oneapi/")])
    )
    (removal,) = [r for r in resources if r.name.endswith(f"File[{theirs}]")]
    assert removal.commands == [f"rm -f -- {theirs}"]


def test_an_unknown_list_of_sources_stops_the_layer() -> None:
    with pytest.raises(OperationError, match="hung"):
        layer(spec(), Unknown("hung"))


def test_lists_are_due_again_when_a_source_or_the_wanted_packages_change() -> None:
    first, second = spec(graphics=declared()), spec(graphics=declared(snapshot="20260510T000000Z"))
    more = first.model_copy(update={"base": first.base.model_copy(update={"packages": ("jq",)})})

    def digest(host: HostSpec) -> str:
        return purpose(host, {n: files(n, s, resolve) for n, s in host.apt.sources.items()})

    assert digest(first) == digest(spec(graphics=declared()))
    assert len({digest(first), digest(second), digest(more)}) == 3
