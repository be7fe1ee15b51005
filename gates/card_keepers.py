"""What keeps a card from its driver: each word or line, where it stands, and the way out. Pure.

The running kernel's command line, the lines of modprobe.d and sysfs' driver_override are looked
at. What an initial RAM disk carries of its own is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from declaration.driver_words import blocks_b70, effective, keeps_xe_away, names_b70
from facts.boot.kernel import RunningKernel
from facts.parts import Line
from facts.pci.gpu import Gpu
from facts.value import ABSENT

_OPTION: Final = re.compile(r"(\w+)=(\S+)")
#: An `install` line that loads the module all the same.
_LOADS: Final = re.compile(r"(modprobe\b.*--ignore-install|-i\b|insmod)")
_MENU: Final = "write the menu anew (update-grub), then boot"
_IMAGE: Final = (
    "rebuild the initial RAM disk, which has a copy (update-initramfs -u, or dracut -f), then boot"
)


@dataclass(frozen=True, slots=True)
class Keeper:
    """One thing that keeps xe from a card.

    Attributes:
        what: the word or line with its place.
        step: how it is taken away.
        word: the token, for one on the kernel's command line.
    """

    what: str
    step: str
    word: str = ""


def keepers(kernel: RunningKernel, gpu: Gpu | None) -> tuple[Keeper, ...]:
    """Return all that keeps xe from a card, what binds closest first.

    Args:
        kernel: the running one.
        gpu: the card; None when its driver_override was not read.
    """
    found = [*_override(gpu), *_tokens(kernel)]
    return (*found, *(keeper for line in kernel.modprobe.lines for keeper in _line(line, kernel)))


def _override(gpu: Gpu | None) -> Iterator[Keeper]:
    if gpu is None or not isinstance(gpu.override, str) or gpu.override == "xe":
        return
    what = f"driver_override of {gpu.bdf} is {gpu.override}"
    if isinstance(gpu.override_file, str):
        step = f"driverctl unset-override {gpu.bdf}   # it set {gpu.override_file}; then boot"
        yield Keeper(f"{what} ({gpu.override_file})", step)
    else:
        yield Keeper(
            what,
            "take the card out of the virtual machine, or the script, that sets it (virsh list "
            "--all, qm list), then boot",
        )


def _tokens(kernel: RunningKernel) -> Iterator[Keeper]:
    if not isinstance(kernel.tokens, tuple):
        return
    for token in effective(kernel.tokens):
        if keeps_xe_away(token):
            yield Keeper(
                f"{token} on the kernel's command line",
                f"take {token} off the kernel's command line, {_MENU}",
                token,
            )


def _line(line: Line, kernel: RunningKernel) -> Iterator[Keeper]:
    verb, module, *rest = line.text.split(None, 2)
    place = f"{line.path}:{line.number}: {line.text.strip()}"
    step = f"remove line {line.number} of {line.path}, {_IMAGE}"
    # neither matters to a module that is loaded already
    keeps_out = verb == "blacklist" or (verb == "install" and not _LOADS.search("".join(rest)))
    if module == "xe" and keeps_out and kernel.xe is ABSENT:
        yield Keeper(place, step)
    elif verb == "options":
        values = dict(_OPTION.findall("".join(rest)))
        blocked = module == "xe" and blocks_b70(values.get("force_probe", "").strip('"'))
        if blocked or (module != "xe" and names_b70(values.get("ids", ""))):
            yield Keeper(place, step)
        elif line.text.rstrip().endswith("\\"):
            look = f"look whether line {line.number + 1} of {line.path} means a card; if so, {step}"
            yield Keeper(f"{place} goes on in the next line, which was not read", look)
