"""The lab's machines as the bench needs them: many, alike, with trees planted and read back.

Planting and reading go through the machines' namespaces, never through a measured tool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from bench import tree
from bench.targets import Target
from bench.workloads import WORKLOADS
from lab import shapes
from lab.lab import Lab
from lab.machines import Machine

#: Start of the name of every machine that the bench makes; it removes no other.
PREFIX: Final = "bench-"
#: Machines that are planted or read at the same time.
_AT_ONCE: Final = 4
#: Seconds for one planting or reading.
_LIMIT_S: Final = 120

_Result = TypeVar("_Result")


class Machines:
    """The machines of one bench; those of another lab user are left alone.

    Args:
        lab: where they run.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._machines: list[Machine] = []

    def up(self, count: int) -> None:
        """Have at least `count` machines running."""
        names = [f"{PREFIX}{number:02d}" for number in range(1, count + 1)]
        missing = [name for name in names if name not in {m.name for m in self._machines}]
        if missing:
            fresh = self._lab.up_many(dict.fromkeys(missing, shapes.HEALTHY_GEN5))
            self._machines += fresh
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(_settle, fresh))

    def down(self) -> None:
        """Remove every machine whose name starts with the prefix."""
        ours = [m.name for m in self._lab.machines() if m.name.startswith(PREFIX)]
        self._lab.down(ours)
        self._machines = []

    def write_fleet(self, folder: Path) -> None:
        """Write a fleet directory with all machines of the bench."""
        self._lab.inventory(folder, [machine.name for machine in self._machines])

    def targets(self, count: int) -> list[Target]:
        """Return the first machines as targets."""
        return [
            Target(m.name, m.address, m.port, m.user, str(m.key), m.host_key)
            for m in self._machines[:count]
        ]

    def plant(self, tools: Sequence[str], workload: str, count: int, *, before: bool) -> None:
        """Put a workload's tree on the first machines, for each tool.

        Args:
            before: with other content in the files, so that a tool finds something to change.
        """

        def one(machine: Machine) -> None:
            entries = tree.entries(WORKLOADS[workload], machine.name, before=before)
            text = "".join(tree.plant(entries, tree.root(tool, workload)) for tool in tools)
            machine.run("sh -s", input=text, timeout_s=_LIMIT_S)

        self._each(count, one)

    def empty(self, tools: Sequence[str], workload: str, count: int) -> None:
        """Leave an empty folder for each tool on the first machines."""
        roots = " ".join(tree.root(tool, workload) for tool in tools)
        self._each(count, lambda m: m.run(f"rm -rf {roots}; mkdir -p {roots}", timeout_s=_LIMIT_S))

    def wrong(self, tool: str, workload: str, count: int) -> list[str]:
        """Return the machines whose tree is not what the workload describes."""

        def one(machine: Machine) -> bool:
            expected = tree.listing(tree.entries(WORKLOADS[workload], machine.name))
            root = tree.root(tool, workload)
            return machine.run(f"cd {root} && {{ {tree.LISTING}; }}").stdout == expected

        right = self._each(count, one)
        return [m.name for m, good in zip(self._machines, right, strict=False) if not good]

    def stamps(self, tools: Sequence[str], workload: str, count: int) -> dict[str, list[str]]:
        """Return, per tool and machine, what changes when anything in its tree is touched."""
        roots = [tree.root(tool, workload) for tool in tools]
        text = "".join(f"cd {root} && {{ {tree.STAMP}; }}\n" for root in roots)
        said = self._each(count, lambda m: m.run("sh -s", input=text).stdout.splitlines())
        return {tool: [lines[index] for lines in said] for index, tool in enumerate(tools)}

    def probe_cpu_s(self, program: str) -> float:
        """Return user and system seconds that a program takes on the first machine."""
        said = self._machines[0].run("cat >/tmp/b70bench; sh /tmp/b70bench >/dev/null 2>&1; times",
                                     input=program, timeout_s=_LIMIT_S).stdout  # fmt: skip
        return sum(seconds(word) for word in said.split())

    def _each(self, count: int, work: Callable[[Machine], _Result]) -> list[_Result]:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            return list(pool.map(work, self._machines[:count]))


def _settle(machine: Machine) -> None:
    """Wait until a machine has booted to its end; sshd answers long before."""
    machine.run("systemctl is-system-running --wait", check=False, timeout_s=_LIMIT_S)


def seconds(word: str) -> float:
    """Return the seconds of one of `times`' words, such as 0m0.123456s."""
    minutes, _, rest = word.rstrip("s").partition("m")
    return int(minutes) * 60 + float(rest)
