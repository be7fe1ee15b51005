"""The scripts that make, turn on, turn off and remove a swap file.

A new file is made beside the old one and proven with swapon before it takes the old one's place, so
that at the declared path there is a whole swap file or none.
"""

from __future__ import annotations

from typing import Final

from facts.shelltext import shell_text, shell_variables
from operations.script import Script

#: What a run that died may leave; it is ours by its name.
UNFINISHED: Final = ".b70fleet-new"
#: Bytes; sizes are whole MiB.
MIB: Final = 1024**2

_MAKE: Final = shell_variables(unfinished=UNFINISHED, mib=MIB) + shell_text(__file__)
# $1 path, $2 mount point
_ON_MOUNT: Final = """
on=$(findmnt -n -r -o TARGET --target "${1%/*}" | tail -n 1)
[ "$on" = "$2" ] || { echo "$1 would lie on $on and not on $2: nothing was written" >&2; exit 1; }
"""
_DISCARD: Final = 'swapoff -- "$1" 2>/dev/null; rm -f -- "$1"'
_OFF: Final = shell_text(__file__, "_off")
_ON: Final = shell_text(__file__, "_on")
_REMOVE: Final = shell_text(__file__, "_remove")


def make(path: str, size: int) -> Script:
    """Return the command that makes a swap file (in place of an older one) and turns it on.

    Args:
        path: plain absolute path.
        size: bytes, a multiple of MIB.
    """
    shown = ("fallocate", "-l", str(size), path)
    return Script(_MAKE, "b70-swap-make", path, str(size), shown=shown)


def on_mount(path: str, mount: str) -> Script:
    """Return the command that fails unless a path lies on this mount."""
    shown = ("findmnt", "--target", path, mount)
    return Script(_ON_MOUNT, "b70-on-mount", path, mount, shown=shown)


def discard(path: str) -> Script:
    """Return the command that removes what a run that died left of a file."""
    unfinished = f"{path}{UNFINISHED}"
    return Script(_DISCARD, "b70-swap-discard", unfinished, shown=("rm", "-f", "--", unfinished))


def turn_on(path: str) -> Script:
    """Return the command that turns an existing swap file on."""
    return Script(_ON, "b70-swap-on", path, shown=("swapon", "--", path))


def turn_off(path: str) -> Script:
    """Return the command that turns a swap file off; the kernel refuses when memory is short."""
    return Script(_OFF, "b70-swap-off", path, shown=("swapoff", "--", path))


def remove(path: str) -> Script:
    """Return the command that removes a swap file that is off."""
    return Script(_REMOVE, "b70-swap-remove", path, shown=("rm", "-f", "--", path))
