"""The fleet as commands see it: typed hosts in inventory order, selection, provenance, secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from declaration.host import Connection, HostSpec
from declaration.secret import Resolve, SecretRef
from fleet.base.errors import ConfigError, NoHostsMatched
from fleet.base.secrets import RUN, Redactor, Secrets
from fleet.config import select as selection
from fleet.config.fields import UnknownKey, split
from fleet.config.layers import KeyPath, Provenance, Source, explain
from fleet.config.problems import likely
from fleet.config.yaml_marks import Node


@dataclass(eq=False)
class Fleet:
    """A loaded inventory. Nothing was contacted.

    Attributes:
        directory: what relative paths in the declaration are relative to.
        hosts_file: the file that `b70 bootstrap` writes pins to.
        hosts: name -> resolved declaration, in inventory order.
        groups: group -> names of its hosts, empty groups included.
        layers: host -> its layers, the lowest first.
        records: host -> its merged layers, with places.
    """

    name: str
    directory: Path
    hosts_file: Path
    hosts: dict[str, HostSpec]
    groups: dict[str, tuple[str, ...]]
    layers: Mapping[str, tuple[Source, ...]]
    records: Mapping[str, Node]
    redactor: Redactor = RUN

    @cached_property
    def resolve(self) -> Resolve:
        """Return what turns a SecretRef into its value, once per reference and run."""
        return Secrets(self.directory, redactor=self.redactor)

    def path(self, written: str) -> Path:
        """Return a path of the declaration: `~` is the person's home, else the fleet's own."""
        return self.directory / Path(written).expanduser()

    def host(self, name: str) -> HostSpec:
        """Return one host by its exact name.

        Raises:
            NoHostsMatched: there is none.
        """
        if name not in self.hosts:
            near = likely(name, self.hosts)
            raise NoHostsMatched(
                f"{name} is not in the inventory",
                f"did you mean {near}?" if near else "b70 inventory list",
            )
        return self.hosts[name]

    def select(
        self, limit: Sequence[str], exclude: Sequence[str] = (), everything: bool = False
    ) -> list[HostSpec]:
        """Return the chosen hosts in inventory order (see fleet/config/select.py)."""
        return selection.select(self.hosts, self.groups, limit, exclude, everything)

    def explain(self, host: str, key: str) -> Provenance:
        """Say what a host's key is and which layer decided it.

        Raises:
            NoHostsMatched: no such host.
            ConfigError: no model has such a key.
        """
        spec = self.host(host)
        try:
            path = split(key)
        except UnknownKey as error:
            near = error.suggestion
            raise ConfigError(str(error), f"did you mean {near}?" if near else "") from error
        found = explain(self.layers[host], path)
        if found is None:
            return Provenance(_default(spec, path), "", 0, 0, "default")
        if found.value is None:  # taken away by null: what stands is the default
            return replace(found, value=value_at(spec, path))
        return found

    def spec_hash(self, host: str) -> str:
        """Return a hash over what the host should be; how it is reached is no part of it."""
        body = self.host(host).model_dump(mode="json", exclude={"connection"})
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _default(spec: HostSpec, path: KeyPath) -> object:
    """Return the value of a key that no layer mentions.

    Raises:
        ConfigError: it is a free key (a sysctl, a package) that does not exist at all.
    """
    siblings = value_at(spec, path[:-1]) if len(path) > 1 else None
    if isinstance(siblings, dict) and path[-1] not in siblings:
        near = likely(path[-1], siblings)
        hint = f"did you mean {'.'.join((*path[:-1], near))}?" if near else ""
        raise ConfigError(f"{'.'.join(path)}: not set for {spec.name}", hint)
    return value_at(spec, path)


def value_at(spec: HostSpec, path: KeyPath) -> object:
    """Return the resolved value at a path of the host record as plain data, or None."""
    value: object = spec.connection if path[0] in Connection.model_fields else spec
    for key in path:
        if isinstance(value, BaseModel):
            value = getattr(value, key, None)
        elif isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, tuple) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return as_data(value)


def as_data(value: object) -> object:
    """Return a part of a spec as it would stand in a file: plain data, secrets as references."""
    if isinstance(value, SecretRef):
        return {"cmd": list(value.cmd)} if value.cmd else str(value)
    if isinstance(value, BaseModel):
        return {name: as_data(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_data(item) for item in value]
    return value
