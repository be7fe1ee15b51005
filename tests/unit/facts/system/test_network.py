"""Links and default routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.system.network import DefaultRoute, Network
from facts.value import ABSENT, Unknown
from tests.unit.fact_frame import fixture, lack, read, run

PARTS: dict[str, str | tuple[str, str]] = {
    "route4": fixture("network/route"),
    "route6": fixture("network/ipv6_route"),
    "links": fixture("network/ip-address.json"),
}


def test_the_default_route_with_the_lowest_metric_comes_first() -> None:
    assert read(Network(), PARTS).default == (
        DefaultRoute("enp5s0", 4, "192.168.0.1", 100),
        DefaultRoute("wlan0", 4, "10.0.0.1", 600),
        DefaultRoute("enp5s0", 6, "fe80::1", 100),
    )


def test_a_route_without_a_gateway_is_still_a_way_out() -> None:
    rows = fixture("network/route").splitlines()
    text = rows[0] + "\n" + "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
    assert read(Network(), {**PARTS, "route4": text, "route6": ""}).default == (
        DefaultRoute("ppp0", 4, ABSENT, 0),
    )


def test_links_carry_state_mtu_and_global_addresses() -> None:
    links = read(Network(), PARTS).links
    assert list(links) == ["lo", "enp5s0"]
    assert (links["enp5s0"].state, links["enp5s0"].mtu) == ("UP", 9000)
    assert links["enp5s0"].addresses == ("192.168.0.20/24",)
    assert links["lo"].addresses == ()


def test_without_ip_the_routes_are_still_known() -> None:
    network = read(Network(), {**PARTS, "links": lack("?", "ip is not installed")})
    assert network.links == Unknown("ip is not installed")
    assert network.default[0].interface == "enp5s0"


@pytest.mark.parametrize("change", [{"route4": ""}, {"route4": "Iface\nx y\n"}])
def test_a_route_table_that_makes_no_sense_is_unknown(change: dict[str, str]) -> None:
    assert isinstance(read(Network(), {**PARTS, **change}), Unknown)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"ifname": "a"}]', "nonsense"])
def test_links_that_make_no_sense_are_unknown(text: str) -> None:
    assert isinstance(read(Network(), {**PARTS, "links": text}).links, Unknown)


def test_this_machine_shows_its_routes() -> None:
    rows = Path("/proc/net/route").read_text().splitlines()[1:]
    ways = {row.split()[0] for row in rows if row.split()[1] == row.split()[7] == "00000000"}
    assert {route.interface for route in run(Network()).default if route.family == 4} == ways
