"""One host, fully resolved: the value that a converge turns into resources."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from declaration.address import HostAddress, UserName
from declaration.apt import Apt
from declaration.base import Declared
from declaration.hardware import Hardware
from declaration.hostkey import HostKey
from declaration.patterns import matching
from declaration.profile import Profile
from declaration.secret import SecretRef
from declaration.settings import HostSettings
from declaration.stack import Stack
from declaration.storage import Storage
from declaration.swap import Swap
from declaration.system import Base

_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")
#: a unit's name or a glob over such names; without an ending it would match no unit at all
_UNIT = re.compile(r"^[A-Za-z0-9:_.@\\*?\[\]!-]+(\.(service|scope|slice|socket|target)|\*)$")
_MACHINE_ID = re.compile(r"^[0-9a-f]{32}$")


#: `rig` serves; `lab` is disposable and may be simulated; `spark` is a GB10 host.
Kind = Literal["rig", "lab", "spark"]


#: Units that serve a model, as globs: ours and those that rig owners have today
#: (docs/evidence.md).
SERVING_UNITS: Final = (
    "b70*slot*.service",
    "b70fleet-serve*.service",
    "*vllm*.service",
    "llama*.service",
)
UnitGlob = Annotated[str, matching(_UNIT, "a unit's name or a glob over such (vllm@*.service)")]


class Identity(Declared):
    """Pinned at first contact; a change is an incident, never accepted by itself."""

    #: OpenSSH public key lines: "ssh-ed25519 AAAA..."
    host_keys: tuple[HostKey, ...] = ()
    machine_id: Annotated[
        str, matching(_MACHINE_ID, "a machine-id (32 hex digits)", empty=True)
    ] = ""
    dmi_serial: str = ""
    #: ISO date of the pin
    pinned: str = ""


class Connection(Declared):
    """How to reach a host. What is not declared here comes from ssh_config, as ProxyJump does."""

    address: HostAddress
    port: int = Field(default=22, ge=1, le=65_535)
    user: UserName = "root"
    #: private key file, `~` allowed; empty = agent or ssh_config
    key: str = ""
    ssh_config: str = ""
    #: OpenSSH public key lines of jump hosts, by the name that ProxyJump gives them
    jump_host_keys: dict[str, tuple[HostKey, ...]] = Field(default_factory=dict)
    #: only where sudo asks; a NOPASSWD drop-in (b70 bootstrap writes one) is the better way
    sudo_password: SecretRef | None = None
    #: seconds until a connection attempt ends
    connect_timeout_s: int = Field(default=10, ge=1, le=300)
    #: seconds that one remote command may take unless the operation says otherwise
    command_timeout_s: int = Field(default=900, ge=1)
    #: seconds until it must be back from a reboot; much memory keeps firmware busy for minutes
    reboot_timeout_s: int = Field(default=900, ge=10)


class HostSpec(Declared):
    """A host's declaration after all layers (all < group < stack < profile < host < --set)."""

    name: Annotated[str, matching(_NAME, "a host name (lower-case letters, digits, '-', '.')")]
    kind: Kind = "rig"
    groups: tuple[str, ...] = ()
    connection: Connection
    identity: Identity = Identity()
    hardware: Hardware = Hardware()
    #: lab hosts only: directory that stands for /sys, /proc/cmdline, boot_id, modules, DMI
    probe_root: str = ""
    #: names or globs of the units that serve; gates, build swap and the cost of a plan ask for them
    serving_units: tuple[UnitGlob, ...] = SERVING_UNITS
    base: Base = Base()
    apt: Apt = Apt()
    settings: HostSettings = HostSettings()
    storage: Storage = Storage()
    swap: Swap = Swap()
    stack: Stack | None = None
    profile: Profile | None = None

    @model_validator(mode="after")
    def _only_lab_hosts_are_simulated(self) -> HostSpec:
        if self.probe_root and self.kind != "lab":
            raise ValueError("probe_root is accepted only for kind: lab")
        return self

    @model_validator(mode="after")
    def _power_caps_name_declared_cards(self) -> HostSpec:
        cards = {card.bdf for card in self.hardware.cards}
        for bdf in self.settings.power_caps:
            if bdf not in cards:
                raise ValueError(f"settings.power_caps: {bdf} is no declared card of {self.name}")
        return self

    @model_validator(mode="after")
    def _stack_has_its_source(self) -> HostSpec:
        source = self.stack.source if self.stack else None
        # a host that declares no source at all is left to its own
        if source is not None and self.apt.sources and source not in self.apt.sources:
            raise ValueError(f"stack.source: {source} is no apt source of {self.name}")
        return self

    @model_validator(mode="after")
    def _profile_fits_the_declared_cards(self) -> HostSpec:
        if self.profile and self.profile.needs.cards > len(self.hardware.cards):
            raise ValueError(
                f"profile {self.profile.name} needs {self.profile.needs.cards} cards, "
                f"{self.name} declares {len(self.hardware.cards)}"
            )
        return self
