"""The page about swap: states and their order come from the state machine itself."""

from __future__ import annotations

from collections.abc import Iterator

from declaration.onhost import BUILD_SWAP
from declaration.swap import BuildSwap
from operations.swap.build_swap import FILE
from operations.swap.build_swap_state import MACHINE


def page() -> Iterator[str]:
    """Yield the lines of docs/swap.md below its title."""
    build = BuildSwap()
    yield "Two kinds. `swap.permanent` is a file that is always on and in fstab."
    yield f"`swap.build` is {build.size_gib:g} GiB (or `size_gib`) for one source build:"
    yield "one compiler process takes more than 120 GB (evidence.md#build-memory)."
    yield ""
    yield "## Build swap"
    yield ""
    yield "```"
    yield from MACHINE.diagram()
    yield "```"
    yield ""
    yield from MACHINE.table()
    yield ""
    yield "- `b70 swap build-up HOST` and `build-down HOST [--keep]` are for people; build steps"
    yield "  use the same as a context (`fleet.disks.buildswap.around_build`): up before the build,"
    yield "  down when it passed, kept when it failed."
    yield f"- Without `path` the file is `{FILE}` at the top of the largest declared file system."
    yield "- Refused before anything is written: too little room (the file plus what has to stay"
    yield "  free), a mount that is missing, a file system that takes no swap file (tmpfs, overlay,"
    yield "  ZFS, NFS, NTFS), or a running unit of `serving_units` while `forbid_while_serving` is"
    yield "  set; a profile may set either."
    yield "- The file is made with fallocate and proven with swapon; where that is refused (ext2,"
    yield "  ext3, old XFS) it is written with dd. On btrfs it is made without copy-on-write."
    yield f"- What the last run wanted stands in `{BUILD_SWAP}` on the host, so that any controller"
    yield "  can go on. A file that no run of this tool made is never used and never removed."
    yield "- A converge turns build swap off when something serves and that is forbidden; it never"
    yield "  makes or removes it."
