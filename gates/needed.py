"""Which facts gates rest on: the same list for the controller's batch and for stock pyinfra.

Names facts only; reading them is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from facts.base import HostFact
from facts.boot.kernel import Kernel
from facts.disks.block import Block
from facts.disks.swap import Swap
from facts.packages.apt_policy import AptPolicy
from facts.packages.dpkg import Packages
from facts.pci.aspm import AspmPolicy
from facts.pci.displays import Displays
from facts.pci.gpu import Gpus
from facts.pci.gpu_link import GpuLinks
from facts.pci.gpu_log import GpuLog
from facts.system.measurements import Measurements
from facts.system.memory import Memory
from facts.system.network import Network
from facts.system.units import Units
from gates.gpu_sources import GPU_PACKAGES

#: All part of the normal batch. xpu-smi and clinfo are not, since they start the GPU stack; what
#: they said when a host was qualified is in the measurements.
FACTS: Final[tuple[type[HostFact[Any]], ...]] = (
    AspmPolicy,
    Block,
    Displays,
    GpuLinks,
    GpuLog,
    Gpus,
    Kernel,
    Measurements,
    Memory,
    Network,
    Packages,
    Swap,
    Units,
)

#: Facts that take arguments, with those that gates ask about.
KEYED: Final[Mapping[type[HostFact[Any]], Mapping[str, str]]] = MappingProxyType(
    {AptPolicy: MappingProxyType({"names": ",".join(GPU_PACKAGES)})}
)
