"""What is offered to an SSH server to be let in: private keys, keys of an agent, a password.

Reads key files and the list of an agent's keys. A key with a passphrase is used through an agent
that holds it, as ssh does; nobody is ever asked for a passphrase. Knows no connection.
"""

from __future__ import annotations

import binascii
import os
import socket
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from paramiko import Message, PKey, SSHException
from paramiko.agent import AgentKey, AgentSSH
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey, Password
from paramiko.config import SSHConfig
from paramiko.pkey import UnknownKeyType
from typing_extensions import override

from declaration.keyfile import HEAD, no_private_key
from fleet.base.errors import Refused
from fleet.host.route import Hop

#: Key files that ssh offers where nothing names one (ssh_config(5), IdentityFile).
_USUAL: Final = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
#: Seconds to wait for an agent on this computer.
_AGENT_S: Final = 10.0
#: First bytes of an OpenSSH private key (PROTOCOL.key), and the line that begins its file.
_MAGIC: Final = b"openssh-key-v1\0"
_BEGIN: Final = "-----BEGIN OPENSSH PRIVATE KEY-----"


class KeyUnusable(Refused):
    """The private key of the inventory is not there, cannot be read, or is no private key."""

    id = "key-unusable"


class KeyLocked(Refused):
    """The private key has a passphrase, and no SSH agent holds it.

    Nobody is asked for a passphrase, since a run may last hours and connects again. `ssh-add FILE`
    gives the key to the agent, whose copy is then used. A key on a security token (FIDO) is used
    through an agent, too.
    """

    id = "key-locked"


class _Locked(Exception):
    """A key file that only an agent can use."""


class _Useless(Exception):
    """A file that is no private key, with a sentence why and what to do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class Agent(AgentSSH):
    """An SSH agent behind a socket of its own; paramiko's own Agent knows only SSH_AUTH_SOCK."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.answers = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_AGENT_S)
        try:
            self._socket.connect(path)
            self._connect(self._socket)  # type: ignore[attr-defined]
            self.answers = True
        except (OSError, SSHException):
            self._socket.close()  # none is there, or it speaks something else: it holds no key

    def close(self) -> None:
        """Close the socket; its keys can sign nothing any more."""
        self._socket.close()


class Login(AuthStrategy):
    """What is offered at one hop, in order.

    Args:
        user: login name.
        agent: socket of an SSH agent; empty = none.
    """

    def __init__(self, user: str, agent: str = "") -> None:
        super().__init__(SSHConfig())
        self._user = user
        self._path = agent
        self._agent: Agent | None = None
        self._sources: list[AuthSource] = []
        self._blobs: set[bytes] = set()
        #: what is offered, for a person
        self.offered: list[str] = []
        #: key files that could not be offered
        self.left_out: list[str] = []

    @override
    def get_sources(self) -> Iterator[AuthSource]:
        return iter(self._sources)

    def close(self) -> None:
        """Close the connection to the agent."""
        if self._agent is not None:
            self._agent.close()

    def agent_keys(self) -> Sequence[AgentKey]:
        """Return the keys that the agent holds; none where there is no agent."""
        if self._agent is None and self._path:
            self._agent = Agent(self._path)
        return self._agent.get_keys() if self._agent else ()

    @property
    def has_agent(self) -> bool:
        """Return True if an agent answered when it was asked for its keys."""
        return self._agent is not None and self._agent.answers

    def add_password(self, password: str) -> None:
        """Offer a password, which a person typed."""
        self._sources.append(Password(self._user, lambda: password))
        self.offered.append("a password")

    def add_key(self, key: PKey, name: str) -> None:
        """Offer a key, unless it is offered already."""
        if key.asbytes() in self._blobs:
            return
        self._blobs.add(key.asbytes())
        self._sources.append(InMemoryPrivateKey(self._user, key))
        self.offered.append(name)

    def add_file(self, path: str) -> None:
        """Offer the key of a file, or an agent's copy of it.

        Raises:
            _Locked, _Useless: neither can be had.
        """
        try:
            self.add_key(_loaded(path), f"the key {path}")
        except _Locked:
            public = _public_part(path)
            for key in self.agent_keys():
                if public == key.asbytes():
                    self.add_key(_signing(key), f"the agent's copy of {path}")
                    return
            raise


def login_of(host: str, hop: Hop, password: str = "") -> Login:
    """Return what is offered to a hop; the caller closes it.

    A key of the inventory is the only one, and a password that a person typed is, too: a server
    counts each key as an attempt and hangs up after a few.

    Args:
        host: name in the inventory, for messages.
        hop: an SSH server on the way there.
        password: typed by a person; empty = keys.

    Raises:
        KeyUnusable, KeyLocked: the inventory's key cannot be offered.
    """
    login = Login(hop.user, hop.agent)
    if password:
        login.add_password(password)
    elif hop.declared:
        _add_declared(host, login, hop)
    else:
        _add_all(login, hop)
    return login


def _add_declared(host: str, login: Login, hop: Hop) -> None:
    path = hop.declared
    try:
        login.add_file(path)
    except _Locked as error:
        start = "" if login.has_agent else 'eval "$(ssh-agent)"; '
        agent = "the SSH agent does not hold it" if login.has_agent else "there is no SSH agent"
        login.close()
        raise KeyLocked(
            f"{host}: the key {path} {error}, and {agent}", f"{start}ssh-add {path}"
        ) from error
    except _Useless as error:
        login.close()
        raise KeyUnusable(
            f"{host}: the key {path} {error}", error.remedy.format(path=path)
        ) from error


def _add_all(login: Login, hop: Hop) -> None:
    for path in hop.identities or map(os.path.expanduser, _USUAL):
        try:
            login.add_file(path)
        except _Locked as error:
            login.left_out.append(f"{path} {error}")
        except _Useless:
            continue  # as ssh does: a file that is not there is no identity
    if hop.alone:
        return
    for key in login.agent_keys():
        login.add_key(_signing(key), f"the agent's key {key.comment or key.get_name()}")


def _signing(key: AgentKey) -> AgentKey:
    """Return an agent's key; a kind that paramiko cannot read itself has no public blob at all."""
    if getattr(key, "inner_key", None) is None:
        key.public_blob = None
    return key


def _loaded(path: str) -> PKey:
    """Return the key of a file that needs no passphrase, with its certificate if there is one."""
    try:
        stamp = Path(path).stat()
    except OSError as error:
        why = "is not there" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise _Useless(why, "correct key: in the inventory, or: ls -l {path}") from error
    return _parsed(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=64)
def _parsed(path: str, changed_ns: int, size: int) -> PKey:
    """Read a key file; once per process, however many hosts use it."""
    try:
        return PKey.from_path(path)
    except OSError as error:
        raise _Useless("cannot be read", "ls -l {path}   # it must be yours to read") from error
    except TypeError as error:  # how cryptography says that a passphrase is needed
        raise _Locked("has a passphrase") from error
    except (UnsupportedAlgorithm, UnknownKeyType) as error:
        raise _Locked("is of a kind that only an SSH agent can use") from error
    except (ValueError, SSHException, UnicodeDecodeError) as error:
        raise _useless(path) from error


def _useless(path: str) -> _Useless:
    """Return why a file is no private key that can be used, by how it begins."""
    with Path(path).open("rb") as stream:
        found = no_private_key(stream.read(HEAD))
    if found is not None:
        return _Useless(*found)
    return _Useless(
        "is damaged, or of a kind that is not supported", "ssh-keygen -y -f {path}   # reads it"
    )


def _public_part(path: str) -> bytes:
    """Return the public half of a key with a passphrase: it stands before the secret part."""
    text = Path(path).read_text(encoding="ascii", errors="replace").strip()
    if text.startswith(_BEGIN):
        body = text.removeprefix(_BEGIN).partition("-----END")[0]
        packed = Message(binascii.a2b_base64(body).removeprefix(_MAGIC))
        for _ in range(3):  # cipher, key derivation, its options
            packed.get_binary()
        return packed.get_binary() if packed.get_int() == 1 else b""
    try:  # older kinds hide it: it is in the file beside
        return binascii.a2b_base64(Path(f"{path}.pub").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return b""
