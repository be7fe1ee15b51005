"""A virtual machine's link: a tap on the lab's bridge, so that it stands beside the other machines.

The bridge forwards nothing, and the guest's own routes lead to the bridge only.
"""

from __future__ import annotations

import json
from typing import Final

from lab.network import link, mac
from lab.settings import Settings
from lab.shell import run

#: Where the guest reads its address from; matched by hardware address, whatever the link is called.
GUEST_FILE: Final = "etc/systemd/network/10-b70lab.network"


def plug_in_commands(settings: Settings, number: int) -> list[list[str]]:
    """Return the commands that make a machine's link."""
    tap, address = link(settings, number), settings.address(number)
    return [
        ["ip", "tuntap", "add", "dev", tap, "mode", "tap"],
        ["sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1"],
        ["ip", "link", "set", tap, "master", settings.bridge, "up"],
        # a neighbour that never ages: a cut swallows packets, nobody answers "no route"
        ["ip", "neigh", "replace", str(address), "lladdr", mac(number), "dev", settings.bridge],
    ]


def plug_in(settings: Settings, number: int) -> None:
    """Make a machine's link, anew when one is left over."""
    unplug(settings, number)
    for command in plug_in_commands(settings, number):
        run(command)


def unplug(settings: Settings, number: int) -> None:
    """Remove a machine's link."""
    names = [entry["ifname"] for entry in json.loads(run(["ip", "-j", "link"]).stdout or "[]")]
    if link(settings, number) in names:
        run(["ip", "link", "del", link(settings, number)])


def guest_network(settings: Settings, number: int) -> str:
    """Return the guest's systemd-networkd file: a fixed address, and nowhere else to go."""
    halves = ("0.0.0.0/1", "128.0.0.0/1")
    unreachable = "".join(f"\n[Route]\nDestination={half}\nType=unreachable\n" for half in halves)
    return (
        f"[Match]\nMACAddress={mac(number)}\n\n"
        f"[Network]\nAddress={settings.address(number)}/{settings.network.prefixlen}\n"
        f"Gateway={settings.controller}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n{unreachable}"
    )
