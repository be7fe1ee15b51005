"""Declarations of our repositories by somebody else: removed where known, refused elsewhere.

apt stops altogether when one repository is declared twice with different keys, and the live archive
beside a snapshot of it would offer newer packages than the tested ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import OperationError

from facts.packages.apt_sources import AptSources, AptSourceState, Source
from facts.reader import read
from operations.apt.apt_repository import Repository, meant
from operations.operation import Commands, differs, operation
from operations.require import require


def _sources() -> AptSourceState:
    return require(read(AptSources), "state of apt's sources")


def _enabled(state: AptSourceState, path: str) -> list[Source]:
    return [source for source in state.sources if source.enabled and source.file == path]


@operation()
def replaced_source(path: str, repositories: Sequence[Repository]) -> Commands:
    """Remove a sources file that declares nothing but repositories of ours.

    + path: known file of another tool
    + repositories: the declared ones
    """
    state = _sources()
    entries = _enabled(state, path)
    others = [source for source in entries if not meant(source, repositories)]
    if not any(meant(source, repositories) for source in entries):
        host.noop("declares none of our repositories")
        return
    if odd := next((line for line in state.odd if line.place == path), None):
        raise OperationError(
            f"{path} declares one of our repositories, and line {odd.number} is not understood "
            f"({odd.why}): {odd.text!r}; correct or remove that line"
        )
    if others:
        raise OperationError(
            f"{path} declares one of our repositories and also {' '.join(others[0].uris)} "
            f"(line {others[0].line}); move that to a file of its own"
        )
    for source in entries:
        differs(f"second source of {meant(source, repositories)}", None, f"line {source.line}")
    yield StringCommand("rm", "-f", "--", QuoteString(path))


@operation()
def sole_sources(
    repositories: Sequence[Repository], own: Sequence[str], replaced: Sequence[str] = ()
) -> Commands:
    """Refuse a host on which an unknown file declares one of our repositories as well.

    + repositories: the declared ones
    + own: paths of our sources files
    + replaced: known files of other tools, removed by resources of their own
    """
    known = {*own, *replaced}
    for source in _sources().sources:
        name = meant(source, repositories) if source.enabled and source.file not in known else ""
        if name:
            raise OperationError(
                f"{source.file} line {source.line} declares {' '.join(source.uris)}, "
                f"which is {name}; remove it, or add the file to apt.sources.{name}.replaces"
            )
    host.noop("each repository is declared once")
    yield from ()
