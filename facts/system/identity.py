"""Which machine answers: name, machine-id, serial and board, and the user that reads them.

Must not know what identity the inventory expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Reading

#: What board makers leave in DMI fields that they did not fill in: never an identity.
PLACEHOLDERS: Final = frozenset(
    {
        "",
        "none",
        "n/a",
        "na",
        "not specified",
        "not applicable",
        "not available",
        "unknown",
        "default string",
        "to be filled by o.e.m.",
        "to be filled by o.e.m",
        "system serial number",
        "chassis serial number",
        "base board serial number",
        "o.e.m.",
        "oem",
        "invalid",
        "123456789",
        "0123456789",
        "1234567890",
        "0",
    }
)

_DMI: Final = (
    "product_serial",
    "board_serial",
    "product_name",
    "sys_vendor",
    "board_vendor",
    "board_name",
    "bios_version",
    "bios_date",
)

_SCRIPT: Final = shell_text(__file__)


class Sudo(Enum):
    """How the reader may become root."""

    ROOT = "root"
    PASSWORDLESS = "passwordless"
    #: sudo is there but wants a password, or the user is not in sudoers
    REFUSED = "refused"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Board:
    """The machine's own description of itself (DMI); placeholders of the maker are absent."""

    vendor: Reading[str]
    name: Reading[str]
    serial: Reading[str]
    system_vendor: Reading[str]
    product: Reading[str]
    bios_version: Reading[str]
    bios_date: Reading[str]


@dataclass(frozen=True, slots=True)
class Who:
    """A machine, and the user that read it.

    Args:
        machine_id: 32 hexadecimal digits of /etc/machine-id.
        dmi_serial: the system's serial number; only root may read it.
        uid: user id that ran the probe.
    """

    hostname: Reading[str]
    machine_id: Reading[str]
    dmi_serial: Reading[str]
    board: Board
    uid: int
    user: Reading[str]
    sudo: Sudo


class Identity(HostFact[Who]):
    """Who this host is and who is asking."""

    domain = "identity"
    simulable = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, root=probe_root, dmi=" ".join(_DMI))

    @override
    def parse(self, text: str) -> Who:
        parts = Parts(text)
        uid = parts.need("uid")
        if not uid.isdecimal():
            raise ParseError(f"uid {uid!r} is not a number")
        return Who(
            hostname=parts.reading("hostname"),
            machine_id=parts.reading("machine_id"),
            dmi_serial=_dmi(parts, "product_serial"),
            board=Board(
                vendor=_dmi(parts, "board_vendor"),
                name=_dmi(parts, "board_name"),
                serial=_dmi(parts, "board_serial"),
                system_vendor=_dmi(parts, "sys_vendor"),
                product=_dmi(parts, "product_name"),
                bios_version=_dmi(parts, "bios_version"),
                bios_date=_dmi(parts, "bios_date"),
            ),
            uid=int(uid),
            user=parts.reading("user"),
            sudo=Sudo(parts.need("sudo")),
        )


def _dmi(parts: Parts, name: str) -> Reading[str]:
    reading = parts.reading(name)
    if isinstance(reading, str):
        reading = reading.strip()
        return ABSENT if reading.casefold() in PLACEHOLDERS else reading
    return reading
