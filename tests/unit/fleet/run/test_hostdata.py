"""What a host carries into pyinfra, and the pins in OpenSSH's own format."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from paramiko import HostKeys
from paramiko import SSHClient as ParamikoClient
from pyinfra.api import Config, Inventory, State
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient import client as ssh_client
from pyinfra.context import ctx_state
from pyinfra_cli.inventory import make_inventory_from_files  # type: ignore[import-untyped]

from declaration.host import Connection, HostSpec, Identity
from fleet.config.places import PRODUCT
from fleet.host.route import SshConfigUnusable, route_of
from fleet.run.hostdata import host_data, known_hosts, resolved
from tests.unit.fleet.config.config_cases import loaded, write

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3xK2m1o9Yb6jVb0B4cQ0m0tq0m1p8Yw3nq1s5u7v9x"
OTHER = KEY.replace("9x", "8x")


@pytest.fixture
def bare(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh_client.get_ssh_config.cache.clear()
    return bare


def host(address: str, port: int = 22, *keys: str) -> HostSpec:
    return HostSpec(
        name="a",
        connection=Connection(address=address, port=port),
        identity=Identity(host_keys=keys),
    )


def test_pins_are_known_hosts_lines_without_comments(bare: Path) -> None:
    specs = [host("10.0.0.1", 22, f"{KEY} root@rig"), host("rig.example.net", 2222, KEY)]
    assert known_hosts(specs) == f"10.0.0.1 {KEY}\n[rig.example.net]:2222 {KEY}\n"


def test_a_host_without_a_pin_has_no_line(bare: Path) -> None:
    assert known_hosts([host("10.0.0.1")]) == ""


def test_the_connectors_own_reader_finds_the_pin(bare: Path, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(known_hosts([host("10.0.0.1", 2222, KEY)]))
    found = HostKeys(str(file)).lookup("[10.0.0.1]:2222")
    assert found is not None
    assert list(found) == ["ssh-ed25519"]


def test_a_name_that_ssh_config_translates_is_pinned_under_both(bare: Path) -> None:
    write(bare, {"ssh_config": "Host rig\n  HostName 10.9.9.9\n  Port 2200\n"})
    hosts = (
        f"hosts: {{a: {{address: rig, ssh_config: ssh_config, identity: {{host_keys: [{KEY}]}}}}}}"
    )
    fleet = loaded(bare, hosts)
    assert known_hosts(fleet.hosts.values(), fleet.directory) == f"rig,[10.9.9.9]:2200 {KEY}\n"
    # no port is declared, so ssh_config's counts
    assert "ssh_port" not in host_data(fleet.hosts["a"], fleet)


@pytest.mark.parametrize("declared", ["", ", port: 22, user: root"])
def test_ssh_config_of_a_home_gives_port_and_user_where_none_is_declared(
    bare: Path, tmp_path: Path, declared: str
) -> None:
    (tmp_path / ".ssh").mkdir(exist_ok=True)
    (tmp_path / ".ssh" / "config").write_text("Host rig\n  Port 2200\n  User admin\n")
    fleet = loaded(
        bare, f"hosts: {{a: {{address: rig, identity: {{host_keys: [{KEY}]}}{declared}}}}}"
    )
    data = host_data(fleet.hosts["a"], fleet)
    target = route_of(data).target
    spec = resolved(fleet.hosts["a"], fleet)
    users = (target.user, spec.connection.user, "_sudo" in data)
    if declared:
        assert (target.port, users) == (22, ("root", "root", False))
    else:
        assert (target.port, users) == (2200, ("admin", "admin", True))
        assert "[rig]:2200" in known_hosts([fleet.hosts["a"]])


def test_an_ssh_config_that_cannot_be_read_costs_no_other_host_its_pin(bare: Path) -> None:
    hosts = (
        f"hosts: {{a: {{address: x, ssh_config: missing, identity: {{host_keys: [{KEY}]}}}}, "
        f"b: {{address: y, identity: {{host_keys: [{OTHER}]}}}}}}"
    )
    fleet = loaded(bare, hosts)
    assert f"y {OTHER}" in known_hosts(fleet.hosts.values(), fleet.directory)
    with pytest.raises(SshConfigUnusable, match=r"there is no ssh_config .*missing"):
        route_of(host_data(fleet.hosts["a"], fleet))


def test_keys_of_jump_hosts_stand_beside_the_pins_once(bare: Path) -> None:
    hosts = "hosts: {a: {address: x}, b: {address: y}}"
    fleet = loaded(bare, hosts, {"all.yaml": f"jump_host_keys: {{bastion: [{KEY} me]}}"})
    assert known_hosts(fleet.hosts.values()) == f"bastion {KEY}\n"


def test_host_data_is_strict_about_the_pinned_key(bare: Path) -> None:
    fleet = loaded(bare, f"hosts: {{a: {{address: x, identity: {{host_keys: [{KEY}]}}}}}}")
    data = host_data(fleet.hosts["a"], fleet)
    file = Path(str(data["ssh_known_hosts_file"]))
    assert data["ssh_strict_host_key_checking"] == "yes"
    assert file.read_text() == f"x {KEY}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_declared_seconds_limit_a_connection_attempt(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = loaded(bare, "hosts: {a: {address: x, connect_timeout_s: 3}}")
    state = State(Inventory((["a"], host_data(fleet.hosts["a"], fleet))), Config())
    connector = state.inventory.get_host("a").connector
    assert isinstance(connector, SSHConnector)
    asked: dict[str, object] = {}
    monkeypatch.setattr(ParamikoClient, "connect", lambda *_, **kwargs: asked.update(kwargs))
    kwargs = connector.make_paramiko_kwargs()
    ssh_client.SSHClient().connect(kwargs.pop("hostname"), **kwargs)
    assert asked["timeout"] == 3


def test_a_changed_pin_goes_to_another_file(bare: Path) -> None:
    # the connector reads a path once per process
    one = loaded(bare, f"hosts: {{a: {{address: x, identity: {{host_keys: [{KEY}]}}}}}}")
    two = loaded(bare, f"hosts: {{a: {{address: y, identity: {{host_keys: [{KEY}]}}}}}}")
    files = {host_data(fleet.hosts["a"], fleet)["ssh_known_hosts_file"] for fleet in (one, two)}
    assert len(files) == 2


def test_host_data_carries_spec_probe_root_and_secrets(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {a: {address: x, kind: lab, probe_root: /probe}}")
    data = host_data(fleet.hosts["a"], fleet)
    assert data["spec"] is fleet.hosts["a"]
    assert data["probe_root"] == "/probe"
    assert data["secrets"] is fleet.resolve


def test_only_a_user_who_is_not_root_uses_sudo(bare: Path) -> None:
    fleet = loaded(bare, "hosts: {a: {address: x}, b: {address: y, user: rig}}")
    assert "_sudo" not in host_data(fleet.hosts["a"], fleet)
    assert host_data(fleet.hosts["b"], fleet)["_sudo"] is True


def test_key_paths_are_relative_to_the_fleet_or_to_home(bare: Path) -> None:
    hosts = "hosts: {a: {address: x, key: keys/id}, b: {address: y, key: ~/.ssh/id}}"
    fleet = loaded(bare, hosts)
    keys = [host_data(spec, fleet)["ssh_key"] for spec in fleet.hosts.values()]
    assert keys == [str(bare / "keys" / "id"), str(Path.home() / ".ssh" / "id")]


def test_no_secret_value_is_in_host_data(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_SUDO", "planted-4711")
    fleet = loaded(bare, "hosts: {a: {address: x, user: rig, sudo_password: env:RIG_SUDO}}")
    assert "planted-4711" not in repr(host_data(fleet.hosts["a"], fleet))


def test_stock_pyinfra_sees_the_same_hosts_groups_and_data(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = "hosts: {b: {address: 10.0.0.2, port: 2222, groups: [g]}, a: {address: 10.0.0.1}}"
    loaded(bare, hosts, {"groups/g.yaml": "user: rig"})
    monkeypatch.setenv("B70_INVENTORY", str(bare))
    with ctx_state.use(State()):  # as pyinfra's own command line does
        inventory = make_inventory_from_files(str(PRODUCT / "inventory" / "rigs.py"))
    assert [item.name for item in inventory] == ["b", "a"]
    assert [item.name for item in inventory.get_group("g")] == ["b"]
    data = inventory.get_host("b").data
    assert (data.ssh_hostname, data.ssh_port, data.ssh_user) == ("10.0.0.2", 2222, "rig")
    assert data.spec.groups == ("g",)
