"""A stack: a *tested set* of GPU userspace, compilers and boot set, versioned as one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from declaration.apt import SourceName
from declaration.base import Declared
from declaration.boot import BootSet
from declaration.package import PackageName, Version, Versions


class PackageSet(Declared):
    """Packages that only work together: installed, upgraded and held in one dpkg transaction."""

    packages: Versions = Field(default_factory=dict)
    hold: bool = True


class LevelZeroLoader(Declared):
    """Who should own libze_loader.so.1, which both origins ship."""

    #: `libze1` (graphics PPA) or `level-zero` (oneAPI)
    owner: Literal["libze1", "level-zero"]
    #: the loader version that the stack was tested with
    version: Version
    #: version of the empty `libze1` that satisfies xpu-smi when oneAPI owns the loader
    shim_version: Version = ""
    #: packages of the other origin that ship the same files; they leave in the same transaction
    conflicts: tuple[PackageName, ...] = ()


class Compiler(Declared):
    """A oneAPI compiler; several stand side by side, the *artifact* says which one builds it."""

    #: directory below /opt/intel/oneapi/compiler
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+)*$")
    package: PackageName
    package_version: Version


class Verify(Declared):
    """What must be true after the set is in place."""

    #: text that `clinfo` must show as driver version, empty = not checked
    driver_version: str = ""
    #: command line (words as in a shell, but no shell runs it) -> text that its output must contain
    commands: dict[str, str] = Field(default_factory=dict)
    #: packages that bring these commands, in any version
    tools: tuple[PackageName, ...] = ()
    #: seconds until a command counts as hung; on a wedged driver clinfo never comes back
    timeout_s: int = Field(default=60, ge=1, le=600)


class Stack(Declared):
    """A tested set; `b70 inventory explain HOST stack` names the file."""

    name: str
    title: str = ""
    #: docs/evidence.md anchors behind the set
    evidence: tuple[str, ...] = ()
    #: the apt source that its userspace comes from: on a host with packages of several vendors'
    #: archives this is the decision between them; None = nobody decided
    source: SourceName | None = None
    #: kernel, tokens, module options and firmware; None = the host's own are left alone
    boot: BootSet | None = None
    userspace: PackageSet = PackageSet()
    oneapi: PackageSet = PackageSet()
    compilers: tuple[Compiler, ...] = ()
    loader: LevelZeroLoader | None = None
    verify: Verify = Verify()
    #: kernel releases (globs) on which GPU services may start
    kernels: tuple[str, ...] = ()
    #: device name as this userspace reports it: tuned MoE configs are named after it
    device_name: str = ""
