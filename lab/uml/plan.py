"""What the supervisor of a machine must know, and what it does with that: pure.

A supervisor is a small process for the whole life of a machine; it reads this once, at power-on,
so only the standard library is imported here.
"""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Final, Self

#: What the kernel prints when it panics (lab/uml/kernel/b70lab.c), and when it is switched off.
_PANIC: Final = "b70lab: panic_timeout="
_OFF: Final = ("reboot: Power down", "reboot: System halted")
#: Rounds of the delay loop in a tick. To measure them takes 0.12 s of each boot; no driver of a lab
#: machine delays by them, so the figure of the computer that this was written on does for all.
_LOOPS_PER_JIFFY: Final = 7_500_000
#: Exit status of a process that somebody ended with SIGKILL.
_KILLED: Final = -9
#: A kernel that ends sooner after its start, in seconds, and says nothing, cannot run at all.
_AT_ONCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards that a machine shows in some of its boots.

    Args:
        tree: string for the module that shows them.
        driver: string for their driver.
        kernel: pattern of the kernels under which they are there, as `fnmatch` takes it, matched
            with the path that the boot entry names.
        words: words of which one must be on the kernel's command line; empty = any line.
        boots: numbers of the boots since power-on, from 1; empty = all.
    """

    tree: str
    driver: str
    kernel: str = "*"
    words: tuple[str, ...] = ()
    boots: tuple[int, ...] = ()

    def fit(self, kernel: str, words: Sequence[str], boot: int) -> bool:
        """Return True if these are the cards of a boot."""
        return (
            fnmatch.fnmatchcase(kernel, self.kernel)
            and (not self.words or any(word in self.words for word in words))
            and (not self.boots or boot in self.boots)
        )


@dataclass(frozen=True, slots=True)
class Grub:
    """How GRUB is reached on the machine's disk.

    Args:
        emu: words that run grub-emu.
        fstest: words that run grub-fstest.
        device: partition or volume that holds GRUB's files, as grub-emu names it.
        prefix: GRUB's folder there.
    """

    emu: tuple[str, ...]
    fstest: tuple[str, ...]
    device: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One machine from power-on to power-off; paths are relative to its folder.

    Args:
        name: unique on this computer.
        number: the machine's host number.
        serial: serial number of the board.
        board: name of the board.
        link: link on the lab's bridge.
        mac: hardware address of the network card.
        memory_mib: RAM in MiB.
        disks: raw files by the serial number that the guest sees, the system disk first.
        seccomp: the kernel needs no ptrace for its processes.
        grub: how the boot entry is found.
        cards: what is plugged in; the first that fits a boot counts.
        box: control group folders that the kernel runs in.
    """

    name: str
    number: int
    serial: str
    board: str
    link: str
    mac: str
    memory_mib: int
    disks: dict[str, str]
    seccomp: bool
    grub: Grub
    cards: tuple[Cards, ...]
    box: tuple[str, ...]

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the plan that `to_json` wrote."""
        data: dict[str, Any] = json.loads(text)
        grub = data["grub"]
        data["grub"] = Grub(**grub | {name: tuple(grub[name]) for name in ("emu", "fstest")})
        data["cards"] = tuple(
            Cards(**each | {"words": tuple(each["words"]), "boots": tuple(each["boots"])})
            for each in data["cards"]
        )
        return cls(**data | {"box": tuple(data["box"])})


def cpu(number: int, allowed: Iterable[int], taken: Iterable[int]) -> int:
    """Return the CPU that a machine runs on until its next boot.

    Kernel and guest processes take turns and never run at once, and a turn on one CPU is cheap: a
    boot took 3.4 s there against 5.5 s on two, with a third less CPU time.

    Args:
        number: the machine's host number; of equals the next takes the next.
        allowed: CPUs that may be used.
        taken: the CPU of each other machine that runs.
    """
    cpus, others = sorted(allowed), Counter(taken)
    turns = [cpus[(number + turn) % len(cpus)] for turn in range(len(cpus))]
    return min(turns, key=others.__getitem__)


def hardware(plan: Plan, kernel: str, words: Sequence[str], boot: int, initrd: bool) -> list[str]:
    """Return the words that plug a machine's hardware into its kernel.

    Args:
        plan: the machine.
        kernel: path of the kernel that the boot entry names.
        words: what the entry passes to it.
        boot: number of this boot since power-on, from 1.
        initrd: an initramfs lies beside the kernel.
    """
    cards = next((each for each in plan.cards if each.fit(kernel, words, boot)), None)
    found = [
        "noreboot",
        f"lpj={_LOOPS_PER_JIFFY}",
        f"mem={plan.memory_mib}M",
        f"umid={plan.name}",
        "uml_dir=./",
        f"seccomp={'on' if plan.seccomp else 'off'}",
        # without gro the kernel asks its link for large segments all the same, and loses them
        f"vec0:transport=tap,ifname={plan.link},depth=64,gro=1,mac={plan.mac}",
        "con=null",
        "ssl=null",
        "ssl0=null,fd:1",
        *(f"ubd{n}={file},,{serial}" for n, (serial, file) in enumerate(plan.disks.items())),
        *(["initrd=initrd"] if initrd else []),
        f'b70lab.serial="{plan.serial}"',
        f'b70lab.board="{plan.board}"',
    ]
    if cards is not None:
        found += [f"b70lab.cards={cards.tree}", f"b70lab.driver={cards.driver}"]
    return found


class End(Enum):
    """How a boot ended."""

    REBOOT = "the kernel restarted the machine"
    OFF = "the kernel switched the machine off"
    PANIC = "the kernel gave up"
    RESET = "somebody ended the kernel: the reset button, or a watchdog"
    DEAD = "the kernel did not start"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a boot ended, and how many seconds until the next one; None = it stands still."""

    end: End
    wait_s: float | None = 0.0


def judge(status: int, lived_s: float, console: str) -> Ended:
    """Return how a boot ended.

    Args:
        status: exit status of the kernel's process, negative for a signal.
        lived_s: seconds that it ran.
        console: what it printed in this boot.
    """
    if _PANIC in console:
        timeout = int(console.rpartition(_PANIC)[2].split()[0])
        return Ended(End.PANIC, max(timeout, 0) if timeout else None)
    if status == _KILLED:
        return Ended(End.RESET)
    if any(said in console for said in _OFF):
        return Ended(End.OFF, None)
    if lived_s < _AT_ONCE_S and not console.strip():
        return Ended(End.DEAD, None)
    return Ended(End.REBOOT)
