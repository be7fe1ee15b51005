"""Builds the fake cards and their driver for a guest kernel, and packs what a guest installs.

`fakeb70.ko` is hardware: it lies in the disk image for both kernels, outside /lib/modules, where no
package and no audit looks for it. `xe.ko` is software: a package per kernel release, named as the
one that carries the driver on Ubuntu, so that a kernel without it has cards but no driver.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import debs
from lab.debs import Content, Package
from lab.shell import run
from lab.vm.kernels import Kernel
from lab.vm.recipe import SOURCES, Firmware

#: Bytes of a stand-in blob, and where its version word stands (uc_css_header.sw_version in
#: torvalds/linux drivers/gpu/drm/xe/xe_uc_fw_abi.h).
_BLOB_BYTES: Final = 4096
_VERSION_AT: Final = 64
#: Seconds; 15 s were measured on 2 cores.
_TIMEOUT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Modules:
    """The two modules built for one kernel."""

    cards: Path
    driver: Path


def build(headers: Iterable[Path], kernel: Kernel, folder: Path) -> Modules:
    """Compile both modules against a kernel's headers.

    Args:
        headers: the packages with them.
        kernel: whose they are.
        folder: scratch folder of this kernel's own.
    """
    unpacked, sources = folder / "headers", folder / "source"
    unpacked.mkdir(parents=True)
    for package in headers:
        run(["dpkg-deb", "--extract", str(package), str(unpacked)], timeout_s=_TIMEOUT_S)
    tree = unpacked / "usr/src" / f"linux-headers-{kernel.release}"
    # Debian's headers name their common part by an absolute path
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("include /usr/", f"include {unpacked}/usr/"))
    shutil.copytree(SOURCES, sources, dirs_exist_ok=True)
    run(["make", "-C", str(sources), f"KDIR={tree}", "CC=gcc"], timeout_s=_TIMEOUT_S)
    built = Modules(sources / "fakeb70.ko", sources / "xe.ko")
    run(["strip", "--strip-debug", str(built.cards), str(built.driver)])
    return built


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
