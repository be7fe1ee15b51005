"""A boot set: kernel, command-line tokens, module options and firmware, changed as one.

Typed values only. Which of it is in place, and how it gets there, is other rooms' knowledge.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from declaration.base import Declared
from declaration.driver_words import harmless
from declaration.onhost import SET_FIRMWARE
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
_BLOB: Final = re.compile(r"^/(?:usr/)?lib/firmware/(?P<name>(?!updates/)[A-Za-z0-9._/-]+\.bin)$")
#: Hex digits of a hash in a set's name: enough for all sets that a rig ever has, and
#: GRUB's environment block has room for four names (1024 bytes).
_NAME_DIGITS: Final = 10
#: Parameters of the kernel that a boot set writes itself.
_OWN_KEYS: Final = ("firmware_class.path", "b70fleet.set", "b70fleet.trial")
#: Options of xe that taint the kernel (module_param_named_unsafe, linux xe_module.c).
_UNSAFE_OPTIONS: Final = frozenset({"guc_firmware_path", "huc_firmware_path", "gsc_firmware_path"})

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
#: boot (docs/evidence.md#grub); saving by itself would make a boot of the fallback the new default
#: without anybody's decision.
GRUB_SETTINGS: Final = {
    "GRUB_DEFAULT": "saved",
    "GRUB_RECORDFAIL_TIMEOUT": "15",
    "GRUB_SAVEDEFAULT": "false",
}


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
#: A token that a boot set may have: none that takes the cards away.
SetToken = Annotated[Token, AfterValidator(harmless)]
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

    #: variable of /etc/default/grub into which versions before boot sets wrote them; they are
    #: taken out of it, and a set's tokens stand in its own menu entry
    variable: Annotated[
        str, matching(_VARIABLE, "GRUB_CMDLINE_LINUX_DEFAULT or GRUB_CMDLINE_LINUX")
    ] = "GRUB_CMDLINE_LINUX_DEFAULT"
    present: tuple[SetToken, ...] = ()
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


class Blob(Declared):
    """A firmware blob of the GPUs by content."""

    #: where the driver looks for it
    path: Annotated[
        str,
        matching(_BLOB, "a .bin below /lib/firmware (not updates/), such as xe/bmg_guc_70.bin"),
    ]
    #: of the blob without compression
    sha256: Sha256
    #: what the driver says when it loads it
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    #: relative to the fleet directory, or an absolute path on the host; empty = a package brings it
    source: str = ""

    @model_validator(mode="after")
    def _source_stays_inside(self) -> Blob:
        if not self.source.startswith("/") and ".." in self.source.split("/"):
            raise ValueError(f"source {self.source!r} leaves the fleet directory")
        return self

    @property
    def name(self) -> str:
        """Return what the driver asks the kernel for: the path below /lib/firmware."""
        match = _BLOB.match(self.path)
        return match["name"] if match else self.path


class Guc(Blob):
    """The firmware that schedules a GPU's work."""

    path: Annotated[
        str,
        matching(_BLOB, "a .bin below /lib/firmware (not updates/), such as xe/bmg_guc_70.bin"),
    ] = "/lib/firmware/xe/bmg_guc_70.bin"


class Huc(Blob):
    """The firmware for a GPU's video engines."""

    path: Annotated[
        str,
        matching(_BLOB, "a .bin below /lib/firmware (not updates/), such as xe/bmg_huc.bin"),
    ] = "/lib/firmware/xe/bmg_huc.bin"


class InitramfsNeeds(Declared):
    """What the initial RAM disk must carry before anybody may reboot into it."""

    modules: tuple[Annotated[str, matching(_OPTION, "a module name")], ...] = ("xe",)
    #: relative to /lib/firmware, without a compression suffix
    firmware: tuple[str, ...] = ("xe/bmg_guc_70.bin",)


class BootSet(Declared):
    """Everything that needs a reboot, versioned as one."""

    kernel: BootKernel
    cmdline: Cmdline = Cmdline()
    #: further settings of GRUB's menu, one assignment each
    grub: dict[str, str] = Field(default_factory=dict)
    #: options of the xe module
    xe_options: dict[str, str] = Field(default_factory=dict)
    guc: Guc | None = None
    huc: Huc | None = None
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
            if GRUB_SETTINGS.get(name, value) != value and name != "GRUB_RECORDFAIL_TIMEOUT":
                raise ValueError(
                    f"{name} must be {GRUB_SETTINGS[name]}: the default entry is set by this tool"
                )
        return self

    @model_validator(mode="after")
    def _options_are_plain(self) -> BootSet:
        for name, value in self.xe_options.items():
            if not _OPTION.match(name) or not _OPTION_VALUE.match(value):
                raise ValueError(f"{name}={value} is not a module option")
            if name in _UNSAFE_OPTIONS:
                raise ValueError(
                    f"xe_options.{name} taints the kernel: declare the blob itself (guc, huc)"
                )
        return self

    @model_validator(mode="after")
    def _tokens_are_declared_once(self) -> BootSet:
        options = {key_of(f"xe.{name}") for name in self.xe_options}
        for token in (*self.cmdline.present, *self.cmdline.absent):
            if key_of(token) in options:
                raise ValueError(f"{token} and xe_options say the same thing twice")
            if key_of(token) in map(key_of, _OWN_KEYS):
                raise ValueError(f"{token} is written by the boot set itself")
        return self

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Return the declared firmware."""
        return tuple(blob for blob in (self.guc, self.huc) if blob is not None)

    @property
    def set_id(self) -> str:
        """Return the name of the set: the same content has the same name on every host.

        It begins with a letter, since GRUB takes an entry whose name begins with a digit for a
        number.
        """
        content = {
            "packages": self.kernel.packages,
            "release": self.kernel.uname,
            "present": self.cmdline.present,
            "absent": sorted(self.cmdline.absent),
            "xe": self.xe_options,
            "blobs": {blob.name: blob.sha256 for blob in self.blobs},
            "initramfs": self.initramfs.model_dump(),
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"b70-{self.kernel.uname}-{digest[:_NAME_DIGITS]}"

    @property
    def firmware_folder(self) -> str:
        """Return the folder that the kernel searches before /lib/firmware."""
        return f"{SET_FIRMWARE}/{self.set_id}"

    @property
    def words(self) -> tuple[str, ...]:
        """Return what the set adds to the kernel's command line, its name left out."""
        options = (f"xe.{name}={value}" for name, value in sorted(self.xe_options.items()))
        folder = (f"firmware_class.path={self.firmware_folder}",) if self.blobs else ()
        return (*self.cmdline.present, *options, *folder)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return what the set takes out of a person's command line: token, or name for any value.

        A parameter that the set gives a value to is taken out, unless it may be repeated.
        """
        repeatable = frozenset(map(key_of, REPEATABLE))
        own = (key_of(word) for word in self.words if key_of(word) not in repeatable)
        return tuple(dict.fromkeys((*self.cmdline.absent, *own)))

    @property
    def grub_settings(self) -> dict[str, str]:
        """Return every setting of GRUB's menu that is ours."""
        return {**GRUB_SETTINGS, **self.grub}
