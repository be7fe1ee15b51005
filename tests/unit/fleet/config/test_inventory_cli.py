"""`b70 inventory`: what stands on stdout, what on stderr, and the origin of each value."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from fleet.base.errors import ConfigError, NoHostsMatched
from fleet.cli import settings
from fleet.cli.inventory import app
from fleet.cli.settings import Settings
from tests.unit.fleet.config.config_cases import write

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEV4YW1wbGVLZXlPZlR1cmluMDAwMDAwMDAwMDAwMDAw"
HOSTS = """
hosts:
  rig-a:
    address: 10.0.0.1
    user: rig
    groups: [production]
    stack: may
    sudo_password: {cmd: [pass, show, rig]}
    identity: {host_keys: [KEY]}
    hardware: {cards: [{slot: PCIE1, bdf: "0000:03:00.0"}, {slot: PCIE3}]}
    base:
      limits: {nofile: 4096}
  rig-b: {address: rig-b, port: 2222, kind: lab, apt: null}
""".replace("KEY", KEY)
FILES = {
    "hosts.yaml": HOSTS,
    "group_data/all.yaml": "base:\n  limits: {nofile: 2048}\n  sysctl: {vm.swappiness: 1}\n",
    "group_data/groups/production.yaml": "connect_timeout_s: 5\n",
    "group_data/stacks/may.yaml": "stack:\n  title: May set\n",
}


def run(folder: Path, *words: str) -> Result:
    settings.begin(Settings(inventory=folder))
    try:
        return CliRunner().invoke(app, list(words))
    finally:
        settings.begin(Settings())


def test_list_shows_the_hosts_in_order_with_what_tells_them_apart(bare: Path) -> None:
    write(bare, FILES)
    assert [line.split() for line in run(bare, "list").stdout.splitlines()] == [
        ["NAME", "KIND", "ADDRESS", "GROUPS", "STACK", "PROFILE", "CARDS"],
        ["rig-a", "rig", "10.0.0.1", "production", "may", "-", "2"],
        ["rig-b", "lab", "rig-b:2222", "-", "-", "-", "0"],
    ]


def test_list_as_json_holds_the_same(bare: Path) -> None:
    write(bare, FILES)
    rows = json.loads(run(bare, "list", "--json", "--limit", "@production").stdout)
    assert rows == [
        {
            "name": "rig-a",
            "kind": "rig",
            "address": "10.0.0.1",
            "groups": ["production"],
            "stack": "may",
            "profile": None,
            "cards": 2,
        }
    ]


def test_list_refuses_a_limit_that_matches_nothing(bare: Path) -> None:
    write(bare, FILES)
    assert isinstance(run(bare, "list", "--limit", "rig-x").exception, NoHostsMatched)
    assert isinstance(run(bare, "list", "--limit", "").exception, NoHostsMatched)


def test_list_of_an_empty_fleet_says_how_to_add_a_host(bare: Path) -> None:
    write(bare, {"hosts.yaml": "hosts:\n"})
    result = run(bare, "list")
    assert result.exit_code == 0
    assert "b70 bootstrap" in result.stderr


def test_show_prints_yaml_that_a_person_can_put_back(bare: Path) -> None:
    write(bare, FILES)
    shown = yaml.safe_load(run(bare, "show", "rig-a").stdout)["rig-a"]
    assert shown["sudo_password"] == {"cmd": ["pass", "show", "rig"]}
    assert shown["stack"] == {"name": "may", "title": "May set"}
    write(bare, {"hosts.yaml": yaml.safe_dump({"hosts": {"rig-a": shown}})})
    again = yaml.safe_load(run(bare, "show", "rig-a").stdout)["rig-a"]
    assert again == shown


def test_show_names_the_origin_of_each_value(bare: Path) -> None:
    write(bare, FILES)
    lines = run(bare, "show", "rig-a").stdout.splitlines()
    origins = {line.split(":")[0].strip(): line.partition("  # ")[2] for line in lines}
    assert origins["nofile"] == "hosts.yaml:11"
    assert origins["vm.swappiness"] == "group_data/all.yaml:3"
    assert origins["connect_timeout_s"] == "group_data/groups/production.yaml:1"
    assert origins["title"] == "group_data/stacks/may.yaml:2"
    assert "memlock" not in origins


def test_show_with_defaults_marks_them(bare: Path) -> None:
    write(bare, FILES)
    lines = run(bare, "show", "rig-a", "--defaults").stdout.splitlines()
    memlock = next(line for line in lines if "memlock" in line)
    assert memlock.split() == ["memlock:", "unlimited", "#", "default"]


def test_explain_names_file_line_layer_and_what_is_shadowed(bare: Path) -> None:
    write(bare, FILES)
    assert run(bare, "explain", "rig-a", "base.limits.nofile").stdout.splitlines() == [
        "base.limits.nofile: 4096",
        "  set by   host (hosts.yaml:11)",
        "  shadows  all (group_data/all.yaml:2): 2048",
    ]


def test_explain_of_a_part_shows_each_value_with_its_origin(bare: Path) -> None:
    write(bare, FILES)
    lines = run(bare, "explain", "rig-a", "stack").stdout.splitlines()
    assert lines[0] == "stack:"
    assert lines[1].split() == ["name:", "may", "#", "hosts.yaml:6"]
    assert lines[2].split() == ["title:", "May", "set", "#", "group_data/stacks/may.yaml:2"]


def test_explain_of_a_secret_shows_the_reference(bare: Path) -> None:
    write(bare, FILES)
    first = run(bare, "explain", "rig-a", "sudo_password").stdout.splitlines()[0]
    assert first == "sudo_password: {cmd: [pass, show, rig]}"


def test_explain_of_a_value_taken_away_says_who_did_it(bare: Path) -> None:
    write(bare, {**FILES, "group_data/all.yaml": "apt: {lock_timeout_s: 9}\n"})
    lines = run(bare, "explain", "rig-b", "apt.lock_timeout_s").stdout.splitlines()
    assert lines[0] == "apt.lock_timeout_s: 300"
    assert lines[1] == "  set by   host (hosts.yaml:12)"


def test_explain_as_json_holds_the_provenance(bare: Path) -> None:
    write(bare, FILES)
    body = json.loads(run(bare, "explain", "rig-a", "base.limits.nofile", "--json").stdout)
    assert (body["value"], body["file"], body["line"]) == (4096, "hosts.yaml", 11)
    assert [low["value"] for low in body["shadowed"]] == [2048]


def test_explain_corrects_a_misspelt_key_and_host(bare: Path) -> None:
    write(bare, FILES)
    error = run(bare, "explain", "rig-a", "base.limts.nofile").exception
    assert isinstance(error, ConfigError)
    assert error.hint == "did you mean base.limits?"
    assert isinstance(run(bare, "explain", "rig-x", "user").exception, NoHostsMatched)


def test_check_counts_the_hosts_and_names_those_without_a_pin(bare: Path) -> None:
    write(bare, FILES)
    result = run(bare, "check")
    assert (result.exit_code, result.stdout) == (0, "fleet: 2 hosts, nothing wrong\n")
    assert "not pinned yet: rig-b" in result.stderr


def test_check_as_json_is_one_document(bare: Path) -> None:
    write(bare, FILES)
    assert json.loads(run(bare, "check", "--json").stdout) == {
        "fleet": "fleet",
        "hosts": 2,
        "unpinned": ["rig-b"],
    }


def test_check_of_a_wrong_fleet_is_a_configuration_error(bare: Path) -> None:
    write(bare, {"hosts.yaml": "hosts: {a: {adress: x}}"})
    error = run(bare, "check").exception
    assert isinstance(error, ConfigError)
    assert "did you mean address?" in error.message
