"""Every mistake is named with file, line, key and the likely spelling, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.base.errors import ConfigError
from fleet.base.exitcodes import ExitCode
from fleet.config import load
from tests.unit.fleet.config.config_cases import loaded, problems, write

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGVLZXlPZlR1cmluMDAwMDAwMDAwMDAwMDAw"
FOUR_CARDS = {"profiles/big.yaml": "profile: {needs: {cards: 4}}"}


def test_a_misspelt_key_is_named_with_its_place_and_the_likely_spelling(bare: Path) -> None:
    said = problems(bare, "hosts:\n  rig-a:\n    address: a\n    prot: 22\n")
    assert said == ["hosts.yaml:4:5: rig-a.prot: unknown key; did you mean port?"]


def test_a_misspelt_key_deep_inside_is_found_in_the_file_that_has_it(bare: Path) -> None:
    files = {"groups/g.yaml": "base:\n  limits:\n    nofiles: 4096\n"}
    hosts = "hosts: {a: {address: a, groups: [g]}, b: {address: b, groups: [g]}}"
    said = problems(bare, hosts, files)
    # once, although two hosts are in the group
    assert said == [
        "group_data/groups/g.yaml:3:5: base.limits.nofiles: unknown key; did you mean nofile?"
    ]


def test_a_word_that_takes_the_cards_away_is_refused_in_the_line_that_declares_it(
    bare: Path,
) -> None:
    stack = """
    stack:
      name: s
      boot:
        kernel: {package: linux-image-7.0.0-38-generic, version: "1"}
        cmdline:
          present:
            - quiet
            - pcie_aspm.policy=powersupersave
    """
    (said,) = problems(bare, "hosts: {a: {address: a, stack: s}}", {"stacks/s.yaml": stack})
    assert said.startswith("group_data/stacks/s.yaml:8:11: stack.boot.cmdline.present")
    assert "pcie_aspm.policy=powersupersave lets the kernel switch a card off" in said


def test_a_key_at_the_wrong_level_is_shown_its_place(bare: Path) -> None:
    said = problems(bare, "hosts: {a: {address: a, limits: {nofile: 4096}}}")
    assert said == ["hosts.yaml:1:25: a.limits: unknown key; did you mean base.limits?"]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_files(bare: Path) -> None:
    hosts = """
    hosts:
      a: {adress: a}
      b: {address: b, port: x, kind: rigg}
      c: {address: c, groups: [prod], base: {limits: {nofile: 1}}}
    """
    said = problems(bare, hosts, {"groups/production.yaml": "usr: x"})
    places = [line.split(": ")[0] for line in said]
    assert places == [
        "group_data/groups/production.yaml:1:1",
        "hosts.yaml:2:3",
        "hosts.yaml:2:7",
        "hosts.yaml:3:25",
        "hosts.yaml:3:34",
        "hosts.yaml:4:28",
        "hosts.yaml:4:59",
    ]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("port: ssh", "port: expected a whole number, got the text 'ssh'"),
        ("port: 0", "port: expected a value greater than or equal to 1, got the number 0"),
        ("port: [22]", "port: expected a whole number, got a list"),
        ("port: true", "port: expected a whole number, got true"),
        ("reboot_timeout_s: false", "reboot_timeout_s: expected a whole number, got false"),
        ("base: {limits: {memlock: true}}", "base.limits.memlock: expected a whole number"),
        ("settings: {cpuidle_off: [true]}", "settings.cpuidle_off: expected a whole number"),
        ("kind: rigs", "kind: expected rig, lab or spark, got the text 'rigs'; did you mean rig?"),
        ("groups: g", "groups: expected a list, got the text 'g'"),
        ("base: 3", "base: expected a mapping (key: value), got the number 3"),
        ("base: {journal: {persistent: 7}}", "base.journal.persistent: expected true or false"),
        (
            "base: {limits: {memlock: some}}",
            "base.limits.memlock: expected unlimited or a whole number, got the text 'some'",
        ),
        (
            "identity: {dmi_serial: 1.50}",
            "identity.dmi_serial: expected text, got the number 1.50: write it in quotes",
        ),
        ("identity: {machine_id: abc}", "identity.machine_id: 'abc' is not a machine-id"),
        ("probe_root: /x", "probe_root: probe_root is accepted only for kind: lab"),
        ("hardware: {cards: [{}]}", "hardware.cards.0.slot: required, but missing"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(bare: Path, record: str, said: str) -> None:
    found = problems(bare, f"hosts:\n  a:\n    address: a\n    {record}\n")
    assert len(found) == 1
    assert found[0].startswith("hosts.yaml:4:")
    assert f": a.{said}" in found[0]


@pytest.mark.parametrize(
    ("key", "folder", "near"), [("stack", "stacks", "may"), ("profile", "profiles", "may")]
)
def test_an_unknown_stack_or_profile_is_named_with_the_likely_one(
    bare: Path, key: str, folder: str, near: str
) -> None:
    files = {f"{folder}/{near}.yaml": f"{key}: {{title: T}}"}
    said = problems(bare, f"hosts: {{a: {{address: a, {key}: mai}}}}", files)
    assert said == [
        f"hosts.yaml:1:{len(key) + 27}: a.{key}: unknown {key} 'mai' "
        f"(no group_data/{folder}/mai.yaml); did you mean may?"
    ]


def test_an_unknown_group_is_named_with_the_likely_one(bare: Path) -> None:
    hosts = "hosts: {a: {address: a, groups: [prodution]}}"
    said = problems(bare, hosts, {"groups/production.yaml": ""})
    assert len(said) == 1
    assert said[0].startswith("hosts.yaml:1:34: a.groups: unknown group 'prodution'")
    assert said[0].endswith("did you mean production?")


def test_a_profile_that_needs_more_cards_than_declared_is_refused(bare: Path) -> None:
    cards = "{cards: [{slot: x}, {slot: y}]}"
    hosts = f"hosts:\n  a:\n    address: a\n    profile: big\n    hardware: {cards}\n"
    said = problems(bare, hosts, FOUR_CARDS)
    assert said == ["hosts.yaml:4:14: a.profile: profile big needs 4 cards, a declares 2"]


def test_a_profile_without_any_declared_card_is_refused(bare: Path) -> None:
    said = problems(bare, "hosts: {a: {address: a, profile: big}}", FOUR_CARDS)
    assert said == ["hosts.yaml:1:34: a.profile: profile big needs 4 cards, a declares 0"]


def test_a_profile_that_fits_is_accepted(bare: Path) -> None:
    cards = "{cards: [{slot: a}, {slot: b}, {slot: c}, {slot: d}]}"
    fleet = loaded(
        bare, f"hosts: {{a: {{address: a, profile: big, hardware: {cards}}}}}", FOUR_CARDS
    )
    assert fleet.hosts["a"].profile is not None


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("address: x", "address: X", "b.address: this address is a's too"),
        ("address: x.example", "address: x.example.", "b.address: this address is a's too"),
        ("address: 2001:db8::5", "address: 2001:DB8:0::5", "b.address: this address is a's too"),
        (
            "address: x, identity: {machine_id: 0123456789abcdef0123456789abcdef}",
            "address: y, identity: {machine_id: 0123456789abcdef0123456789abcdef}",
            "b.identity.machine_id: this machine-id is a's too",
        ),
        (
            f"address: x, identity: {{host_keys: [{KEY} root@a]}}",
            f"address: y, identity: {{host_keys: [{KEY} root@b]}}",
            "b.identity.host_keys.0: this host key is a's too",
        ),
    ],
)
def test_what_must_differ_between_hosts_is_refused_on_two(
    bare: Path, first: str, second: str, said: str
) -> None:
    found = problems(bare, f"hosts:\n  a: {{{first}}}\n  b: {{{second}}}\n")
    assert len(found) == 1
    assert found[0].startswith("hosts.yaml:3:")
    assert found[0].endswith(f"{said} (hosts.yaml:2)")


def test_one_address_with_two_ports_is_two_hosts(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {a: {address: x}, b: {address: x, port: 2222}}")
    assert len(fleet.hosts) == 2


def test_two_cards_in_one_slot_are_refused(bare: Path) -> None:
    cards = "{cards: [{slot: s1}, {slot: s1}]}"
    said = problems(bare, f"hosts: {{a: {{address: a, hardware: {cards}}}}}")
    assert len(said) == 1
    assert "a.hardware.cards.1.slot: this slot is another card's too" in said[0]


def test_two_hosts_with_one_name_are_refused_with_both_lines(bare: Path) -> None:
    said = problems(bare, "hosts:\n  a: {address: x}\n  a: {address: y}\n")
    assert said == ["hosts.yaml:3:3: a: the key is there twice (first in line 2)"]


def test_a_name_that_is_no_host_name_is_refused_at_its_place(bare: Path) -> None:
    said = problems(bare, "hosts:\n  Rig_A: {address: x}\n")
    assert len(said) == 1
    assert said[0].startswith("hosts.yaml:2:3: Rig_A: 'Rig_A' is not a host name")


@pytest.mark.parametrize("key", ["address: x", "groups: [g]", "probe_root: /x", "hardware: {}"])
def test_what_belongs_to_one_host_cannot_stand_in_a_group(bare: Path, key: str) -> None:
    said = problems(bare, "hosts: {}", {"groups/g.yaml": key})
    name = key.split(":")[0]
    assert said == [
        f"group_data/groups/g.yaml:1:1: {name}: belongs to a host record, it cannot be shared"
    ]


def test_layer_files_that_no_host_uses_are_checked_too(bare: Path) -> None:
    files = {
        "groups/g.yaml": "base: {jornal: {}}",
        "stacks/s.yaml": "stack: {userspace: {holt: true}}",
        "profiles/p.yaml": "profile: {max_model_len: long}",
    }
    said = problems(bare, "hosts: {}", files)
    assert [line.split(": ")[1] for line in said] == [
        "base.jornal",
        "profile.max_model_len",
        "stack.userspace.holt",
    ]


def test_a_part_that_other_layers_complete_is_no_mistake(bare: Path) -> None:
    # a source's key alone: its address comes from elsewhere
    files = {"groups/g.yaml": "apt: {sources: {x: {snapshot: '20260523T000000Z'}}}"}
    assert loaded(bare, "hosts: {}", files).hosts == {}


@pytest.mark.parametrize(
    ("name", "near"), [("group", "groups"), ("profile", "profiles"), ("al.yaml", "all.yaml")]
)
def test_a_file_that_nothing_would_read_is_refused(bare: Path, name: str, near: str) -> None:
    file = name if name.endswith("yaml") else f"{name}/x.yaml"
    said = problems(bare, "hosts: {}", {file: "user: x"})
    assert said == [f"group_data/{name}:1:1: nothing reads this; did you mean {near}?"]


def test_a_yml_file_is_refused_by_the_name_it_should_have(bare: Path) -> None:
    said = problems(bare, "hosts: {}", {"groups/g.yml": "user: x"})
    assert said == ["group_data/groups/g.yml:1:1: nothing reads this; did you mean g.yaml?"]


def test_a_profile_cannot_choose_the_stack(bare: Path) -> None:
    said = problems(bare, "hosts: {}", {"profiles/p.yaml": "stack: s", "stacks/s.yaml": ""})
    assert said == ["group_data/profiles/p.yaml:1:8: stack.name: a profile cannot choose the stack"]


def test_a_stack_file_that_calls_itself_by_another_name_is_refused(bare: Path) -> None:
    said = problems(bare, "hosts: {}", {"stacks/s.yaml": "stack: {name: t}"})
    assert said[0].endswith("stack.name: differs from the file's name; did you mean s?")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("base.limits.nofil", "3", "unknown key; did you mean base.limits.nofile?"),
        ("base.limits.nofile", "many", "base.limits.nofile: expected a whole number, got the text"),
        ("base.packages", "[", "not YAML"),
        ("groups", "[g]", "cannot be set from the command line"),
        ("hardware.cards.0.slot", "x", "cannot be set from the command line"),
    ],
)
def test_a_wrong_set_option_is_named(bare: Path, key: str, value: str, said: str) -> None:
    write(bare, {"hosts.yaml": "hosts: {a: {address: a}}"})
    with pytest.raises(ConfigError) as raised:
        load(bare, {key: value})
    assert raised.value.message.startswith(f"--set {key}: ")
    assert said in raised.value.message


@pytest.mark.parametrize(
    "record",
    [
        "sudo_password: hunter2",
        "sudo_password: 4711hunter2",
        "sudo_password: {value: hunter2}",
        "sudo_password: {cmd: echo hunter2}",
        "sudo_password: {env: A, file: hunter2}",
        "sudo_passwort: hunter2",
        "password: hunter2",
        "key: '-----BEGIN OPENSSH PRIVATE KEY-----hunter2'",
        "profile: {name: p, env: {HF_TOKEN: hunter2}}",
        "apt: {sources: {x: {uris: ['https://me:hunter2@example.net/'], suites: [a]}}}",
    ],
)
def test_a_plain_secret_is_refused_and_never_repeated(bare: Path, record: str) -> None:
    files = {"profiles/p.yaml": "profile: {needs: {cards: 0}}"}
    said = problems(bare, f"hosts:\n  a:\n    address: a\n    {record}\n", files)
    assert said
    assert "hunter2" not in "\n".join(said)


def test_a_plain_secret_in_a_group_file_is_refused_too(bare: Path) -> None:
    files = {"groups/g.yaml": "profile: {env: {OPENAI_API_KEY: hunter2}}"}
    said = problems(bare, "hosts: {}", files)
    assert len(said) == 1
    assert "a secret as a plain value" in said[0]


def test_a_count_of_tokens_is_no_secret(bare: Path) -> None:
    files = {"profiles/p.yaml": "profile: {needs: {cards: 0}, env: {X_MAX_TOKENS: '4'}}"}
    fleet = loaded(bare, "hosts: {a: {address: a, profile: p}}", files)
    assert fleet.hosts["a"].profile is not None


@pytest.mark.parametrize("reference", ["env:RIG", "file:~/s", "{cmd: [pass, show, rig]}"])
def test_a_secret_by_reference_is_accepted(bare: Path, reference: str) -> None:
    fleet = loaded(bare, f"hosts: {{a: {{address: a, sudo_password: {reference}}}}}")
    assert fleet.hosts["a"].connection.sudo_password is not None


def test_a_key_file_of_the_fleet_that_is_not_there_is_a_mistake(bare: Path) -> None:
    source = "{uris: ['http://x'], suites: [a/], key: {fingerprint: " + "0" * 40 + ", file: k.asc}}"
    said = problems(
        bare, "hosts: {a: {address: a}}", {"all.yaml": f"apt: {{sources: {{x: {source}}}}}"}
    )
    assert len(said) == 1
    assert "apt.sources.x.key.file: no ASCII-armoured public key" in said[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "hosts.yaml:1:1: hosts: required, but missing"),
        ("host: {}", "hosts.yaml:1:1: host: unknown key; did you mean hosts?"),
        ("hosts: [a]", "hosts.yaml:1:8: hosts: expected a mapping"),
        ("hosts: {a: 10.0.0.1}", "hosts.yaml:1:12: a: expected a mapping"),
        ("address: x\nhosts: {}", "hosts.yaml:1:1: address: unknown key; did you mean hosts.NAME"),
        ("hosts: {a: {address: a\n", "hosts.yaml:"),
    ],
)
def test_a_hosts_file_of_the_wrong_form_is_refused(bare: Path, text: str, said: str) -> None:
    assert problems(bare, text)[0].startswith(said)


def test_a_file_that_is_not_utf_8_is_refused(bare: Path) -> None:
    (bare / "hosts.yaml").write_bytes(b"hosts: {}\n# caf\xe9\n")
    with pytest.raises(ConfigError) as raised:
        load(bare)
    assert raised.value.message.startswith("hosts.yaml:1:1: not UTF-8 (byte 15)")


def test_a_wrong_declaration_is_a_usage_error(bare: Path) -> None:
    write(bare, {"hosts.yaml": "hosts: 1"})
    with pytest.raises(ConfigError) as raised:
        load(bare)
    assert raised.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("name", ["gates", "distributions", "models", "builds"])
def test_what_only_the_product_may_hold_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "hosts.yaml").write_text("hosts: {rig-a: {address: 192.0.2.1}}\n")
    (tmp_path / "group_data" / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match=rf"group_data/{name}:1:1: nothing reads this here: .+"):
        load(tmp_path, {})
