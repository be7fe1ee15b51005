"""A file that a package ships and something needs: when it is gone, the package comes again."""

from __future__ import annotations

from typing import Final

from pyinfra import host

from facts.shelltext import shell_text
from facts.value import Unknown
from operations.apt.apt_command import apt_get
from operations.apt.package_state import differing, package_state
from operations.operation import Commands, differs, downloads, operation
from operations.require import path_state
from operations.script import Script

_REINSTALL: Final = shell_text(__file__)


@operation()
def package_file(
    path: str,
    package: str,
    version: str,
    lock_timeout_s: int = 300,
) -> Commands:
    """Keep a file of an installed package there.

    + path: absolute path
    + package: the package that brings it, itself or through what it depends on
    + version: exact version of that package
    + lock_timeout_s: seconds to wait for another dpkg or apt
    """
    found = path_state(path)
    state = package_state()
    if found is not None:
        host.noop("is there")
    elif differing(state, {package: version}):
        host.noop(f"comes with {package}={version}")
    else:
        flags = ("--reinstall", "--no-remove", "--allow-change-held-packages")
        again = apt_get("install", *flags, lock_timeout_s=lock_timeout_s)
        differs("file", f"from {package} {version}", None)
        downloads(Unknown("the run itself looks up which package ships the file"))
        yield Script(_REINSTALL, "b70-reinstall", path, *again, shown=again)
