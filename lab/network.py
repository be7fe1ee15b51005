"""The lab's network: one bridge with the controller's address and one namespace per machine.

Machines reach the bridge and nothing else: forwarding is off on the bridge, IPv6 is off, and
inside each namespace two unreachable routes cover the whole internet. (A default route over the
link is shown all the same: rigs derive the interface for their collective library from it.)
Command lines come from pure functions; `Network` runs them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from lab.errors import LabError
from lab.settings import CONTROLLER_NUMBER, Settings
from lab.shell import run

#: Name of the link inside a machine, as systemd-nspawn itself calls it.
LINK = "host0"


@dataclass(frozen=True, slots=True)
class Port:
    """A machine's place on the network."""

    name: str
    number: int


def namespace(settings: Settings, name: str) -> str:
    """Return the name of a machine's network namespace."""
    return f"{settings.bridge}-{name}"


def link(settings: Settings, number: int) -> str:
    """Return the controller's end of a machine's link."""
    return f"{settings.bridge}v{number}"


def mac(number: int) -> str:
    """Return the machine's hardware address: locally administered, from its number."""
    return f"02:b7:00:00:{number >> 8:02x}:{number & 255:02x}"


def bridge_up(settings: Settings) -> list[list[str]]:
    """Return the commands that make the bridge, without a way through it."""
    bridge = settings.bridge
    return [
        # left to itself a bridge takes the lowest address of its ports, and every machine that
        # knew the controller by another one is deaf until it asks again
        ["ip", "link", "add", bridge, "address", mac(CONTROLLER_NUMBER), "type", "bridge"],
        ["sysctl", "-qw", f"net.ipv6.conf.{bridge}.disable_ipv6=1"],
        ["sysctl", "-qw", f"net.ipv4.conf.{bridge}.forwarding=0"],
        ["ip", "addr", "add", f"{settings.controller}/{settings.network.prefixlen}", "dev", bridge],
        ["ip", "link", "set", bridge, "up"],
    ]


def plug_in(settings: Settings, port: Port) -> list[list[str]]:
    """Return the commands that give a machine its namespace, link, address and routes."""
    inside, outside = namespace(settings, port.name), link(settings, port.number)
    address = settings.address(port.number)
    hardware = mac(port.number)
    in_it = ["ip", "-n", inside]
    return [
        ["ip", "netns", "add", inside],
        ["ip", "netns", "exec", inside, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"],
        ["ip", "link", "add", outside, "type", "veth", "peer", "name", LINK, "netns", inside],
        ["sysctl", "-qw", f"net.ipv6.conf.{outside}.disable_ipv6=1"],
        [*in_it, "link", "set", LINK, "address", hardware],
        [*in_it, "addr", "add", f"{address}/{settings.network.prefixlen}", "dev", LINK],
        [*in_it, "link", "set", "lo", "up"],
        [*in_it, "link", "set", LINK, "up"],
        [*in_it, "route", "add", "default", "via", str(settings.controller), "dev", LINK],
        [*in_it, "route", "add", "unreachable", "0.0.0.0/1"],
        [*in_it, "route", "add", "unreachable", "128.0.0.0/1"],
        ["ip", "link", "set", outside, "master", settings.bridge, "up"],
        # a neighbour that never ages: a cut swallows packets, nobody answers "no route"
        ["ip", "neigh", "replace", str(address), "lladdr", hardware, "dev", settings.bridge],
    ]


def conflict(network: IPv4Network, bridge: str, routes: Iterable[dict[str, str]]) -> str:
    """Return the route of this computer that overlaps with the lab's range, or an empty string.

    Args:
        network: the range that the lab wants.
        bridge: the lab's own bridge, whose route is no conflict.
        routes: `ip -j route show table all`.
    """
    for route in routes:
        target = route.get("dst", "default")
        if route.get("dev") == bridge or target == "default" or ":" in target:
            continue
        if IPv4Network(target, strict=False).overlaps(network):
            return f"{target} dev {route.get('dev', '?')}"
    return ""


class Network:
    """The network of one lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def is_up(self) -> bool:
        """Return True if the bridge exists."""
        return self._settings.bridge in self._links()

    def up(self) -> None:
        """Make the bridge unless it is there.

        Raises:
            LabError: the range is in use on this computer.
        """
        if self.is_up():
            return
        routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]).stdout or "[]")
        taken = conflict(self._settings.network, self._settings.bridge, routes)
        if taken:
            raise LabError(
                f"{self._settings.network} is already routed on this computer ({taken})",
                "choose another range: B70_LAB_NET=10.71.0.0/24 b70 lab up",
            )
        for command in bridge_up(self._settings):
            run(command)

    def plug_in(self, port: Port) -> None:
        """Give a machine its place on the network, anew when a part of it is left over."""
        self.unplug(port)
        for command in plug_in(self._settings, port):
            run(command)

    def unplug(self, port: Port) -> None:
        """Remove a machine's link and namespace."""
        outside = link(self._settings, port.number)
        if outside in self._links():
            run(["ip", "link", "del", outside])
        inside = namespace(self._settings, port.name)
        if inside in self._namespaces():
            run(["ip", "netns", "del", inside])

    def cut(self, number: int) -> None:
        """Make a machine silent: packets vanish in both directions, nothing is refused."""
        run(["ip", "link", "set", link(self._settings, number), "down"])

    def mend(self, number: int) -> None:
        """End a cut."""
        run(["ip", "link", "set", link(self._settings, number), "up"])

    def down(self) -> None:
        """Remove the bridge and everything that carries the lab's prefix."""
        prefix = self._settings.bridge
        for name in self._namespaces():
            if name.startswith(f"{prefix}-"):
                run(["ip", "netns", "del", name], check=False)
        for name in self._links():
            if name == prefix or (
                name.startswith(f"{prefix}v") and name[len(prefix) + 1 :].isdigit()
            ):
                run(["ip", "link", "del", name], check=False)

    def _links(self) -> list[str]:
        return [entry["ifname"] for entry in json.loads(run(["ip", "-j", "link"]).stdout or "[]")]

    def _namespaces(self) -> list[str]:
        return [
            line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line
        ]
