"""The journal survives a reboot: the last lines before a freeze are the evidence."""

from __future__ import annotations

from pathlib import PurePosixPath

from declaration.system import Journal
from deploys.base_paths import BANNER, JOURNAL, JOURNALD
from deploys.distribution import Distribution
from deploys.templates import render
from facts.reader import read
from facts.system.identity import Identity
from facts.value import Unknown
from operations.files.file import directory
from operations.files.settings_file import settings_file
from operations.units.unit import unit


def journal(declared: Journal, table: Distribution) -> None:
    """Declare journald's drop-in, its directory, and that it runs with both."""
    folder = str(PurePosixPath(JOURNALD).parent)
    directory(path=folder, name=f"Directory[{folder}]")
    settings_file(
        path=JOURNALD,
        program="journald",
        content=render(
            "base/journald.conf.j2",
            banner=BANNER,
            storage="persistent" if declared.persistent else "volatile",
            system_max_use=declared.system_max_use,
            sync_interval_s=declared.sync_interval_s,
        ),
        name=f"File[{JOURNALD}]",
    )
    if declared.persistent:
        # set-gid, so that members of the group can read what journald creates in it
        directory(
            path=JOURNAL, mode="2755", group=table.journal_group, name=f"Directory[{JOURNAL}]"
        )
    unit(
        service="systemd-journald.service",
        running=True,
        # the folder too: it is newer after a file that had the last word was taken away
        restart_if_older_than=[JOURNALD, folder],
        restart_if_missing=journal_of_this_machine() if declared.persistent else [],
        # one that was volatile stays so until somebody asks (systemd 257; 252 comes back by itself)
        after_restart=["journalctl", "--flush"] if declared.persistent else [],
        name="Unit[systemd-journald]",
    )


def journal_of_this_machine() -> list[str]:
    """Return the directory that a running journald keeps open, when the machine-id is known."""
    identity = read(Identity)
    machine_id = None if isinstance(identity, Unknown) else identity.machine_id
    return [f"{JOURNAL}/{machine_id}"] if isinstance(machine_id, str) else []
