"""Makes the declared boot set complete, beside every other one, and checks that it can boot.

What a running system uses stays as it is: the set has a folder, firmware and a menu entry of its
own. Nothing here reboots or changes what boots by default.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from pyinfra import host
from pyinfra.api.exceptions import OperationError

from declaration.boot import Blob, BootSet
from declaration.onhost import SET_FIRMWARE
from deploys.base_paths import BANNER
from deploys.boot.paths import MENU_SCRIPT, OLD, SETTINGS
from deploys.boot.programs import initramfs_kind
from deploys.distribution import distribution
from deploys.layer import declaration, deploy
from facts.boot.loader import Boot
from facts.boot.sets import BootSets
from facts.reader import read
from operations.apt.package_set import package_set
from operations.boot.boot_default import saved_entry
from operations.boot.boot_set import boot_set as boot_set_of
from operations.boot.boot_set import kept_set
from operations.boot.grub_menu import MENU, boot_entry, grub_menu, manifest_path
from operations.boot.grub_settings import WRITTEN_TOKENS, grub_settings, old_tokens
from operations.boot.kept_packages import fallback, kept_packages
from operations.boot.kernel_modules import kernel_modules
from operations.boot.set_firmware import set_firmware
from operations.files.file import absent, directory
from operations.require import require

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
    wait, kernel = spec.apt.lock_timeout_s, wanted.kernel
    kept_packages(
        kernel=kernel,
        companions=table.companions,
        lock_timeout_s=wait,
        name="Packages[kept]",
    )
    # before anything replaces it, and before a newer kernel becomes the first of the menu
    kept_set(wanted=wanted, companions=table.companions, name="BootSet[as-found]")
    saved_entry(name="GrubDefault[saved_entry]")
    _settings(wanted)
    package_set(
        versions=kernel.packages,
        hold=True,
        protected=[_exactly(package) for package in fallback(kernel).packages],
        lock_timeout_s=wait,
        name="Packages[boot-set]",
        _timeout=_TRANSACTION_S,
    )
    kernel_modules(release=kernel.uname, name=f"KernelModules[{kernel.uname}]")
    _firmware(wanted)
    boot_set_of(
        wanted=wanted,
        companions=table.companions,
        tool=initramfs_kind().tool,
        own_options=OLD,
        name=f"BootSet[{wanted.set_id}]",
        _timeout=_BUILD_S,
    )
    _menu(wanted, table.update_menu)


def _settings(wanted: BootSet) -> None:
    folder = SETTINGS.rpartition("/")[0]
    directory(path=folder, name=f"Directory[{folder}]")
    settings = wanted.grub_settings | _flavour(wanted)
    grub_settings(path=SETTINGS, banner=BANNER, settings=settings, name=f"File[{SETTINGS}]")
    old_tokens(
        variable=wanted.cmdline.variable,
        written=_written(wanted),
        name="File[/etc/default/grub]",
    )


def _menu(wanted: BootSet, update: tuple[str, ...]) -> None:
    for path in OLD:
        absent(path=path, name=f"File[{path}]")
    grub_menu(
        wanted=wanted,
        inputs=(SETTINGS, MENU_SCRIPT, manifest_path(wanted.set_id)),
        update=update,
        name=f"GrubMenu[{MENU}]",
        _timeout=_BUILD_S,
    )
    boot_entry(wanted=wanted, name=f"BootEntry[{wanted.set_id}]", _timeout=_BUILD_S)


def _flavour(wanted: BootSet) -> dict[str, str]:
    """Return the setting that keeps the declared kernel's flavour at the top of the menu.

    It counts where the default entry is lost; only Ubuntu's GRUB knows it.
    """
    boot = require(read(Boot), "what GRUB is set to")
    flavour = wanted.kernel.uname.rpartition("-")[2]
    if boot.knows_flavours is not True or not flavour.isalpha():
        return {}
    return {"GRUB_FLAVOUR_ORDER": flavour}


def _written(wanted: BootSet) -> tuple[str, ...]:
    """Return the tokens on record as ours; once the set is the default nobody asks any more."""
    sets = require(read(BootSets), "which boot sets there are")
    asked = host.data.get(WRITTEN_TOKENS)
    return tuple(asked()) if callable(asked) and sets.default != wanted.set_id else ()


def _exactly(package: str) -> str:
    # a backslash would not reach awk's pattern as it is
    return "^" + re.sub(r"[.+]", r"[\g<0>]", package) + "$"


def _firmware(wanted: BootSet) -> None:
    if not wanted.blobs:
        return
    folders = {SET_FIRMWARE, wanted.firmware_folder}
    paths = {blob.name: f"{wanted.firmware_folder}/{blob.name}" for blob in wanted.blobs}
    folders |= {path.rpartition("/")[0] for path in paths.values()}
    for folder in sorted(folders):
        directory(path=folder, name=f"Directory[{folder}]")
    for blob in wanted.blobs:
        on_host = blob.source.startswith("/")
        set_firmware(
            path=paths[blob.name],
            sha256=blob.sha256,
            content=_content(blob) if blob.source and not on_host else None,
            source=blob.source if on_host else blob.path,
            name=f"Firmware[{paths[blob.name]}]",
        )


def _content(blob: Blob) -> bytes:
    """Return the blob that lies beside the declaration.

    Raises:
        OperationError: it is not there, or it is another one.
    """
    path = Path(str(host.data.get("fleet_directory") or ".")) / blob.source
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OperationError(f"source of {blob.name}, {path}: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != blob.sha256:
        raise OperationError(
            f"source of {blob.name}, {path}, has sha256 {found}, declared is {blob.sha256}"
        )
    return data
