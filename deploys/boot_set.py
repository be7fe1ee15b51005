"""The boot set: kernel, tokens, module options and firmware, ready for a reboot that can succeed.

First what goes into an initial RAM disk, then the kernel whose package builds one, then the menu.
Nothing here reboots. Whether a reboot is due is in boot_state.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import BootSet, Guc
from declaration.onhost import FIRMWARE
from deploys.base_paths import BANNER
from deploys.boot_paths import INITRAMFS_HOOK, XE_OPTIONS
from deploys.distribution import distribution
from deploys.layer import declaration, deploy
from deploys.templates import render
from operations.apt.package_set import package_set
from operations.boot.fallback_kernel import fallback, fallback_kernel
from operations.boot.grub_defaults import grub_defaults
from operations.boot.grub_menu import grub_default, grub_menu
from operations.boot.guc_firmware import guc_firmware
from operations.boot.initramfs import initramfs
from operations.boot.kernel_modules import kernel_modules
from operations.boot.modprobe_options import content as options_text
from operations.boot.modprobe_options import modprobe_options
from operations.files.file import directory, file

#: Seconds that a kernel's download, unpacking and hooks may take on a slow disk.
_TRANSACTION_S: Final = 3600
#: Seconds that building an initial RAM disk or the menu may take.
_BUILD_S: Final = 1800


@deploy("boot set")
def boot_set() -> None:
    """Declare the boot set of the current host; nothing without one."""
    spec = declaration()
    wanted = spec.stack.boot if spec.stack else None
    if wanted is None:
        return
    table = distribution().boot
    wait = spec.apt.lock_timeout_s
    kernel, release = wanted.kernel, wanted.kernel.uname
    fallback_kernel(
        kernel=kernel,
        companions=table.companions,
        lock_timeout_s=wait,
        name="Kernel[fallback]",
    )
    inputs = _inputs(wanted)
    grub_defaults(
        cmdline=wanted.cmdline, settings=wanted.grub_settings, name="File[/etc/default/grub]"
    )
    package_set(
        versions=kernel.packages,
        hold=True,
        protected=[_exactly(package) for package in fallback(kernel).packages],
        lock_timeout_s=wait,
        name="Packages[boot-set]",
        _timeout=_TRANSACTION_S,
    )
    kernel_modules(release=release, name=f"KernelModules[{release}]")
    initramfs(
        release=release,
        modules=wanted.initramfs.modules,
        firmware=wanted.initramfs.firmware,
        inputs=inputs,
        blob=(wanted.guc.sha256, wanted.guc.path) if wanted.guc else ("", ""),
        name=f"Initramfs[{release}]",
        _timeout=_BUILD_S,
    )
    grub_menu(
        release=release,
        cmdline=wanted.cmdline,
        settings=wanted.grub_settings,
        update=table.update_menu,
        name="GrubMenu[/boot/grub/grub.cfg]",
        _timeout=_BUILD_S,
    )
    grub_default(release=release, cmdline=wanted.cmdline, name="GrubDefault[saved_entry]")


def _exactly(package: str) -> str:
    # a backslash would not reach awk's pattern as it is
    return "^" + re.sub(r"[.+]", r"[\g<0>]", package) + "$"


def _inputs(wanted: BootSet) -> dict[str, str]:
    """Declare what goes into the initial RAM disk; return file -> sha256 that it will have."""
    hook = render(
        "boot/initramfs-hook.sh.j2",
        banner=BANNER,
        modules=wanted.initramfs.modules,
        firmware=wanted.initramfs.firmware,
    )
    options = options_text(BANNER, wanted.xe_options) if wanted.xe_options else ""
    modprobe_options(
        path=XE_OPTIONS, banner=BANNER, options=wanted.xe_options, name=f"File[{XE_OPTIONS}]"
    )
    inputs = {XE_OPTIONS: _sha256(options.encode()) if options else ""}
    if wanted.guc is not None:
        _firmware(wanted.guc, wanted.kernel.uname)
        inputs[wanted.guc.path] = wanted.guc.sha256
    file(
        path=INITRAMFS_HOOK,
        content=hook,
        mode="0755",
        validate='sh -n "$B70_FILE"',
        name=f"File[{INITRAMFS_HOOK}]",
    )
    return {**inputs, INITRAMFS_HOOK: _sha256(hook.encode())}


def _firmware(guc: Guc, release: str) -> None:
    for folder in (guc.path.rpartition("/")[0], FIRMWARE):
        directory(path=folder, name=f"Directory[{folder}]")
    on_host = guc.source.startswith("/")
    guc_firmware(
        path=guc.path,
        sha256=guc.sha256,
        release=release,
        content=_blob(guc) if guc.source and not on_host else None,
        source=guc.source if on_host else "",
        name=f"Firmware[{guc.path}]",
    )


def _blob(guc: Guc) -> bytes:
    """Return the blob that lies beside the declaration.

    Raises:
        OperationError: it is not there, or it is another one.
    """
    path = Path(str(host.data.get("fleet_directory") or ".")) / guc.source
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OperationError(f"guc.source {path}: {error.strerror}") from error
    if _sha256(data) != guc.sha256:
        raise OperationError(
            f"guc.source {path} has sha256 {_sha256(data)}, declared is {guc.sha256}"
        )
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
