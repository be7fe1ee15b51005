"""What every machine of the lab has, nspawn or virtual: names, keys, ways in, a network to cut.

`run` goes past SSH, and `write` and `read` with it, so that damage can be planted (and truth read)
without the code under test and even while the network is cut.
"""

from __future__ import annotations

import shlex
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final, Protocol

from lab import identity
from lab.kinds import Kind
from lab.network import Network
from lab.rigshape import RigShape
from lab.settings import Settings

#: The unprivileged user with sudo that every machine has.
USER: Final = "rig"
#: Environment of what `run` runs.
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Remembered(Protocol):
    """What the lab remembers about a machine of any kind."""

    @property
    def name(self) -> str: ...

    @property
    def number(self) -> int: ...

    @property
    def release(self) -> str: ...


class LabHost(ABC):
    """One machine; its kind says how it is started, reset and entered.

    Attributes:
        settings: the lab it belongs to.
        record: what the lab remembers about it.
    """

    __slots__ = ()

    settings: Settings
    record: Remembered

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """Return its kind."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Return the folder with its disk, identity and console log."""

    @property
    @abstractmethod
    def shape(self) -> RigShape:
        """Return the rig that it shows."""

    @abstractmethod
    def is_running(self) -> bool:
        """Return True if its system runs."""

    @abstractmethod
    def remove(self) -> None:
        """End it at once and forget its disks, identity and network."""

    @abstractmethod
    def run(
        self, command: str, *, input: str = "", check: bool = True, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on the machine as root, without SSH.

        Args:
            command: for `sh -c`.
            input: text for its standard input.
            check: raise when its exit status is not 0.
            timeout_s: seconds until it is given up.

        Raises:
            LabError: the machine does not run, or the command failed while `check` is set.
        """

    @property
    def name(self) -> str:
        """Return its name, which is also its host name."""
        return self.record.name

    @property
    def release(self) -> str:
        """Return the codename of the release that it runs."""
        return self.record.release

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return str(self.settings.address(self.record.number))

    @property
    def port(self) -> int:
        """Return its SSH port."""
        return 22

    @property
    def user(self) -> str:
        """Return the user to log in as."""
        return USER

    @property
    def key(self) -> Path:
        """Return the private key that opens it."""
        return self.settings.key

    @property
    def host_key(self) -> str:
        """Return its public host key line, "ssh-ed25519 AAAA…"; the same for its whole life."""
        return identity.ensure(self.folder / "identity").host_key

    @property
    def machine_id(self) -> str:
        """Return its machine-id, 32 hex digits; the same for its whole life."""
        return identity.ensure(self.folder / "identity").machine_id

    def freeze(self) -> None:
        """Make its network silent: packets vanish both ways, nothing is refused or reset."""
        Network(self.settings).cut(self.record.number)

    def thaw(self) -> None:
        """End `freeze`."""
        Network(self.settings).mend(self.record.number)

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Write a file on the machine, without SSH; folders above it are made."""
        target = shlex.quote(path)
        self.run(
            f'mkdir -p "$(dirname {target})" && cat >{target} && chmod {mode} {target}', input=text
        )

    def read(self, path: str) -> str:
        """Return the text of a file on the machine, read without SSH."""
        return self.run(f"cat {shlex.quote(path)}").stdout

    def ssh_command(self, *remote: str) -> list[str]:
        """Return the ssh words that reach this machine and trust only its pinned key."""
        known = self.folder / "known_hosts"
        known.write_text(f"{self.address} {self.host_key}\n")
        return [
            "ssh",
            "-F/dev/null",
            f"-i{self.key}",
            "-oIdentitiesOnly=yes",
            "-oStrictHostKeyChecking=yes",
            f"-oUserKnownHostsFile={known}",
            "-oLogLevel=ERROR",
            f"{self.user}@{self.address}",
            *remote,
        ]
