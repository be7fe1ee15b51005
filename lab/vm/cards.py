"""What can happen to the cards of a running virtual machine, as verbs.

Cards are counted from 0 in order of their slots. What is done lasts until the guest boots again.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import Final, Protocol

from lab import rigshape
from lab.errors import LabError
from lab.rigshape import RigShape

_TREE: Final = "/sys/module/fakeb70/parameters"
_DRIVER: Final = "/sys/module/xe/parameters"
_PCI: Final = "/sys/bus/pci"
#: Seconds until an idle card must sleep; the driver's autosuspend delay is 1 s.
_ASLEEP_WITHIN_S: Final = 20.0
#: Seconds until the driver must have the late cards; it looks for them every second.
_BOUND_WITHIN_S: Final = 60.0


class Run(Protocol):
    """Runs a shell command on the machine as root."""

    def __call__(self, command: str, /) -> subprocess.CompletedProcess[str]: ...


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one machine.

    Args:
        run: runs a command there.
        shape: the rig that it shows.
    """

    run: Run
    shape: RigShape

    def bdf(self, card: int) -> str:
        """Return the PCI address of a card's GPU."""
        return rigshape.gpu_address(self.shape, card)

    def retrain(self, card: int, *, gen: int | None = None, width: int | None = None) -> None:
        """Let the slot link train anew, to another generation or width."""
        if gen is not None:
            self._set(f"{_TREE}/cur_gen", card, gen)
        if width is not None:
            self._set(f"{_TREE}/cur_width", card, width)

    def retrain_uplink(self, *, gen: int, width: int = 16) -> None:
        """Let the uplink of the switch train anew."""
        self.run(f"echo {gen} >{_TREE}/up_gen; echo {width} >{_TREE}/up_width")

    def dead(self, card: int, dead: bool = True) -> None:
        """Let a card fall off the bus: its configuration space reads all-ones from now on."""
        self._set(f"{_TREE}/dead", card, int(dead))

    def downgrade(self, card: int, downgraded: bool = True) -> None:
        """Let a card report that it fell back to Gen4 while training, and its link with it."""
        self._set(f"{_DRIVER}/dg_status", card, int(downgraded))
        self.retrain(card, gen=4 if downgraded else 5)

    def unplug(self, card: int) -> None:
        """Take a card out: the kernel removes its upstream port and everything behind."""
        bus = rigshape.first_bus(self.shape, card)
        self.run(f"echo 1 >{_PCI}/devices/0000:{bus:02x}:00.0/remove")

    def replug(self) -> None:
        """Let the kernel look for cards again: unplugged ones come back."""
        self.run(f"echo 1 >{_PCI}/rescan")

    def unbind(self, card: int) -> None:
        """Take a card from its driver."""
        self.run(f"echo {self.bdf(card)} >{_PCI}/drivers/xe/unbind")

    def bind(self, card: int) -> None:
        """Give a card to its driver."""
        self.run(f"echo {self.bdf(card)} >{_PCI}/drivers/xe/bind")

    def bind_late_ones(self) -> None:
        """Let the driver take the cards that it was told to take late (`VirtualMachine.show`).

        Returns when it has them.

        Raises:
            LabError: it does not take them.
        """
        for card in range(len(self.shape.cards)):
            self._set(f"{_DRIVER}/bind_delay_ms", card, 0)
        wanted = len(list(rigshape.driven(self.shape)))
        deadline = time.monotonic() + _BOUND_WITHIN_S
        while int(self.run(f"ls -d {_PCI}/drivers/xe/0000:* | wc -l").stdout) < wanted:
            if time.monotonic() > deadline:
                raise LabError("the driver does not take the late cards")
            time.sleep(0.5)

    def idle_vram(self, card: int, mib: int) -> None:
        """Let a card have this much VRAM in use."""
        self._set(f"{_DRIVER}/idle_vram_mib", card, mib)

    def power_control(self, card: int, value: str = "") -> str:
        """Return power/control of a card, after setting it when a value is given."""
        file = f"{_PCI}/devices/{self.bdf(card)}/power/control"
        if value:
            self.run(f"echo {value} >{file}")
        return self.run(f"cat {file}").stdout.strip()

    def runtime_status(self, card: int) -> str:
        """Return power/runtime_status of a card."""
        return self.run(f"cat {_PCI}/devices/{self.bdf(card)}/power/runtime_status").stdout.strip()

    def suspend(self, card: int) -> None:
        """Let a card sleep and wait until it does.

        Raises:
            LabError: it stays awake.
        """
        self.power_control(card, "auto")
        deadline = time.monotonic() + _ASLEEP_WITHIN_S
        while self.runtime_status(card) != "suspended":
            if time.monotonic() > deadline:
                raise LabError(f"card {card} does not fall asleep")
            time.sleep(0.1)

    def keep_awake(self) -> None:
        """Wake every card and let none sleep, as a rig's udev rule does it."""
        for card, about in enumerate(self.shape.cards):
            if about.health != "missing":
                self.power_control(card, "on")

    def wakes(self, card: int) -> int:
        """Return how often somebody woke a sleeping card by reading its link downgrade files."""
        return int(self._get(f"{_DRIVER}/wakes")[card])

    def _get(self, file: str) -> list[str]:
        return self.run(f"cat {file}").stdout.strip().split(",")

    def _set(self, file: str, card: int, value: int) -> None:
        values = self._get(file)
        values[card] = str(value)
        self.run(f"echo {','.join(values)} >{file}")
