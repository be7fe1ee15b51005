"""What is compared: each tool as a measured command for a workload on a list of hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from bench import playbook, tree
from bench.measure import Command, Sample, fan_out, run
from bench.peers import CHECKOUT, Peers, stock_pyinfra
from bench.targets import Target, fleet_hosts, known_hosts, ssh_command, stock_hosts
from bench.workloads import WORKLOADS, blob

#: Tool -> what it is, in the order of the table's columns.
TOOLS: Final = {
    "ssh": "`ssh HOST true`, one OpenSSH process per host, all at once: the floor",
    "b70": "this product: lock, all facts and gates, plan, journal",
    "pyinfra": "stock pyinfra, its own command line with `-y`",
    "mitogen": "ansible-core with mitogen's linear strategy",
    "ansible": "ansible-core, linear strategy, pipelining",
}
#: Those that keep resources, and so have a tree on each host.
KEEPERS: Final = ("b70", "pyinfra", "mitogen", "ansible")


@dataclass(frozen=True, slots=True)
class Place:
    """The hosts of one row of the table and the way to them.

    Args:
        folder: this row's own files: inventories, pinned keys, outputs.
        fleet: the lab's fleet directory; keys and group data are taken from it.
        memory: folder of the product's ledgers, shared by all rows as on a real controller.
    """

    targets: Sequence[Target]
    folder: Path
    fleet: Path
    memory: Path

    @property
    def known(self) -> Path:
        """Return the file with the pinned keys."""
        return self.folder / "known_hosts"

    def write(self) -> None:
        """Write what the tools read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known.write_text(known_hosts(self.targets))
        hosts = stock_hosts(self.targets, self.known)
        (self.folder / "stock-hosts.json").write_text(json.dumps(hosts))
        (self.folder / "ansible-hosts.yml").write_text(
            yaml.safe_dump(playbook.inventory(self.targets))
        )
        fleet = self.folder / "fleet"
        fleet.mkdir(exist_ok=True)
        for name in ("group_data", "keys"):
            if not (fleet / name).exists():
                (fleet / name).symlink_to(self.fleet / name)
        text = (self.fleet / "hosts.yaml").read_text()
        (fleet / "hosts.yaml").write_text(fleet_hosts(text, self.targets))
        for number in range(3):
            (self.folder / f"blob{number}").write_bytes(blob(number))


def measured(tool: str, workload: str, place: Place, peers: Peers | None, limit_s: float) -> Sample:
    """Run a tool once.

    Args:
        peers: needed for ansible and mitogen.
        limit_s: seconds after which it is killed.
    """
    if tool == "ssh":
        words = [ssh_command(target, place.known, "true") for target in place.targets]
        return fan_out(words, limit_s)
    if tool in ("ansible", "mitogen"):
        return _ansible(tool, workload, place, _needed(peers), limit_s)
    command = worker(place, "converge", workload) if tool == "b70" else _stock(workload, place)
    return run(command, limit_s)


def worker(place: Place, verb: str, workload: str = "", *more: str) -> Command:
    """Return the product's worker process on the place's hosts.

    Args:
        verb: see bench.worker.
        workload: empty for the product's own site.
        more: further words.
    """
    # a ledger each: it remembers per host what the last site asked for
    ledger = place.memory / f"{workload or 'site'}.sqlite"
    words = [sys.executable, "-m", "bench.worker", verb, str(place.folder / "fleet"), str(ledger)]
    if workload:
        words += ["--workload", workload, "--root", tree.root("b70", workload)]
    return Command([*words, *more], _path(), place.folder)


def _stock(workload: str, place: Place) -> Command:
    room = Path(__file__).parent
    words = [*stock_pyinfra(), "-y", "--parallel", str(len(place.targets))]
    environment = {
        **_path(),
        "B70_BENCH_HOSTS": str(place.folder / "stock-hosts.json"),
        "B70_BENCH_WORKLOAD": workload,
        "B70_BENCH_ROOT": tree.root("pyinfra", workload),
    }
    files = [str(room / "stock_inventory.py"), str(room / "stock_deploy.py")]
    return Command([*words, *files], environment, place.folder)


def _ansible(tool: str, workload: str, place: Place, peers: Peers, limit_s: float) -> Sample:
    # a fresh folder of sockets each time: no run finds the connections of the one before
    with tempfile.TemporaryDirectory(prefix="b70b-") as sockets:
        strategies = peers.mitogen_strategies if tool == "mitogen" else None
        settings = place.folder / f"{tool}.cfg"
        settings.write_text(
            playbook.settings(place.known, Path(sockets), len(place.targets), strategies)
        )
        play = place.folder / f"{tool}-{workload}.yml"
        play.write_text(
            yaml.safe_dump(
                playbook.playbook(WORKLOADS[workload], tree.root(tool, workload), place.folder),
                sort_keys=False,
            )
        )
        words = [str(peers.ansible_playbook), "-i", str(place.folder / "ansible-hosts.yml")]
        environment = {"ANSIBLE_CONFIG": str(settings), "ANSIBLE_NOCOLOR": "1"}
        try:
            return run(Command([*words, str(play)], environment, place.folder), limit_s)
        finally:
            _hang_up(Path(sockets))


def _hang_up(sockets: Path) -> None:
    """End the connections that ansible leaves open behind itself."""
    for socket in sockets.iterdir():
        subprocess.run(
            ["ssh", "-F/dev/null", f"-oControlPath={socket}", "-O", "exit", "any"],
            capture_output=True,
            check=False,
            timeout=30,
        )


def _needed(peers: Peers | None) -> Peers:
    if peers is None:
        raise ValueError("ansible and mitogen need the peers' environment")
    return peers


def _path() -> dict[str, str]:
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{CHECKOUT}:{before}" if before else str(CHECKOUT)}
