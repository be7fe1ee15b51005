"""The fence against foreign updates: nobody but this tool changes kernel, firmware or GPU packages.

An unattended run removed the fallback kernel of one rig and put a new kernel under another
(docs/evidence.md#unattended-upgrades). Everything else keeps its security updates.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from declaration.system import UpdateFence
from deploys.base_paths import BANNER, FENCE, NEEDRESTART
from deploys.distribution import Distribution
from deploys.templates import render
from operations.files.file import absent, directory
from operations.files.settings_file import settings_file


def fence(declared: UpdateFence, table: Distribution) -> None:
    """Declare the drop-ins for unattended-upgrades, apt and needrestart, or their absence."""
    if not declared.enabled:
        for path in (FENCE, NEEDRESTART):
            absent(path=path, name=f"File[{path}]")
        return
    settings_file(
        path=FENCE,
        program="apt",
        content=render(
            "base/apt-fence.conf.j2",
            banner=BANNER,
            blacklist=[*table.boot_packages, *declared.blacklist],
            boot_packages=table.boot_packages,
        ),
        name=f"File[{FENCE}]",
    )
    folder = str(PurePosixPath(NEEDRESTART).parent)
    directory(path=folder, name=f"Directory[{folder}]")
    settings_file(
        path=NEEDRESTART,
        program="needrestart",
        content=render("base/needrestart.conf.j2", banner=BANNER, mode=declared.needrestart),
        name=f"File[{NEEDRESTART}]",
    )
