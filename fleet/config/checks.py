"""Rules that span hosts: what must be different on every one. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping

from declaration.address import canonical
from declaration.host import HostSpec
from fleet.config.layers import KeyPath, nearest
from fleet.config.problems import Problem
from fleet.config.yaml_marks import Node


def clashes(hosts: Mapping[str, HostSpec], records: Mapping[str, Node]) -> Iterator[Problem]:
    """Yield a problem for each value that two hosts (or two cards of one host) share and must not.

    Args:
        records: merged layers by host, for the places.
    """
    yield from _twice("address", _addresses(hosts.values()), records)
    yield from _twice("machine-id", _machine_ids(hosts.values()), records)
    yield from _twice("host key", _host_keys(hosts.values()), records)
    for spec in hosts.values():
        yield from _twice("slot", _cards(spec, "slot"), records)
        yield from _twice("PCI address", _cards(spec, "bdf"), records)


Claim = tuple[Hashable, str, KeyPath]


def _addresses(hosts: Iterable[HostSpec]) -> Iterator[Claim]:
    for spec in hosts:
        link = spec.connection
        # the same name may be two machines when two ssh_config files say so
        yield (canonical(link.address), link.port, link.ssh_config), spec.name, ("address",)


def _machine_ids(hosts: Iterable[HostSpec]) -> Iterator[Claim]:
    for spec in hosts:
        if spec.identity.machine_id:
            yield spec.identity.machine_id, spec.name, ("identity", "machine_id")


def _host_keys(hosts: Iterable[HostSpec]) -> Iterator[Claim]:
    for spec in hosts:
        for index, line in enumerate(spec.identity.host_keys):
            key = " ".join(line.split()[:2])  # without the comment
            yield key, spec.name, ("identity", "host_keys", str(index))


def _cards(spec: HostSpec, key: str) -> Iterator[Claim]:
    for index, card in enumerate(spec.hardware.cards):
        if value := getattr(card, key):
            yield value, spec.name, ("hardware", "cards", str(index), key)


def _twice(what: str, claims: Iterable[Claim], records: Mapping[str, Node]) -> Iterator[Problem]:
    holders: dict[Hashable, list[tuple[str, KeyPath]]] = defaultdict(list)
    for value, host, path in claims:
        holders[value].append((host, path))
    for held in holders.values():
        first_host, first_path = held[0]
        first = nearest(records[first_host], first_path).where
        for host, path in held[1:]:
            where = nearest(records[host], path).where
            whose = f"{first_host}'s" if host != first_host else "another card's"
            yield Problem(
                where,
                ".".join((host, *path)),
                f"this {what} is {whose} too ({first.file}:{first.line})",
            )
