"""Builds the fake cards and their driver for a guest kernel, and packs what a guest installs.

`fakeb70.ko` is hardware: it lies in the disk image for both kernels, outside /lib/modules, where no
package and no audit looks for it. `xe.ko` is software: a package per kernel release, named as the
one that carries the driver on Ubuntu, so that a kernel without it has cards but no driver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import debs
from lab.debs import Content, Package
from lab.shell import run
from lab.vm.kernels import Kernel
from lab.vm.recipe import GUEST, SOURCES, Firmware

#: Bytes of a stand-in blob, and where its version word stands (uc_css_header.sw_version in
#: torvalds/linux drivers/gpu/drm/xe/xe_uc_fw_abi.h).
_BLOB_BYTES: Final = 4096
_VERSION_AT: Final = 64
#: Seconds; unpacking the compiler and both builds took 45 s on 2 busy cores.
_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Modules:
    """The two modules built for one kernel."""

    cards: Path
    driver: Path


def build(base: Path, packages: Path, kernels: Iterable[Kernel], scratch: Path) -> list[Modules]:
    """Compile both modules for some kernels with the tools of their own release.

    Args:
        base: root file system of the release's base image.
        packages: folder with headers, compiler, make and all that these need.
        kernels: what to compile for.
        scratch: folder of this build's own.
    """
    releases = [kernel.release for kernel in kernels]
    compile_ = ["unshare", "--mount", "--propagation=private", "sh", str(GUEST / "compile.sh")]
    where = [str(base), str(packages), str(SOURCES), str(scratch)]
    run([*compile_, *where, *releases], timeout_s=_TIMEOUT_S)
    folders = [scratch / "build" / release for release in releases]
    return [Modules(folder / "fakeb70.ko", folder / "xe.ko") for folder in folders]


def blob(version: str) -> bytes:
    """Return stand-in firmware of a version such as 70.54.0."""
    major, minor, patch = (int(part) for part in version.split("."))
    content = bytearray(f"stand-in firmware {version}\n".encode().ljust(_BLOB_BYTES, b"\0"))
    word = major << 16 | minor << 8 | patch
    content[_VERSION_AT : _VERSION_AT + 4] = word.to_bytes(4, "little")
    return bytes(content)


def firmware_package(firmware: Firmware) -> Package:
    """Return the package with the stand-in firmware."""
    files = {path: Content(blob(version)) for path, version in firmware.files.items()}
    return Package(firmware.package, firmware.version, files=files, architecture="all")


def driver_package(kernel: Kernel, driver: bytes, firmware: Firmware) -> Package:
    """Return the package with the driver for one kernel."""
    release, module = kernel.release, f"/lib/modules/{kernel.release}/updates/xe.ko"
    # an initramfs made after the module was unpacked has it already: making one takes a minute
    postinst = f"""#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
[ ! -d /lib/modules/{release}/kernel ] || depmod {release}
if [ -e /boot/initrd.img-{release} ] &&
   [ -n "$(find {module} -cnewer /boot/initrd.img-{release})" ]; then
  update-initramfs -u -k {release}
fi
"""
    postrm = f"""#!/bin/sh
set -e
[ "$1" != remove ] || [ ! -d /lib/modules/{release}/kernel ] || depmod {release}
"""
    return Package(
        kernel.modules,
        kernel.version,
        f"{kernel.package}, {firmware.package}",
        {module: Content(driver)},
        scripts={"postinst": postinst, "postrm": postrm},
    )


def pack(package: Package, folder: Path) -> Path:
    """Build a package in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return debs.build(package, folder)
