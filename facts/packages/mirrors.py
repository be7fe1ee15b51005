"""Whether the host can fetch the index of each of its apt sources right now.

On demand: it goes out to the network. Must not know which mirrors are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, script
from facts.shelltext import shell_text

#: Seconds that one mirror gets; all are asked at the same time.
_PATIENCE_S: Final = 8

_SCRIPT: Final = shell_text(__file__)


@dataclass(frozen=True, slots=True)
class Mirror:
    """One suite of one source.

    Args:
        uri: as the source names it.
        suite: as the source names it; `./` for a flat repository.
        problem: what apt's downloader said; empty when the file came.
    """

    uri: str
    suite: str
    problem: str

    @property
    def reachable(self) -> bool:
        """Return True if its Release file could be fetched."""
        return not self.problem


class Mirrors(HostFact[tuple[Mirror, ...]]):
    """Every enabled apt source, tried once."""

    domain = "mirrors"
    timeout_s = 2 * _PATIENCE_S + 10
    on_demand = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT, patience=str(_PATIENCE_S))

    @override
    def parse(self, text: str) -> tuple[Mirror, ...]:
        mirrors = (_mirror(line) for line in Parts(text).lines("mirrors"))
        return tuple(sorted(mirrors, key=lambda mirror: (mirror.uri, mirror.suite)))


def _mirror(line: str) -> Mirror:
    folder, _, problem = line.partition("\t")
    uri, dists, suite = folder.partition("dists/")
    if not dists:
        uri, suite = folder.removesuffix("./"), "./"
    return Mirror(uri, suite.rstrip("/") if dists else suite, problem.strip())
