"""Links, addresses and the interface of the default route.

Must not know which of them is used for what.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, convert, script
from facts.value import ABSENT, Reading

#: route flags: up, and through a gateway (linux/route.h)
_RTF_UP: Final = 0x1
_EVERYWHERE: Final = "0" * 32

_SCRIPT: Final = """
part route4
while read -r l; do printf '%s\\n' "$l"; done </proc/net/route
part route6
if [ -r /proc/net/ipv6_route ]; then grep -E '^0{32} 00 ' /proc/net/ipv6_route; fi
tool links ip -j address show
"""


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """One way out: family 4 or 6; a lower metric wins."""

    interface: str
    family: int
    gateway: Reading[str]
    metric: int


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface.

    Args:
        state: operational state, `UP`, `DOWN`, `UNKNOWN` (loopback) …
        mtu: bytes.
        addresses: global addresses with prefix length.
    """

    name: str
    state: str
    mtu: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Links and ways out.

    Args:
        default: default routes, the one that is used first.
        links: by name; those of this network namespace, which /sys would not tell in a container.
    """

    default: tuple[DefaultRoute, ...]
    links: Reading[Mapping[str, Link]]


class Network(HostFact[NetworkState]):
    """Interfaces and default routes."""

    domain = "network"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> NetworkState:
        parts = Parts(text)
        rows = parts.lines("route4")
        if not rows or not rows[0].startswith("Iface"):
            raise ParseError("/proc/net/route has no heading")
        routes = [*map(_route4, rows[1:]), *map(_route6, parts.lines("route6"))]
        return NetworkState(
            default=tuple(
                sorted(
                    (route for route in routes if route is not None),
                    key=lambda route: (route.family, route.metric),
                )
            ),
            links=convert(parts.reading("links"), _links),
        )


def _route4(row: str) -> DefaultRoute | None:
    interface, destination, gateway, flags, _, _, metric, mask, *_ = row.split()
    if destination != "00000000" or mask != "00000000" or not int(flags, 16) & _RTF_UP:
        return None
    # the kernel prints the address as a number in the byte order of the machine
    address = ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(gateway)[::-1], "big"))
    return DefaultRoute(interface, 4, str(address) if int(address) else ABSENT, int(metric))


def _route6(row: str) -> DefaultRoute | None:
    _, _, _, _, gateway, metric, _, _, _, interface = row.split()
    if interface == "lo":
        return None
    address = ipaddress.IPv6Address(int(gateway, 16))
    hop: Reading[str] = ABSENT if gateway == _EVERYWHERE else str(address)
    return DefaultRoute(interface, 6, hop, int(metric, 16))


def _links(text: str) -> Mapping[str, Link]:
    document = json.loads(text)
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise ParseError("ip printed no list of interfaces")
    links = (_link(record) for record in document if record)  # it prints {} for what it filters
    return {link.name: link for link in links}


def _link(record: Mapping[str, object]) -> Link:
    addresses = record.get("addr_info", [])
    if not isinstance(addresses, list) or not all(isinstance(row, dict) for row in addresses):
        raise ParseError("an interface has no list of addresses")
    return Link(
        name=str(record["ifname"]),
        state=str(record["operstate"]),
        mtu=int(str(record["mtu"])),
        addresses=tuple(
            f"{address['local']}/{address['prefixlen']}"
            for address in addresses
            if address.get("scope") == "global" and "local" in address
        ),
    )
