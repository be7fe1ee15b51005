"""Which distribution a host runs, for which architecture, and on what (metal, machine, container).

Must not know what follows from it: tables by distribution are data elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.assignments import assignments
from facts.base import HostFact, ParseError
from facts.parts import Parts, script
from facts.value import ABSENT, Reading, Unknown

#: What systemd-detect-virt(1) calls the containers it knows.
CONTAINERS: Final = frozenset(
    {
        "systemd-nspawn",
        "lxc",
        "lxc-libvirt",
        "docker",
        "podman",
        "openvz",
        "rkt",
        "wsl",
        "proot",
        "pouch",
    }
    | {"container-other"}
)

_SCRIPT: Final = """
part release
while IFS= read -r l || [ -n "$l" ]; do printf '%s\\n' "$l"; done </etc/os-release
tool arch dpkg --print-architecture
if command -v systemd-detect-virt >/dev/null 2>&1; then part virt; systemd-detect-virt
else lack virt '?' 'systemd-detect-virt is not installed'; fi
"""


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """A distribution release.

    Args:
        id: `debian`, `ubuntu` …
        version_id: `24.04`; absent on a rolling release.
        codename: `noble`.
        arch: dpkg's architecture, `amd64`.
        virtualization: `none` on metal, else the name that systemd-detect-virt gives.
    """

    id: str
    version_id: Reading[str]
    codename: Reading[str]
    pretty_name: Reading[str]
    arch: Reading[str]
    virtualization: Reading[str]
    is_container: Reading[bool]

    @property
    def release(self) -> str:
        """Return `id-version_id`, the name that tables by distribution use."""
        return f"{self.id}-{self.version_id}" if isinstance(self.version_id, str) else self.id


class OsRelease(HostFact[OperatingSystem]):
    """The distribution, its release and the kind of machine."""

    domain = "os"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> OperatingSystem:
        parts = Parts(text)
        values = assignments(parts.lines("release"))
        name = values.get("ID")
        if not isinstance(name, str) or not name:
            raise ParseError("os-release has no ID")
        virtualization = parts.reading("virt")
        container: Reading[bool] = ABSENT
        if isinstance(virtualization, str):
            if not virtualization:
                virtualization = Unknown("systemd-detect-virt said nothing")
                container = virtualization
            else:
                container = virtualization in CONTAINERS
        else:
            container = virtualization
        return OperatingSystem(
            id=name,
            version_id=values.get("VERSION_ID", ABSENT),
            codename=values.get("VERSION_CODENAME", ABSENT),
            pretty_name=values.get("PRETTY_NAME", ABSENT),
            arch=parts.reading("arch"),
            virtualization=virtualization,
            is_container=container,
        )
