"""Which hosts a command means: names, globs, `@group`, `!negation`. Pure.

A part that matches nothing is refused by name: a typo must not look like success, nor widen a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from declaration.host import HostSpec
from fleet.base.errors import NoHostsMatched, Refused
from fleet.config.problems import likely


class NothingChosen(Refused):
    """A command that changes hosts was given no limit. The whole fleet must be said: `--all`."""

    id = "nothing-chosen"


def select(
    hosts: Mapping[str, HostSpec],
    groups: Iterable[str],
    limit: Sequence[str],
    exclude: Sequence[str] = (),
    everything: bool = False,
) -> list[HostSpec]:
    """Return the chosen hosts in inventory order.

    Args:
        groups: every group that exists, for the likely spelling.
        limit: parts, each may be a comma list; `!x` takes x away.
        exclude: parts taken away, without `!`.
        everything: start from all hosts when no part chooses any (`--all`; commands that read).

    Raises:
        NoHostsMatched: a part, or the whole choice, matches nothing.
        NothingChosen: no part chooses hosts and `everything` was not said.
    """
    parts, away = _parts("--limit", limit), _parts("--exclude", exclude)
    wanted = [part for part in parts if not part.startswith("!")]
    unwanted = [part[1:] for part in parts if part.startswith("!")] + away
    known = [*hosts, *(f"@{group}" for group in groups)]
    chosen = {name for part in wanted for name in _matches(part, hosts, known)}
    removed = {name for part in unwanted for name in _matches(part, hosts, known)}
    if not wanted:
        if not everything:
            raise NothingChosen(
                "no hosts chosen", "name them with --limit, or say --all for the whole fleet"
            )
        chosen = set(hosts)
    found = [spec for name, spec in hosts.items() if name in chosen - removed]
    if not found:
        if not hosts:
            raise NoHostsMatched(
                "no host matched: the inventory has no hosts",
                "b70 bootstrap NAME --address ADDRESS",
            )
        raise NoHostsMatched(
            "no host matched: the negated parts take every host away", "b70 inventory list"
        )
    return found


def _parts(option: str, values: Sequence[str]) -> list[str]:
    parts = [part.strip() for value in values for part in value.split(",") if part.strip()]
    if values and not parts:
        # `--limit "$HOST"` with HOST unset must not mean the whole fleet
        raise NoHostsMatched(f"{option} is empty", "name hosts, or leave the option out")
    return parts


def _matches(part: str, hosts: Mapping[str, HostSpec], known: Sequence[str]) -> list[str]:
    if part.startswith("@"):
        found = [
            name
            for name, spec in hosts.items()
            if any(fnmatchcase(group, part[1:]) for group in spec.groups)
        ]
    else:
        found = [name for name in hosts if fnmatchcase(name, part)]
    if found:
        return found
    if part in known:
        raise NoHostsMatched(f"{part} matched no host: the group is empty", "b70 inventory list")
    near = f"@{part}" if f"@{part}" in known else likely(part, known)
    hint = f"did you mean {near}?" if near else "b70 inventory list"
    raise NoHostsMatched(f"{part} matched no host", hint)
