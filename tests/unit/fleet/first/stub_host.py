"""A host for bootstraps: real sh, real texts, and stand-ins for the programs that make accounts.

Everything that a text writes lies in one folder. A stand-in may end the text that called it, so
that a test can break off before any program.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet.base.errors import Unreachable
from fleet.first.keyline import fingerprint
from fleet.host.session import LostContact, Output, Session
from fleet.host.shell import Shell
from fleet.host.ssh import AcceptKey

#: What a healthy sshd says about an account that nothing is special about.
SSHD = """\
port 22
usepam yes
pubkeyauthentication yes
authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2
authenticationmethods any
forcecommand none
chrootdirectory none
pubkeyacceptedalgorithms ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256
"""
MACHINE_ID = "0123456789abcdef0123456789abcdef"
#: Counts calls, and ends the text and everything in its group at the one that a test names.
_COUNT = """\
n=$(cat "$STUB/calls" 2>/dev/null || echo 0); n=$((n+1)); echo "$n" >"$STUB/calls"
[ "$n" != "${KILL_AT:-0}" ] || kill -KILL 0
"""
_PROGRAMS = {
    "getent": """
case $1 in
  passwd) grep "^$2:" "$STUB/etc/passwd" ;;
  group) grep "^$2:" "$STUB/etc/group" ;;
  shadow) grep "^$2:" "$STUB/etc/shadow" ;;
esac""",
    "useradd": """
for user in "$@"; do :; done
case " $* " in *" --user-group "*) grep -q "^$user:" "$STUB/etc/group" && exit 9;; esac
echo "$user:x:1001:1001::$STUB/home/$user:/bin/sh" >>"$STUB/etc/passwd"
echo "$user:*:20000:0:99999:7:::" >>"$STUB/etc/shadow"
grep -q "^$user:" "$STUB/etc/group" || echo "$user:x:1001:" >>"$STUB/etc/group"
# a death between the entry and the home
[ ! -e "$STUB/dies-in-useradd" ] || kill -KILL 0
mkdir "$STUB/home/$user" """,
    "userdel": """
[ ! -e "$STUB/userdel-fails" ] || { echo "userdel: user $2 is in use" >&2; exit 8; }
for file in passwd shadow group; do
  grep -v "^$2:" "$STUB/etc/$file" >"$STUB/etc/$file.new"
  mv "$STUB/etc/$file.new" "$STUB/etc/$file"
done
rm -r "$STUB/home/$2" """,
    "id": """
case $1 in
  -u) echo 0 ;;
  -un) echo root ;;
  -Gn) cat "$STUB/groups" 2>/dev/null || echo "$2" ;;
esac""",
    "visudo": '[ ! -e "$STUB/visudo-refuses" ] || { echo "syntax error" >&2; exit 1; }',
    "sshd": """
printf '%s\\n' "$*" >"$STUB/sshd-asked"
cat "$STUB/sshd"
exit "$(cat "$STUB/sshd-status")" """,
    "sudo": ":",
    "chown": ":",
    "loginctl": ":",
    "sleep": ":",
}
_REAL = ("mkdir", "chmod", "mv", "grep", "cut", "tail", "rm", "sed", "tr")


@dataclass
class StubHost:
    """One host: its files, its key, and the sessions that were opened to it."""

    root: Path
    key_line: str = field(default_factory=lambda: key_line(b"host"))
    #: why nobody gets in at all
    silent: str = ""
    #: what a login as the account says
    refuses: str = ""
    #: the call of a program at which the text dies; 0 = none
    kill_at: int = 0
    #: beginnings of texts during which the connection is lost, after they were run
    loses: str = ""
    #: texts that were sent, with the login
    sent: list[tuple[str, str]] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    #: passwords that sudo was given
    passwords: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("bin", "etc/sudoers.d", "home"):
            (self.root / folder).mkdir(parents=True)
        for name in ("passwd", "group", "shadow"):
            (self.root / "etc" / name).touch()
        (self.root / "etc" / "machine-id").write_text(f"{MACHINE_ID}\n")
        (self.root / "sshd").write_text(SSHD)
        (self.root / "sshd-status").write_text("0\n")
        for name, text in _PROGRAMS.items():
            self._program(name, text)
        for name in _REAL:
            self._program(name, f'PATH=/usr/bin:/bin exec {name} "$@"')

    def _program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(
            f"#!/bin/sh\nSTUB={self.root}\nreal=$PATH\nPATH=/usr/bin:/bin\n{_COUNT}{text}\n"
        )
        path.chmod(0o755)

    def sh(self, text: str) -> Output:
        """Run a text as the host's root; what lies in /etc and /home lies in the folder."""
        (self.root / "calls").unlink(missing_ok=True)
        moved = re.sub(r"(?<![\w/.-])/(etc|home)/", rf"{self.root}/\1/", text)
        process = subprocess.Popen(
            ["sh", "-s"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                "PATH": f"{self.root}/bin:/usr/bin:/bin",
                "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.9 22",
                "KILL_AT": str(self.kill_at),
            },
            start_new_session=True,
        )
        out, err = process.communicate(moved.encode(), timeout=30)
        if process.returncode == -signal.SIGKILL:
            raise LostContact("rig-a: lost contact: the connection ended")
        return Output(process.returncode, out, err)

    def accounts(self) -> list[str]:
        """Return the names of the accounts."""
        return [line.split(":")[0] for line in self.text("etc/passwd").splitlines()]

    def text(self, path: str) -> str:
        """Return what a file holds."""
        return (self.root / path).read_text()

    def tree(self) -> dict[str, str]:
        """Return every file that a bootstrap may write, with its content; folders too."""
        found = {}
        for top in ("etc", "home"):
            for path in sorted((self.root / top).rglob("*")):
                name = str(path.relative_to(self.root))
                found[name] = path.read_text() if path.is_file() else "folder"
        return found

    def way(
        self,
        name: str,
        data: Mapping[str, object],
        shell: Shell,
        accept: AcceptKey | None = None,
    ) -> Session:
        """Return a session to this host."""
        self.passwords.append(shell.password)
        return _Session(self, str(data["ssh_user"]), accept)


@dataclass
class _Session:
    host: StubHost
    login: str
    accept: AcceptKey | None
    execs: int = 0

    def connect(self, patience_s: float | None = None) -> None:
        host = self.host
        host.connected.append(self.login)
        if host.silent:
            raise Unreachable(f"rig-a: {host.silent}", "try: ssh -v 192.0.2.9")
        if self.accept is not None:
            assert self.accept(host.key_line, fingerprint(host.key_line))
        elif host.refuses:
            raise Unreachable(f"rig-a: {host.refuses}")

    def run(self, program: str, *, deadline_s: float) -> Output:
        self.host.sent.append((self.login, program))
        output = self.host.sh(program)
        if self.host.loses and self.host.loses in program:
            raise LostContact("rig-a: lost contact: the connection ended")
        return output

    def close(self) -> None:
        return


def key_line(seed: bytes) -> str:
    """Return a public key line that is well formed."""
    body = seed.ljust(32, b".")
    name = b"ssh-ed25519"
    blob = len(name).to_bytes(4, "big") + name + len(body).to_bytes(4, "big") + body
    return f"ssh-ed25519 {b64encode(blob).decode()}"


def key_pair(folder: Path) -> Path:
    """Write a private key's stand-in with its public half, and return its path."""
    file = folder / "key"
    file.write_text("private\n")
    Path(f"{file}.pub").write_text(f"{key_line(b'person')} me@desk\n")
    os.chmod(file, 0o600)
    return file
