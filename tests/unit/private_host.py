"""This machine as a host: real tools, real facts, in a mount namespace that nobody else sees.

Loop devices stand for disks. Everything below /etc, /mnt, /srv and /var/lib/b70fleet is the
namespace's own. Needs root.
"""

from __future__ import annotations

import base64
import fcntl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facts.base import HostFact, interpret
from facts.disks.block import Block
from facts.disks.device_content import DeviceContent
from facts.disks.swap import Swap
from facts.system.files import FileState, FileText
from facts.system.memory import Memory
from facts.system.units import Units, UnitState
from operations.files.filewrite import FileWrite
from tests.unit.pyinfra_harness import stub_host

#: Bytes of a stand-in disk; mkfs.xfs wants at least 300 MiB. Sparse, so it takes no room.
DISK = 320 * 1024**2
_OWN = ("/etc", "/mnt", "/srv", "/var/lib")


@dataclass
class PrivateHost:
    """Runs shell text and operations in the namespace of a process."""

    pid: int
    units: UnitState = field(default_factory=lambda: UnitState({}, ()))
    #: facts that a test gives instead of the real ones
    given: dict[Any, Any] = field(default_factory=dict)

    def sh(self, text: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run shell text as root of this host."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "sh", "-c", text],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def ok(self, text: str) -> str:
        """Run shell text that must succeed and return its output."""
        done = self.sh(text)
        assert done.returncode == 0, f"{text}: {done.stderr}"
        return done.stdout

    def read(self, fact: HostFact[Any], **arguments: Any) -> Any:
        """Return a real reading."""
        return interpret(fact, self.sh(fact.command(**arguments)).stdout.split("\n"))

    def want(self, operation: Any, **arguments: Any) -> list[Any]:
        """Return the commands of an operation over the facts of now."""
        with stub_host(self._facts()):
            return list(operation._inner(**arguments))

    def apply(self, operation: Any, **arguments: Any) -> list[str]:
        """Execute an operation's commands; return what failed (empty = all went well)."""
        for command in self.want(operation, **arguments):
            stdin = base64.b64encode(command.content) if isinstance(command, FileWrite) else b""
            done = self.sh(command.get_raw_value(), stdin)
            if done.returncode:
                return [done.stderr.strip()]
        return []

    def settled(self, operation: Any, **arguments: Any) -> bool:
        """Return whether an operation wants nothing."""
        return self.want(operation, **arguments) == []

    def _facts(self) -> Mapping[Any, Any]:
        def live(fact: type[HostFact[Any]]) -> Any:
            return lambda **arguments: self.read(fact(), **arguments)

        kinds = (Block, DeviceContent, FileState, FileText, Memory, Swap)
        return {kind: live(kind) for kind in kinds} | {Units: self.units} | self.given


#: Loop devices and swap belong to the whole machine: one test at a time, whoever runs it.
_LOCK = Path(tempfile.gettempdir()) / "b70fleet-disk-tests.lock"
_depth = 0


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the machine-wide lock; a test may enter it more than once."""
    global _depth
    with _LOCK.open("w") as lock:
        if _depth == 0:
            fcntl.flock(lock, fcntl.LOCK_EX)
        _depth += 1
        try:
            yield
        finally:
            _depth -= 1


@contextmanager
def private_host() -> Iterator[PrivateHost]:
    """Start a namespace; what was mounted in it goes with it."""
    with _alone():
        yield from _private_host()


def _private_host() -> Iterator[PrivateHost]:
    own = " && ".join(
        f"mkdir -p /run/b70own{path} && mount -t tmpfs own /run/b70own{path} && "
        f"mkdir /run/b70own{path}/u /run/b70own{path}/w && mount -t overlay own -o "
        f"lowerdir={path},upperdir=/run/b70own{path}/u,workdir=/run/b70own{path}/w {path}"
        for path in _OWN
    )
    script = (
        f"mount -t tmpfs run /run && {own} && mkdir -p /var/lib/b70fleet && "
        "printf '# static\\n' >/etc/fstab && echo ready && exec sleep infinity"
    )
    process = subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield PrivateHost(process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def loop_disk(image: Path, size: int = DISK) -> Iterator[str]:
    """Attach a sparse file as a block device and return the device."""
    with _alone():
        yield from _loop_disk(image, size)


def _loop_disk(image: Path, size: int) -> Iterator[str]:
    with image.open("ab") as file:
        file.truncate(size)
    attach = ["losetup", "--find", "--show", str(image)]
    device = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
