"""Words of the kernel's command line that take a B70 away from its driver, or switch it off.

Pure; knows how the kernel and kmod read each of them. A boot set must not declare one, and on a
host that has one it is the cause to be named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: PCI vendor and device of a B70.
_VENDOR, _DEVICE = "8086", "e223"
#: What the kernel takes for "any" in an id (PCI_ANY_ID, cut to the field).
_ANY: Final = ("ffff", "ffffffff")
#: Parameters whose values add up; of every other one the last counts (modprobe(8);
#: linux init/main.c for initcall_blacklist).
_ADD_UP: Final = frozenset({"modprobe.blacklist", "initcall_blacklist"})
#: Words after which the kernel may power off a card, or the bridge above it, and never wake it
#: (docs/evidence.md#aspm): the deepest link states, link states where the firmware forbids them,
#: power management of ports that did not offer it.
_POWERS_OFF: Final = frozenset(
    {
        ("pcie_aspm.policy", "powersupersave"),
        ("pcie_aspm", "force"),
        ("pcie_port_pm", "force"),
    }
)


def _split(token: str) -> tuple[str, str]:
    name, _, value = token.partition("=")
    return name.replace("-", "_"), value.strip('"')


def effective(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return the tokens that count: of a parameter that is set several times the last one."""
    last: dict[str, str] = {}
    for token in tokens:
        name = _split(token)[0]
        last[token if name in _ADD_UP else name] = token
    return tuple(last.values())


def keeps_xe_away(token: str) -> bool:
    """Return True if a token keeps xe from being loaded, or from binding a B70."""
    name, value = _split(token)
    names = [item.replace("-", "_") for item in value.split(",")]
    match name:
        case "nomodeset":
            return True
        case "module_blacklist" | "modprobe.blacklist":
            return "xe" in names
        case "initcall_blacklist":
            return "xe_init" in names
        case "xe.force_probe":
            return blocks_b70(value)
        case "vfio_pci.ids":
            return names_b70(value)
    return False


def powers_off(token: str) -> bool:
    """Return True if the kernel may switch a card off for good after this token."""
    return _split(token) in _POWERS_OFF


def harmless(token: str) -> str:
    """Return a token that a boot set may have.

    Raises:
        ValueError: it takes the cards away.
    """
    if keeps_xe_away(token):
        raise ValueError(f"{token} keeps the cards from their driver (xe)")
    if powers_off(token):
        raise ValueError(
            f"{token} lets the kernel switch a card off, and one never came back so "
            "(docs/evidence.md#aspm)"
        )
    return token


def blocks_b70(force_probe: str) -> bool:
    """Return True if a value of xe's option force_probe forbids a B70 (xe_pci.c, id_blocked)."""
    if force_probe == "!*":
        return True
    ids = [item.strip().lower() for item in force_probe.split(",")]
    return any(item in (f"!{_DEVICE}", f"!0x{_DEVICE}") for item in ids)


def names_b70(ids: str) -> bool:
    """Return True if a value of vfio-pci's option ids means a B70.

    Each is vendor:device, which further numbers may follow (vfio_pci.c, vfio_pci_fill_ids).
    """
    for item in ids.strip('"').split(","):
        vendor, _, rest = item.strip().lower().partition(":")
        if vendor.lstrip("0") == _VENDOR and rest.partition(":")[0] in (_DEVICE, *_ANY):
            return True
    return False
