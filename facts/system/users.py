"""Users and groups as the host's name service gives them.

Its listing has those of /etc/passwd and /etc/group. Those of a directory (LDAP, winbind, systemd)
are listed only where it is set up so: who is not listed has to be asked for by name. Must not know
which are wanted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

from typing_extensions import override

from facts.base import END, HostFact, ParseError, wrap
from facts.odd import OddLine, doubt, visible
from facts.parts import Parts, script
from facts.shelltext import shell_text
from facts.value import ABSENT, Absent, Reading, Unknown

#: Databases of the name service.
Database: TypeAlias = Literal["passwd", "group"]

_SCRIPT: Final = """
part passwd
getent passwd || exit 3
part group
getent group || exit 4
"""
#: Shell function that asks for one name.
_ASK: Final = shell_text(__file__)

_NUMBER: Final = re.compile(r"^[0-9]+$")
#: Fields of a line of passwd and of group; what is behind the last colon is all of the last one.
_USER_FIELDS: Final = 7
_GROUP_FIELDS: Final = 4
#: Shortest text that is hidden as a password: what is shorter says that it is elsewhere (`x`).
_PASSWORD: Final = 3
#: Begins a line that names others of NIS; it is no account (nsswitch.conf(5), compat).
_COMPAT: Final = ("+", "-")


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
    """All users and groups by name that are listed.

    Args:
        odd: lines that could not be read.
    """

    users: Mapping[str, User]
    groups: Mapping[str, Group]
    odd: tuple[OddLine, ...] = ()

    def user(self, name: str) -> Reading[User]:
        """Return a listed user; ABSENT when it is not listed."""
        return self.users[name] if name in self.users else self._missing(name, "passwd")

    def group(self, name: str) -> Reading[Group]:
        """Return a listed group; ABSENT when it is not listed."""
        return self.groups[name] if name in self.groups else self._missing(name, "group")

    def _missing(self, name: str, database: Database) -> Absent | Unknown:
        unsure = doubt(name, [line for line in self.odd if line.place == _place(database)])
        return ABSENT if unsure is None else unsure


class Users(HostFact[Accounts]):
    """passwd and group."""

    domain = "users"
    by_lines = True

    @override
    def script(self, probe_root: str = "") -> str:
        return script(_SCRIPT)

    @override
    def parse(self, text: str) -> Accounts:
        parts = Parts(text)
        passwd = parts.rows("passwd", _user, _place("passwd"), _passwords, any_code=True)
        group = parts.rows("group", _group, _place("group"), _passwords, any_code=True)
        users: dict[str, User] = {}
        groups: dict[str, Group] = {}
        for user in filter(None, passwd.found):
            users.setdefault(user.name, user)  # the name service takes the first
        for each in filter(None, group.found):
            groups.setdefault(each.name, each)
        if not users or not groups:
            raise ParseError("there is no user or no group")
        return Accounts(users, groups, (*passwd.odd, *group.odd))


@dataclass(frozen=True, slots=True)
class Named:
    """A user or a group that was asked for by its name.

    Args:
        is_local: it stands in /etc/passwd or /etc/group, where it can be changed.
    """

    entry: User | Group
    is_local: bool


class NamedAccount(HostFact["Named | Absent"]):
    """One user or group by name, or a group by number: `NamedAccount, database=…, wanted=…`."""

    timeout_s: ClassVar[int] = 20
    by_lines: ClassVar[bool] = True

    @override
    def command(self, database: Database, wanted: str, probe_root: str = "") -> str:  # type: ignore[override]
        return self.bulk([{"database": database, "wanted": wanted}])

    @override
    def parse(self, text: str) -> Named | Absent:
        header, *lines = [line for line in visible(text).split("\n") if line]
        match lines:
            case ["absent"]:
                return ABSENT
            case [line, ("local" | "remote") as origin]:
                read = _user if header.split(" ")[1] == "passwd" else _group
                entry = read(line)
                if entry is not None:
                    return Named(entry, origin == "local")
        raise ParseError(" ".join(lines) or "the name service said nothing")

    @classmethod
    def bulk(cls, calls: Sequence[Mapping[str, object]]) -> str:
        """Return one command for many names."""
        asked = [shlex.join(("ask", str(call["database"]), str(call["wanted"]))) for call in calls]
        return wrap(script("\n".join((_ASK, *asked))), cls.timeout_s)

    @classmethod
    def split(cls, calls: Sequence[Mapping[str, object]], output: Sequence[str]) -> list[list[str]]:
        """Cut the bulk output into what the single commands would have printed."""
        answers: list[list[str]] = []
        for line in output:
            if line.startswith("> "):
                answers.append([])
            if answers and not line.startswith(END):
                answers[-1].append(line)
        end = output[-1] if output and output[-1].startswith(END) else ""
        answers += [[] for _ in range(len(calls) - len(answers))]
        return [[*answer, end] for answer in answers]


def _place(database: Database) -> str:
    return f"getent {database}"


def _user(line: str) -> User | None:
    if line.startswith(_COMPAT):
        return None
    fields = line.split(":", _USER_FIELDS - 1)
    if len(fields) != _USER_FIELDS:
        raise ParseError(f"it has {len(fields)} fields instead of {_USER_FIELDS}")
    name, _, uid, gid, _, home, shell = fields
    return User(_named(name), _number(uid, "user id"), _number(gid, "group id"), home, shell)


def _group(line: str) -> Group | None:
    if line.startswith(_COMPAT):
        return None
    fields = line.split(":", _GROUP_FIELDS - 1)
    if len(fields) != _GROUP_FIELDS:
        raise ParseError(f"it has {len(fields)} fields instead of {_GROUP_FIELDS}")
    name, _, gid, members = fields
    listed = tuple(member for member in members.split(",") if member)
    return Group(_named(name), _number(gid, "group id"), listed)


def _named(name: str) -> str:
    if not name:
        raise ParseError("its name is empty")
    return name


def _number(word: str, what: str) -> int:
    if not _NUMBER.match(word):
        raise ParseError(f"its {what} is no number")
    return int(word)


def _passwords(line: str) -> Iterable[str]:
    """Return what may be a hash of a password: the second field, and whatever looks like one."""
    fields = line.split(":")
    hashes = [field for field in fields if field.startswith("$")]
    return [field for field in (*fields[1:2], *hashes) if len(field) >= _PASSWORD]
