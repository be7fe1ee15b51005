"""Specification of the ways to the measured hosts: the same identity and user for every tool."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench import playbook
from bench.targets import Target, fleet_hosts, known_hosts, ssh_command, stock_hosts, through

KNOWN = Path("/known")
DIRECT = Target("rig-a", "10.0.0.11", 22, "rig", "/key", "ssh-ed25519 AAAA")
OTHER = Target("rig-b", "10.0.0.12", 22, "rig", "/key", "ssh-ed25519 BBBB")
HOSTS_YAML = """
hosts:
  rig-a: {address: 10.0.0.11, user: rig, kind: lab, identity: {machine_id: "1"}}
  rig-b: {address: 10.0.0.12, user: rig, kind: lab, identity: {machine_id: "2"}}
"""


def test_behind_a_proxy_a_host_keeps_its_name_and_key() -> None:
    (far,) = through([DIRECT], [4022])
    assert (far.address, far.port) == ("127.0.0.1", 4022)
    assert (far.name, far.host_key) == (DIRECT.name, DIRECT.host_key)


def test_keys_are_pinned_per_port_where_it_is_not_22() -> None:
    assert known_hosts([DIRECT, *through([OTHER], [4022])]) == (
        "10.0.0.11 ssh-ed25519 AAAA\n[127.0.0.1]:4022 ssh-ed25519 BBBB\n"
    )


def test_the_floor_is_a_cold_connection_with_a_pinned_key() -> None:
    words = ssh_command(DIRECT, KNOWN, "true")
    assert {"-oControlPath=none", "-oStrictHostKeyChecking=yes"} <= set(words)
    assert words[-2:] == ["rig@10.0.0.11", "true"]


def test_the_fleet_has_only_the_measured_hosts_and_all_they_declare() -> None:
    hosts = yaml.safe_load(fleet_hosts(HOSTS_YAML, through([OTHER], [4022])))["hosts"]
    assert list(hosts) == ["rig-b"]
    assert hosts["rig-b"]["identity"] == {"machine_id": "2"}
    assert (hosts["rig-b"]["address"], hosts["rig-b"]["port"]) == ("127.0.0.1", 4022)


def test_every_tool_logs_in_alike() -> None:
    ((name, stock),) = stock_hosts([DIRECT], KNOWN)
    found = playbook.inventory([DIRECT])["all"]
    assert isinstance(found, dict)
    ansible = found["hosts"]["rig-a"]
    assert name == DIRECT.name
    assert stock["ssh_hostname"] == ansible["ansible_host"] == DIRECT.address
    assert stock["ssh_user"] == ansible["ansible_user"] == DIRECT.user
    assert stock["ssh_key"] == ansible["ansible_ssh_private_key_file"] == DIRECT.key
    assert stock["_sudo"] is True


def test_ansible_is_given_pipelining_and_a_fork_per_host() -> None:
    text = playbook.settings(KNOWN, Path("/sockets"), 32, None)
    assert "pipelining = True" in text
    assert "forks = 32" in text
    assert "strategy" not in text


def test_mitogen_is_its_strategy_and_nothing_else() -> None:
    plain = playbook.settings(KNOWN, Path("/s"), 1, None)
    mitogen = playbook.settings(KNOWN, Path("/s"), 1, Path("/plugins"))
    added = set(mitogen.splitlines()) - set(plain.splitlines())
    assert added == {"strategy = mitogen_linear", "strategy_plugins = /plugins"}
