"""A boot set: kernel, command-line tokens, module options and GuC firmware, changed as one.

Typed values only. Which of it is in place, and how it gets there, is other rooms' knowledge.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field, model_validator

from declaration.base import Declared
from declaration.package import PackageName, Version, Versions
from declaration.patterns import matching

#: One token as it stands in GRUB's settings and in /proc/cmdline. GRUB and the shell both expand or
#: swallow quotes, `$`, backslashes and `;`, so a token that needs them cannot be declared.
_TOKEN: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*(=[A-Za-z0-9_.,:/@%+*!~^=-]+)?$")
_VARIABLE: Final = re.compile(r"^GRUB_CMDLINE_LINUX(_DEFAULT)?$")
_SETTING: Final = re.compile(r"^GRUB_[A-Z0-9_]+$")
_SETTING_VALUE: Final = re.compile(r"^[A-Za-z0-9 _.,:;/@%+*=()>-]*$")
_OPTION: Final = re.compile(r"^[a-z][a-z0-9_]*$")
_OPTION_VALUE: Final = re.compile(r"^[A-Za-z0-9_.,:/-]+$")
_RELEASE: Final = re.compile(r"^[0-9][A-Za-z0-9.+~_-]*$")
_IMAGE: Final = re.compile(r"^linux-image-(?:unsigned-)?(?P<release>[0-9].*?)(?:-unsigned)?$")
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$")
_BLOB: Final = re.compile(r"^/(usr/)?lib/firmware/(?!updates/)[A-Za-z0-9._/-]+\.bin(\.zst|\.xz)?$")

#: Parameters that may stand on a command line several times, each with a meaning of its own
#: (linux Documentation/admin-guide/kernel-parameters.txt); of every other one the last wins.
REPEATABLE: Final = frozenset(
    {
        "acpi_osi",
        "amd_iommu",
        "console",
        "crashkernel",
        "dyndbg",
        "earlycon",
        "hugepages",
        "hugepagesz",
        "initcall_blacklist",
        "intel_iommu",
        "iommu",
        "ip",
        "memmap",
        "modprobe.blacklist",
        "module_blacklist",
        "pci",
        "systemd.mask",
        "systemd.setenv",
        "systemd.wants",
        "video",
    }
)
#: GRUB settings that every boot set has. `saved` lets the default entry and a one-shot entry be
#: chosen without an edit; without a recordfail timeout Ubuntu waits at the menu after an unclean
#: boot (docs/evidence.md#grub).
GRUB_SETTINGS: Final = {"GRUB_DEFAULT": "saved", "GRUB_RECORDFAIL_TIMEOUT": "15"}
#: Would make a boot of the fallback the new default without anybody's decision.
_FORBIDDEN_SETTINGS: Final = {"GRUB_SAVEDEFAULT": "true"}


def key_of(token: str) -> str:
    """Return a token's parameter name; `-` and `_` mean the same in it."""
    return token.partition("=")[0].replace("-", "_")


def covers(pattern: str, token: str) -> bool:
    """Return True if an `absent` entry means a token: the very same, or any value of a name."""
    if "=" in pattern:
        return key_of(pattern) == key_of(token) and pattern.partition("=")[2] == _value(token)
    return key_of(pattern) == key_of(token)


def _value(token: str) -> str:
    return token.partition("=")[2].strip('"')


#: A kernel command-line token.
Token = Annotated[
    str,
    matching(
        _TOKEN,
        "one kernel command-line token such as xe.disable_display=1 (no blanks, quotes, `$`, `;` "
        "or backslashes)",
    ),
]
Sha256 = Annotated[str, matching(_SHA256, "a sha256 (64 lower-case hex digits)")]


class BootKernel(Declared):
    """One kernel by exact package version, and the one to go back to."""

    #: the package of the image itself: a meta package moves by itself
    package: PackageName
    version: Annotated[Version, Field(min_length=1)]
    #: what `uname -r` says; empty = as the package is named
    release: str = ""
    #: packages of the same transaction, such as modules, headers or firmware
    extra: Versions = Field(default_factory=dict)
    #: image packages that stay installed; empty = the kernel that runs before the first boot set
    fallbacks: tuple[PackageName, ...] = ()

    @model_validator(mode="after")
    def _has_a_release(self) -> BootKernel:
        match = _IMAGE.match(self.package)
        if not self.release and match is None:
            raise ValueError(
                f"{self.package} does not name a kernel release: declare the image package "
                "(linux-image-7.0.0-38-generic), not a meta package, or say `release`"
            )
        if self.release and not _RELEASE.match(self.release):
            raise ValueError(f"{self.release!r} is not a kernel release (uname -r)")
        return self

    @model_validator(mode="after")
    def _is_not_its_own_fallback(self) -> BootKernel:
        if self.package in self.fallbacks:
            raise ValueError(f"{self.package} cannot be its own fallback")
        return self

    @property
    def uname(self) -> str:
        """Return what `uname -r` says once this kernel runs."""
        match = _IMAGE.match(self.package)
        return self.release or (match["release"] if match else "")

    @property
    def packages(self) -> dict[str, str]:
        """Return every package of the transaction with its version."""
        return {**self.extra, self.package: self.version}


class Cmdline(Declared):
    """Single tokens of the kernel command line; every other one is somebody else's."""

    #: variable of /etc/default/grub that carries them
    variable: Annotated[
        str, matching(_VARIABLE, "GRUB_CMDLINE_LINUX_DEFAULT or GRUB_CMDLINE_LINUX")
    ] = "GRUB_CMDLINE_LINUX_DEFAULT"
    present: tuple[Token, ...] = ()
    #: a bare name stands for any value of it
    absent: tuple[Token, ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Cmdline:
        for pattern in self.absent:
            if clash := [token for token in self.present if covers(pattern, token)]:
                raise ValueError(f"{clash[0]} is declared both present and absent ({pattern})")
        seen: dict[str, str] = {}
        for token in self.present:
            key = key_of(token)
            if key in seen and key not in REPEATABLE:
                raise ValueError(f"{seen[key]} and {token}: of two values the last one wins")
            seen[key] = token
        return self


class Guc(Declared):
    """A GuC firmware blob by content."""

    #: where the driver looks for it
    path: Annotated[
        str,
        matching(_BLOB, "a .bin below /lib/firmware (not updates/), such as xe/bmg_guc_70.bin"),
    ] = "/lib/firmware/xe/bmg_guc_70.bin"
    #: of the file as it lies there, compressed or not
    sha256: Sha256
    #: what the driver says when it loads it
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    #: relative to the fleet directory, or an absolute path on the host; empty = a package brings it
    source: str = ""

    @model_validator(mode="after")
    def _source_stays_inside(self) -> Guc:
        if not self.source.startswith("/") and ".." in self.source.split("/"):
            raise ValueError(f"source {self.source!r} leaves the fleet directory")
        return self


class InitramfsNeeds(Declared):
    """What the initial RAM disk must carry before anybody may reboot into it."""

    modules: tuple[Annotated[str, matching(_OPTION, "a module name")], ...] = ("xe",)
    #: relative to /lib/firmware, without a compression suffix
    firmware: tuple[str, ...] = ("xe/bmg_guc_70.bin",)


class BootSet(Declared):
    """Everything that needs a reboot, versioned as one."""

    kernel: BootKernel
    cmdline: Cmdline = Cmdline()
    #: further settings of /etc/default/grub, one assignment each
    grub: dict[str, str] = Field(default_factory=dict)
    #: options of the xe module
    xe_options: dict[str, str] = Field(default_factory=dict)
    guc: Guc | None = None
    initramfs: InitramfsNeeds = InitramfsNeeds()

    @model_validator(mode="after")
    def _settings_are_plain(self) -> BootSet:
        for name, value in self.grub.items():
            if not _SETTING.match(name) or name.startswith("GRUB_CMDLINE"):
                raise ValueError(
                    f"{name} cannot be declared here (tokens belong to cmdline.present)"
                )
            if not _SETTING_VALUE.match(value):
                raise ValueError(f"{name}: {value!r} needs quoting that differs between shells")
            if _FORBIDDEN_SETTINGS.get(name) == value:
                raise ValueError(f"{name}={value} makes a boot of the fallback the new default")
        if self.grub.get("GRUB_DEFAULT", "saved") != "saved":
            raise ValueError("GRUB_DEFAULT must be saved: the default entry is set by this tool")
        return self

    @model_validator(mode="after")
    def _options_are_plain(self) -> BootSet:
        for name, value in self.xe_options.items():
            if not _OPTION.match(name) or not _OPTION_VALUE.match(value):
                raise ValueError(f"{name}={value} is not a module option")
        named = self.xe_options.get("guc_firmware_path")
        if named and self.guc and not self.guc.path.endswith(f"/lib/firmware/{named}"):
            raise ValueError(
                f"xe_options.guc_firmware_path={named} is not guc.path {self.guc.path}"
            )
        return self

    @property
    def grub_settings(self) -> dict[str, str]:
        """Return every setting of /etc/default/grub that is ours."""
        return {**GRUB_SETTINGS, **self.grub}
