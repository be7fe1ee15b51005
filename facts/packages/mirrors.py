"""Whether the host can fetch the index of each of its apt sources right now.

On demand: it goes out to the network. Must not know which mirrors are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact
from facts.parts import Parts, script

#: Seconds that one mirror gets; all are asked at the same time.
_PATIENCE_S: Final = 8

# apt's own downloader: no curl on a minimal host, and it honours apt's proxy, keys and certificates
_SCRIPT: Final = r"""
h=/usr/lib/apt/apt-helper
[ -x "$h" ] || { echo "$h is missing" >&2; exit 3; }
t=$(mktemp -d) || exit 4
trap 'rm -rf "$t"' EXIT
l=$(apt-get update --print-uris) || exit 5
part mirrors
printf '%s\n' "$l" | {
  n=0
  while read -r uri _; do
    case $uri in *"/InRelease'") ;; *) continue ;; esac
    uri=${uri#"'"}; uri=${uri%"InRelease'"}
    n=$((n + 1))
    {
      for f in InRelease Release; do
        if e=$(timeout -k 1 "$patience" "$h" -o Acquire::Retries=0 -o APT::Sandbox::User=root \
            -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5 \
            download-file "$uri$f" "$t/$n.$f" 2>&1); then e=; break; fi
        e=${e:-no answer within $patience s}
      done
      printf '%s\t%s\n' "$uri" "$(printf %s "$e" | tr '\t\n' '  ')"
    } &
  done
  wait
}
"""


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
