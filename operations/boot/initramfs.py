"""The wanted kernel's initial RAM disk: there, younger than what goes into it, and complete.

Only that kernel's image is touched: an older one keeps the firmware it was made with, which is what
makes it a way back. A module or blob that is missing after the build stops the run before a reboot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pyinfra import host

from facts.boot.kernel_files import KernelContents
from facts.boot.loader import Boot, BootFile
from facts.reader import read
from facts.shelltext import shell_text
from facts.system.files import Stat
from operations.boot.kernel_modules import kernel_contents
from operations.operation import Commands, differs, operation
from operations.require import path_state, require
from operations.script import Script

_BUILD: Final = shell_text(__file__)
#: What an initial RAM disk has to be.
_RIGHT: Final = "complete and younger than what goes into it"


def missing(
    contents: KernelContents, modules: Sequence[str], firmware: Sequence[str]
) -> tuple[str, ...]:
    """Return what an initial RAM disk lacks, each as a person would say it. Pure.

    Raises:
        OperationError: what it carries is UNKNOWN.
    """
    files = require(contents.initrd, "what the initial RAM disk carries")
    names = files if isinstance(files, tuple) else ()
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
) -> Commands:
    """Keep the initial RAM disk of one release built and complete.

    + release: the wanted kernel
    + modules: names of modules that it must carry
    + firmware: blobs that it must carry, relative to /lib/firmware
    + inputs: file that goes into it -> sha256 that the file will have, empty = the file is away
    + blob: sha256 and path of the declared GuC blob, compared inside the image after a build
    """
    loader = read(Boot)
    states = {path: path_state(path) for path in inputs}
    contents = kernel_contents(release)
    boot = require(loader, "which kernels are on disk")
    kernel = boot.kernels.get(release)
    image = kernel.initrd if kernel is not None else None
    why = [f"without {what}" for what in missing(contents, modules, firmware)]
    if isinstance(image, BootFile):
        why += _newer(image, states, inputs)
    if isinstance(image, BootFile) and not why:
        count = contents.initrd_count
        host.noop(f"{release}: {', '.join([*modules, *firmware])} among {count} files")
        return
    # without the kernel its package builds one; the same words build it again and look inside
    verb = "u" if isinstance(image, BootFile) or image is None else "c"
    differs("initramfs", _RIGHT, ", ".join(why) if isinstance(image, BootFile) else None)
    yield Script(
        _BUILD,
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
                why.append(f"older than {path}")
        elif not sha256:
            why.append(f"older than the removal of {path}")
        elif state.sha256 != sha256 or state.mtime > image.mtime:
            why.append(f"older than {path}")
    return why
