"""The unprivileged account of the serving stack: groups, user, home, limits."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from pyinfra.api.exceptions import OperationError

from declaration.host import HostSpec
from declaration.system import Base
from deploys.base_paths import BANNER, LIMITS, UNIT_LIMITS
from deploys.templates import render
from operations.accounts.group import group, group_member
from operations.accounts.user import home, user
from operations.files.file import directory
from operations.files.settings_file import settings_file

#: Shells that end a login at once.
NO_LOGIN: Final = ("nologin", "false")


def account(spec: HostSpec) -> None:
    """Declare the groups, the service user, its home and its memberships.

    Raises:
        OperationError: the declaration would lock this tool out of the host.
    """
    declared = spec.base.user
    keep_the_way_in(spec)
    for name in declared.groups:
        group(group_name=name, name=f"Group[{name}]")
    user(
        account=declared.name,
        home=declared.home,
        shell=declared.shell,
        name=f"User[{declared.name}]",
    )
    home(account=declared.name, path=declared.home, name=f"Directory[{declared.home}]")
    for name in declared.groups:
        group_member(account=declared.name, group_name=name, name=f"Group[{declared.name}:{name}]")


def limits(base: Base) -> None:
    """Declare the limits of the account's sessions (PAM) and of our units (systemd)."""
    declared = base.limits
    settings_file(
        path=LIMITS,
        program="pam-limits",
        content=render(
            "base/limits.conf.j2",
            banner=BANNER,
            user=base.user.name,
            nofile=declared.nofile,
            memlock=declared.memlock,
        ),
        name=f"File[{LIMITS}]",
    )
    folder = str(PurePosixPath(UNIT_LIMITS).parent)
    directory(path=folder, name=f"Directory[{folder}]")
    unlimited = declared.memlock == "unlimited"
    settings_file(
        path=UNIT_LIMITS,
        program="unit-limits",
        content=render(
            "base/unit-limits.conf.j2",
            banner=BANNER,
            nofile=declared.nofile,
            memlock="infinity" if unlimited else f"{declared.memlock}K",
        ),
        name=f"File[{UNIT_LIMITS}]",
    )


def keep_the_way_in(spec: HostSpec) -> None:
    """Refuse to take the login shell from the account that this tool connects as."""
    declared = spec.base.user
    if declared.name == spec.connection.user and PurePosixPath(declared.shell).name in NO_LOGIN:
        raise OperationError(
            f"base.user.shell {declared.shell} would lock us out: we connect as {declared.name}"
        )
