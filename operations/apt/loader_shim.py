"""The empty `libze1`: lets xpu-smi be installed while oneAPI's `level-zero` owns the loader.

xpu-smi depends on the *name* libze1; the real one would overwrite libze_loader.so.1 with its own,
older copy (docs/evidence.md#libze1). Pure: bytes in, bytes out.
"""

from __future__ import annotations

from gates.world_userspace import LIBZE1
from operations.apt.deb import build


def package(version: str, loader: str) -> bytes:
    """Return the shim as a .deb, the same bytes on every controller.

    Args:
        version: of the shim, such as 1.28.2-local1.
        loader: version of `level-zero` that it stands for.
    """
    return build(
        {
            "Package": LIBZE1,
            "Version": version,
            "Architecture": "all",
            "Maintainer": "b70fleet <b70fleet@localhost>",
            "Depends": f"level-zero (>= {loader})",
            "Section": "libs",
            "Priority": "optional",
            "Description": "empty package: the Level Zero loader comes from level-zero\n"
            "Holds the name that xpu-smi depends on, so that the loader keeps its one owner.",
        }
    )
