"""The virtual environment with ansible-core and mitogen, apart from the product's own."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
#: Exact versions of everything that `make bench` compares with.
LOCK: Final = CHECKOUT / "requirements-bench.lock"
FOLDER: Final = CHECKOUT / ".venv-bench"
#: Seconds for the download and installation of the peers.
_INSTALL_S: Final = 900


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the peers lie, and their versions."""

    folder: Path
    versions: dict[str, str]

    @property
    def ansible_playbook(self) -> Path:
        """Return ansible's program."""
        return self.folder / "bin" / "ansible-playbook"

    @property
    def mitogen_strategies(self) -> Path:
        """Return the folder of mitogen's strategy plugins."""
        return next(self.folder.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy"))


def ensure(folder: Path = FOLDER, lock: Path = LOCK) -> Peers:
    """Make the environment unless it is there, and return it.

    Raises:
        subprocess.CalledProcessError: pip could not install the lock file.
    """
    done = folder / ".installed"
    if not done.exists() or done.read_text() != lock.read_text():
        venv.create(folder, with_pip=True, clear=True)
        command = [_python(folder), "-m", "pip", "install", "--quiet", "-r", str(lock)]
        subprocess.run(command, check=True, timeout=_INSTALL_S)
        done.write_text(lock.read_text())
    return Peers(folder, versions(lock.read_text()))


def versions(lock: str) -> dict[str, str]:
    """Return the versions of the compared tools that a lock file names."""
    pins = dict(line.split("==", 1) for line in lock.splitlines() if "==" in line)
    return {name: pins[name].strip() for name in ("ansible-core", "mitogen", "pyinfra")}


def stock_pyinfra() -> list[str]:
    """Return the words that start pyinfra's own command line, as installed beside the product."""
    return [sys.executable, "-m", "pyinfra"]


def _python(folder: Path) -> str:
    return str(folder / "bin" / "python")
