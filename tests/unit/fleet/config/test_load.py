"""From files to typed hosts: layers, names, places."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.base.errors import ConfigError
from fleet.config import load
from fleet.config.places import PRODUCT
from tests.unit.fleet.config.config_cases import loaded, write


def test_flat_connection_keys_become_the_connection(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {rig-a: {address: 10.70.0.11, port: 2222, user: rig, key: ~/k}}")
    link = fleet.hosts["rig-a"].connection
    assert (link.address, link.port, link.user, link.key) == ("10.70.0.11", 2222, "rig", "~/k")


def test_hosts_keep_the_order_of_the_file(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {c: {address: c}, a: {address: a}, b: {address: b}}")
    assert list(fleet.hosts) == ["c", "a", "b"]


def test_every_layer_wins_over_the_one_below_it(bare: Path) -> None:
    keys = ["vm.one", "vm.two", "vm.three", "vm.four", "vm.five", "vm.six"]

    def level(number: int) -> str:  # each layer sets the sysctls of all layers above it too
        return "base: {sysctl: {" + ", ".join(f"{k}: {number}" for k in keys[number - 1 :]) + "}}"

    files = {
        "all.yaml": level(1),
        "groups/g.yaml": level(2),
        "stacks/s.yaml": level(3),
        "profiles/p.yaml": level(4) + "\nprofile: {needs: {cards: 0}}",
    }
    record = "{address: a, groups: [g], stack: s, profile: p, " + level(5) + "}"
    fleet = loaded(bare, f"hosts: {{rig-a: {record}}}", files, base__sysctl__vm__six="6")
    assert fleet.hosts["rig-a"].base.sysctl == dict(zip(keys, range(1, 7), strict=True))
    layers = [fleet.explain("rig-a", f"base.sysctl.{key}").layer for key in keys]
    assert layers == ["all", "group g", "stack s", "profile p", "host", "--set"]


def test_of_two_groups_the_one_that_the_host_names_last_wins(bare: Path) -> None:
    files = {"groups/x.yaml": "user: x", "groups/y.yaml": "user: y"}
    hosts = "hosts: {a: {address: a, groups: [x, y]}, b: {address: b, groups: [y, x]}}"
    fleet = loaded(bare, hosts, files)
    assert [spec.connection.user for spec in fleet.hosts.values()] == ["y", "x"]


def test_the_fleets_own_files_lie_above_the_products(bare: Path) -> None:
    product = bare.parent / "product"
    write(product, {"group_data/all.yaml": "user: product\nport: 2200"})
    fleet = loaded(bare, "hosts: {a: {address: a}}", {"all.yaml": "user: own"})
    link = fleet.hosts["a"].connection
    assert (link.user, link.port) == ("own", 2200)
    assert fleet.explain("a", "port").layer == "built-in all"
    assert [low.layer for low in fleet.explain("a", "user").shadowed] == ["built-in all"]


def test_null_brings_the_built_in_default_back(bare: Path) -> None:
    files = {"all.yaml": "base: {journal: {system_max_use: 9G}}"}
    fleet = loaded(bare, "hosts: {a: {address: a, base: {journal: null}}}", files)
    assert fleet.hosts["a"].base.journal.system_max_use == "2G"
    found = fleet.explain("a", "base.journal.system_max_use")
    assert (found.value, found.layer) == ("2G", "host")


def test_a_group_may_choose_the_stack_and_a_host_another_one(bare: Path) -> None:
    files = {
        "groups/g.yaml": "stack: old",
        "stacks/old.yaml": "stack: {title: Old}",
        "stacks/new.yaml": "stack: {title: New}",
    }
    hosts = "hosts: {a: {address: a, groups: [g]}, b: {address: b, groups: [g], stack: new}}"
    fleet = loaded(bare, hosts, files)
    stacks = [spec.stack for spec in fleet.hosts.values()]
    assert [(s.name, s.title) for s in stacks if s] == [("old", "Old"), ("new", "New")]


def test_a_host_can_adjust_one_value_of_its_stack(bare: Path) -> None:
    files = {"stacks/s.yaml": "stack: {title: T, verify: {driver_version: '26'}}"}
    record = "{address: a, stack: {name: s, verify: {driver_version: '27'}}}"
    stack = loaded(bare, f"hosts: {{a: {record}}}", files).hosts["a"].stack
    assert stack is not None
    assert (stack.title, stack.verify.driver_version) == ("T", "27")


def test_a_host_can_leave_the_stack_of_its_group(bare: Path) -> None:
    files = {"groups/g.yaml": "stack: s", "stacks/s.yaml": "stack: {title: T}"}
    fleet = loaded(bare, "hosts: {a: {address: a, groups: [g], stack: null}}", files)
    assert fleet.hosts["a"].stack is None


def test_set_takes_yaml_and_wins_over_the_host(bare: Path) -> None:
    fleet = loaded(
        bare,
        "hosts: {a: {address: a, base: {packages: [jq]}}}",
        base__packages="[acl, curl]",
        base__journal__persistent="false",
    )
    assert fleet.hosts["a"].base.packages == ("acl", "curl")
    assert fleet.hosts["a"].base.journal.persistent is False
    assert fleet.explain("a", "base.packages").layer == "--set"


def test_a_sysctl_name_keeps_its_dots(bare: Path) -> None:
    write(bare, {"hosts.yaml": "hosts: {a: {address: a}}"})
    fleet = load(bare, {"base.sysctl.vm.swappiness": "7"})
    assert fleet.hosts["a"].base.sysctl == {"vm.swappiness": 7}
    assert fleet.explain("a", "base.sysctl.vm.swappiness").value == 7


def test_a_default_is_explained_as_a_default(bare: Path) -> None:
    found = loaded(bare, "hosts: {a: {address: a}}").explain("a", "base.user.name")
    assert (found.value, found.layer, found.file, found.line) == ("b70", "default", "", 0)


def test_a_value_is_explained_with_file_line_and_what_it_shadows(bare: Path) -> None:
    files = {"all.yaml": "base:\n  limits:\n    nofile: 2048\n"}
    hosts = "hosts:\n  a:\n    address: a\n    base:\n      limits: {nofile: 4096}\n"
    found = loaded(bare, hosts, files).explain("a", "base.limits.nofile")
    assert (found.value, found.file, found.line) == (4096, "hosts.yaml", 5)
    assert [(low.value, low.file, low.line) for low in found.shadowed] == [
        (2048, "group_data/all.yaml", 3)
    ]


def test_an_unknown_key_is_not_explained_but_corrected(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {a: {address: a}}")
    with pytest.raises(ConfigError) as raised:
        fleet.explain("a", "base.limit.nofile")
    assert raised.value.hint == "did you mean base.limits?"


def test_a_sysctl_that_nobody_sets_is_not_explained_as_a_default(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {a: {address: a, base: {sysctl: {vm.swappiness: 1}}}}")
    with pytest.raises(ConfigError) as raised:
        fleet.explain("a", "base.sysctl.vm.swapiness")
    assert raised.value.hint == "did you mean base.sysctl.vm.swappiness?"


def test_groups_list_their_hosts_in_inventory_order(bare: Path) -> None:
    files = {"groups/g.yaml": "", "groups/empty.yaml": ""}
    hosts = "hosts: {b: {address: b, groups: [g]}, a: {address: a, groups: [g]}}"
    assert loaded(bare, hosts, files).groups == {"empty": (), "g": ("b", "a")}


def test_a_key_file_of_the_fleet_fills_the_key_in(bare: Path) -> None:
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n"
    write(bare, {"keys/x.asc": key})
    fleet = loaded(bare, "hosts: {a: {address: a}}", {"all.yaml": SOURCE})
    assert fleet.hosts["a"].apt.sources["x"].key.armored.strip() == key.strip()


SOURCE = """
apt:
  sources:
    x:
      uris: ["http://mirror.example.net/x"]
      suites: [stable]
      components: [main]
      origin: X
      key:
        fingerprint: 0123456789ABCDEF0123456789ABCDEF01234567
        file: keys/x.asc
"""


def test_a_built_in_key_that_the_fleet_did_not_bring_stays_empty(bare: Path) -> None:
    write(bare.parent / "product", {"group_data/all.yaml": SOURCE})
    fleet = loaded(bare, "hosts: {a: {address: a}}")
    assert fleet.hosts["a"].apt.sources["x"].key.armored == ""


def test_a_fleet_is_named_after_its_directory_unless_it_says_a_name(bare: Path) -> None:
    assert loaded(bare, "hosts: {}").name == "fleet"
    assert loaded(bare, "name: garage\nhosts: {}").name == "garage"


def test_a_hosts_file_takes_the_group_data_beside_it_or_above_it(bare: Path) -> None:
    above = {"inventory/lab.yaml": "hosts: {a: {address: a, groups: [g]}}"}
    write(bare, {**above, "group_data/groups/g.yaml": "user: above"})
    fleet = load(bare / "inventory" / "lab.yaml")
    assert fleet.hosts["a"].connection.user == "above"
    assert (fleet.name, fleet.directory) == ("lab", bare / "inventory")
    write(bare, {"inventory/group_data/groups/g.yaml": "user: beside"})
    assert load(bare / "inventory" / "lab.yaml").hosts["a"].connection.user == "beside"


def test_a_directory_without_hosts_names_the_command_that_starts_a_fleet(bare: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(bare)
    assert "no hosts.yaml" in raised.value.message
    assert raised.value.hint.startswith("start a fleet there: b70 init")


def test_a_directory_with_other_fleets_names_one_of_them(bare: Path) -> None:
    write(bare, {"lab.yaml": "hosts: {}"})
    with pytest.raises(ConfigError) as raised:
        load(bare)
    assert raised.value.hint.endswith("-i lab.yaml")


def test_the_spec_hash_follows_the_declaration_but_not_the_way_to_the_host(bare: Path) -> None:
    one = loaded(bare, "hosts: {a: {address: a}}").spec_hash("a")
    moved = loaded(bare, "hosts: {a: {address: b, user: x}}").spec_hash("a")
    changed = loaded(bare, "hosts: {a: {address: a, base: {packages: [jq]}}}").spec_hash("a")
    assert one == moved
    assert one != changed


def test_hosts_share_what_their_layers_share(bare: Path) -> None:
    # a thousand hosts: the parts that no host changes are validated once, not a thousand times
    records = "".join(f"  rig-{n}: {{address: 10.0.{n // 250}.{n % 250}}}\n" for n in range(1000))
    files = {"all.yaml": "base: {limits: {nofile: 4096}}"}
    fleet = loaded(bare, "hosts:\n" + records, files)
    assert len(fleet.hosts) == 1000
    assert len({id(spec.base) for spec in fleet.hosts.values()}) == 1


def test_the_example_fleet_is_right() -> None:
    fleet = load(PRODUCT / "inventory" / "example.yaml")
    kinds = [(spec.kind, len(spec.hardware.cards)) for spec in fleet.hosts.values()]
    assert kinds == [("rig", 4), ("rig", 4), ("rig", 2), ("spark", 0), ("spark", 0)]
    assert fleet.hosts["spark-head"].apt.sources == {}
    assert fleet.hosts["turin"].profile is not None


def test_every_built_in_layer_file_is_right(tmp_path: Path) -> None:
    write(tmp_path, {"hosts.yaml": "hosts: {}"})
    assert load(tmp_path).hosts == {}
