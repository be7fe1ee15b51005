"""From a directory of YAML to a Fleet, or to one error that lists everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from declaration.host import HostSpec
from fleet.base.secrets import RUN, Redactor
from fleet.config import places
from fleet.config.assemble import Assembly
from fleet.config.checks import clashes
from fleet.config.fields import BY_NAME, record_shape
from fleet.config.fleet import Fleet
from fleet.config.group_files import GroupFiles, by_name, read_group_data, read_text
from fleet.config.layers import EMPTY, Source, lookup, without
from fleet.config.overrides import overrides
from fleet.config.places import GROUP_DATA, Places, locate, shown
from fleet.config.plain_secrets import plain_secrets
from fleet.config.problems import Problem, fail, likely
from fleet.config.unread import unread
from fleet.config.validate import Validator
from fleet.config.yaml_marks import Node, parse, parse_value

_TOP: Final = ("name", "hosts")
#: A host that fits every profile, to try layer files that no host uses.
_STAND_IN: Final = (
    "{address: stand-in, hardware: {cards: ["
    + ", ".join(f"{{slot: s{n}}}" for n in range(8))
    + "]}}"
)
#: In place of a hosts file that cannot be read: it has hosts, nobody knows which.
_UNREADABLE: Final = Node({"hosts": EMPTY}, EMPTY.where)
_NO_SETS: Final[Mapping[str, str]] = MappingProxyType({})


def load(
    directory: Path,
    sets: Mapping[str, str] = _NO_SETS,
    redactor: Redactor = RUN,
    hosts_text: str | None = None,
) -> Fleet:
    """Read a fleet; nothing is contacted and no secret is resolved.

    Args:
        directory: a fleet directory, or a hosts file with group_data beside or above it.
        sets: dotted key -> YAML text, the topmost layer of every host.
        redactor: learns every secret that the fleet resolves.
        hosts_text: what the hosts file would hold, to judge an edit before it is written.

    Raises:
        ConfigError: with every problem, each as `file:line:column: key: what is wrong`.
    """
    found = locate(directory)
    problems: list[Problem] = []
    files = GroupFiles()
    read_group_data(files, places.PRODUCT / GROUP_DATA, problems, built_in=True)
    if found.group_data is not None:
        read_group_data(files, found.group_data, problems)
    problems += unread(found)
    file = shown(found.hosts_file)
    before = len(problems)
    text = read_text(found.hosts_file, problems) if hosts_text is None else hosts_text
    root = parse(text, file, problems)
    if not root.value and len(problems) > before:
        root = _UNREADABLE  # what it lacks is no mistake of its own
    name = _fleet_name(root, found, problems)
    assembly = Assembly(files, overrides(sets, problems), found.directory)
    reader = _Reader(assembly, file, problems)
    for host, record in _records(root, problems).items():
        reader.read(host, record)
    _try_unused(files, assembly, problems)
    for layer in files.all_layers():
        problems += plain_secrets(layer.root)
    problems += clashes(reader.hosts, reader.records)
    if problems:
        fail(problems)
    return Fleet(
        name=name,
        directory=found.directory,
        hosts_file=found.hosts_file,
        hosts=reader.hosts,
        groups=_groups(reader.hosts, files),
        layers=reader.layers,
        records=reader.records,
        redactor=redactor,
    )


class _Reader:
    """Reads host after host and collects results and problems."""

    def __init__(self, assembly: Assembly, file: str, problems: list[Problem]) -> None:
        self._assembly = assembly
        self._file = file
        self._problems = problems
        self._validator = Validator()
        self.hosts: dict[str, HostSpec] = {}
        self.layers: dict[str, tuple[Source, ...]] = {}
        self.records: dict[str, Node] = {}

    def read(self, name: str, record: Node) -> None:
        found: list[Problem] = []
        record = by_name(record)
        layers = self._assembly.layers(record, found)
        # a profile that is not there, or cannot be read, needs no cards
        unknown = {problem.key for problem in found} | self._assembly.unread(layers)
        merged = without(self._assembly.merged(layers, found), unknown.intersection(BY_NAME))
        spec = self._validator.spec(name, merged, found)
        found += plain_secrets(record)
        for problem in found:
            inside = problem.where.file == self._file
            key = ".".join(filter(None, (name, problem.key))) if inside else problem.key
            self._problems.append(problem._replace(key=key))
        if spec is not None:
            self.hosts[name] = spec
            self.layers[name] = layers
            self.records[name] = merged


def _records(root: Node, problems: list[Problem]) -> dict[str, Node]:
    top = root.value if isinstance(root.value, dict) else {}
    for key, node in top.items():
        if key not in _TOP and not key.startswith("x-"):
            near = likely(key, _TOP)
            if not near and key in record_shape().fields:
                near = f"hosts.NAME.{key}"
            problems.append(Problem(node.key or node.where, key, "unknown key", near))
    hosts = top.get("hosts")
    if hosts is None:
        text = "required, but missing (hosts: NAME: {address: ...})"
        problems.append(Problem(root.where, "hosts", text))
        return {}
    if hosts.value is None:
        return {}
    if not isinstance(hosts.value, dict):
        problems.append(Problem(hosts.where, "hosts", "expected a mapping (name: record)"))
        return {}
    records = {}
    for name, record in hosts.value.items():
        if isinstance(record.value, dict):
            records[name] = record
        else:
            text = "expected a mapping (address: ...)"
            problems.append(Problem(record.where, name, text))
    return records


def _fleet_name(root: Node, found: Places, problems: list[Problem]) -> str:
    node = lookup(root, ("name",))
    if node is None or node.value is None:
        return found.name
    if not isinstance(node.value, str):
        problems.append(Problem(node.where, "name", "expected text: write it in quotes"))
    return str(node.value)


def _groups(hosts: Mapping[str, HostSpec], files: GroupFiles) -> dict[str, tuple[str, ...]]:
    return {
        group: tuple(name for name, spec in hosts.items() if group in spec.groups)
        for group in files.names("groups")
    }


def _try_unused(files: GroupFiles, assembly: Assembly, problems: list[Problem]) -> None:
    """Validate the layer files that no host uses, so that `check` means all files."""
    validator = Validator()
    stand_in = parse_value(_STAND_IN, "", [])
    for layer in files.all_layers():
        if layer.name in assembly.used:
            continue
        found: list[Problem] = []
        layers = (layer, Source("host", stand_in), Source("--set", EMPTY))
        validator.spec("stand-in", assembly.merged(layers, found), found)
        # a layer may be partial: what is missing comes from the others
        problems += (p for p in found if p.where.file and "missing" not in p.text)
