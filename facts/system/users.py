"""Users and groups as the host's name service gives them.

Must not know which are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from facts.base import HostFact, ParseError
from facts.parts import Parts, script

_SCRIPT: Final = """
part passwd
getent passwd || exit 3
part group
getent group || exit 4
"""


@dataclass(frozen=True, slots=True)
class User:
    """One line of passwd; gid is the primary group."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class Group:
    """One line of group; members do not include users that have it as primary group."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accounts:
    """All users and groups by name."""

    users: Mapping[str, User]
    groups: Mapping[str, Group]


class Users(HostFact[Accounts]):
    """passwd and group."""

    domain = "users"

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> Accounts:
        parts = Parts(text)
        users = {user.name: user for user in map(_user, parts.lines("passwd"))}
        groups = {group.name: group for group in map(_group, parts.lines("group"))}
        if not users or not groups:
            raise ParseError("there is no user or no group")
        return Accounts(users, groups)


def _user(line: str) -> User:
    name, _, uid, gid, _, home, shell = line.split(":")
    return User(name, int(uid), int(gid), home, shell)


def _group(line: str) -> Group:
    name, _, gid, members = line.split(":")
    return Group(name, int(gid), tuple(member for member in members.split(",") if member))
