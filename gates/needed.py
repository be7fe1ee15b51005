"""Which facts gates rest on: the same list for the controller's batch and for stock pyinfra.

Names facts only; reading them is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from facts.apt_policy import AptPolicy
from facts.aspm import AspmPolicy
from facts.base import HostFact
from facts.block import Block
from facts.gpu import Gpus
from facts.gpu_link import GpuLinks
from facts.gpu_log import GpuLog
from facts.kernel import Kernel
from facts.measurements import Measurements
from facts.memory import Memory
from facts.network import Network
from facts.packages import Packages
from facts.swap import Swap
from facts.units import Units
from gates.world_userspace import APT_POLICY, LIBZE1

#: All part of the normal batch. xpu-smi and clinfo are not, since they start the GPU stack; what
#: they said when a host was qualified is in the measurements.
FACTS: Final[tuple[type[HostFact[Any]], ...]] = (
    AspmPolicy,
    Block,
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

#: Facts that take arguments: name among the readings of `gates.world.build` -> fact, arguments.
KEYED: Final[Mapping[str, tuple[type[HostFact[Any]], Mapping[str, str]]]] = MappingProxyType(
    {APT_POLICY: (AptPolicy, MappingProxyType({"names": LIBZE1}))}
)
