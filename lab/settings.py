"""Where the lab lives on this computer: one folder, one bridge, one address range.

Two labs can stand side by side when all three differ; every name that the lab gives to something
outside its folder (network namespace, link, control group) starts with the bridge's name, so that
leftovers are found without any state.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from lab.errors import LabError

#: Kernel limit for a link name is 15 characters; the lab adds "v" and a number of up to 4 digits.
_BRIDGE: Final = re.compile(r"^[a-z][a-z0-9]{1,9}$")
#: Host number of the controller, and of the first machine; those between are spare.
CONTROLLER_NUMBER: Final = 1
FIRST_NUMBER: Final = 11


@dataclass(frozen=True, slots=True)
class Settings:
    """The three choices that make a lab.

    Args:
        root: folder that holds everything the lab keeps.
        bridge: name of the bridge, at most 10 characters.
        network: address range of the bridge; its first address is the controller's.
        mirror_port: TCP port of the apt mirror on the controller's address.
    """

    root: Path
    bridge: str
    network: IPv4Network
    mirror_port: int

    @property
    def controller(self) -> IPv4Address:
        """Return the controller's address on the bridge."""
        return self.network.network_address + CONTROLLER_NUMBER

    @property
    def mirror_url(self) -> str:
        """Return the base URL of the apt mirror as the machines see it."""
        return f"http://{self.controller}:{self.mirror_port}"

    @property
    def key(self) -> Path:
        """Return the throw-away private key that opens every machine."""
        return self.root / "keys" / "id_ed25519"

    @property
    def machines(self) -> Path:
        """Return the folder with one sub-folder per machine."""
        return self.root / "machines"

    @property
    def vms(self) -> Path:
        """Return the folder with one sub-folder per virtual machine."""
        return self.root / "vms"

    @property
    def uml(self) -> Path:
        """Return the folder of User-mode Linux machines and their images, cheap to copy in."""
        return self.root / "uml"

    @property
    def umls(self) -> Path:
        """Return the folder with one sub-folder per User-mode Linux machine."""
        return self.uml / "machines"

    @property
    def images(self) -> Path:
        """Return the folder with one sub-folder per base image."""
        return self.root / "images"

    def address(self, number: int) -> IPv4Address:
        """Return the address of the machine with this host number.

        Raises:
            LabError: the range is too small for that number.
        """
        if not FIRST_NUMBER <= number < self.network.num_addresses - 1:
            raise LabError(
                f"no address left for machine number {number} in {self.network}",
                "set B70_LAB_NET to a larger range",
            )
        return self.network.network_address + number


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read B70_LAB_DIR, B70_LAB_BRIDGE, B70_LAB_NET and B70_LAB_MIRROR_PORT.

    Raises:
        LabError: a value makes no sense.
    """
    bridge = environ.get("B70_LAB_BRIDGE", "b70lab0")
    if not _BRIDGE.match(bridge):
        raise LabError(
            f"{bridge!r} is no usable bridge name", "2 to 10 lower-case letters and digits"
        )
    try:
        network = IPv4Network(environ.get("B70_LAB_NET", "10.70.0.0/24"))
        port = int(environ.get("B70_LAB_MIRROR_PORT", "8070"))
    except ValueError as error:
        raise LabError(f"cannot read the lab's settings: {error}") from error
    if not network.is_private or network.prefixlen > 27:
        raise LabError(f"{network} is not a private range of at least 32 addresses")
    return Settings(Path(environ.get("B70_LAB_DIR", "/var/lib/b70lab")), bridge, network, port)
