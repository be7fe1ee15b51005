"""The wanted kernel's initial RAM disk: there, younger than what goes into it, and complete.

Only that kernel's image is touched: an older one keeps the firmware it was made with, which is what
makes it a way back. A module or blob that is missing after the build stops the run before a reboot.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import OperationError

from facts.boot.kernel_files import KernelContents
from facts.boot.loader import Boot, BootFile
from facts.reader import read
from facts.system.files import Stat
from facts.value import Absent, Unknown
from operations.boot.boot_scripts import BUILD_INITRAMFS
from operations.boot.kernel_modules import kernel_contents
from operations.operation import operation
from operations.require import path_state
from operations.script import Script


def missing(
    contents: KernelContents, modules: Sequence[str], firmware: Sequence[str]
) -> tuple[str, ...]:
    """Return what an initial RAM disk lacks, each as a person would say it. Pure.

    Raises:
        OperationError: what it carries is UNKNOWN.
    """
    files = contents.initrd
    if isinstance(files, Unknown):
        raise OperationError(f"contents of the initial RAM disk are UNKNOWN: {files.reason}")
    names = () if isinstance(files, Absent) else files
    wanted = {f"module {name}": rf"/{re.escape(name)}\.ko(\.(zst|xz|gz))?$" for name in modules}
    wanted |= {
        f"firmware {name}": rf"lib/firmware/(.*/)?{re.escape(name)}(\.(zst|xz))?$"
        for name in firmware
    }
    return tuple(
        what for what, pattern in wanted.items() if not any(re.search(pattern, n) for n in names)
    )


@operation()
def initramfs(
    release: str,
    modules: Sequence[str],
    firmware: Sequence[str],
    inputs: Mapping[str, str],
    blob: tuple[str, str] = ("", ""),
) -> Generator[StringCommand, None, None]:
    """Keep the initial RAM disk of one release built and complete.

    + release: the wanted kernel
    + modules: names of modules that it must carry
    + firmware: blobs that it must carry, relative to /lib/firmware
    + inputs: file that goes into it -> sha256 that the file will have, empty = the file is away
    + blob: sha256 and path of the declared GuC blob, compared inside the image after a build
    """
    boot = read(Boot)
    states = {path: path_state(path) for path in inputs}
    contents = kernel_contents(release)
    if isinstance(boot, Unknown):
        raise OperationError(f"which kernels are on disk is UNKNOWN: {boot.reason}")
    kernel = boot.kernels.get(release)
    image = kernel.initrd if kernel is not None else None
    lacking = missing(contents, modules, firmware)
    why = [f"it lacks {what}" for what in lacking]
    if isinstance(image, BootFile):
        why += _newer(image, states, inputs)
    elif image is not None:
        why = ["there is none"]
    if not why and image is not None:
        count = contents.initrd_count
        host.noop(f"{release}: {', '.join([*modules, *firmware])} among {count} files")
        return
    # without the kernel its package builds one; the same words build it again and look inside
    verb = "u" if isinstance(image, BootFile) or image is None else "c"
    yield Script(
        BUILD_INITRAMFS,
        "b70-initramfs",
        release,
        verb,
        " ".join(modules),
        " ".join(firmware),
        blob[0],
        blob[1].lstrip("/").removeprefix("usr/"),
        shown=("update-initramfs", f"-{verb}", "-k", release),
    )


def _newer(
    image: BootFile, states: Mapping[str, Stat | None], inputs: Mapping[str, str]
) -> list[str]:
    """Return the inputs that are younger than the image, or that will be written in this run."""
    why = []
    for path, sha256 in inputs.items():
        state = states[path]
        if state is None:
            if sha256:
                why.append(f"{path} is new")
        elif state.sha256 != sha256 or state.mtime > image.mtime:
            why.append(f"{path} is younger")
    return why
