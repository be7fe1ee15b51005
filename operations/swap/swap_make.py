"""The scripts that make, turn on, turn off and remove a swap file.

A new file is made beside the old one and proven with swapon before it takes the old one's place, so
that at the declared path there is a whole swap file or none.
"""

from __future__ import annotations

from typing import Final

from operations.script import Script

#: What a run that died may leave; it is ours by its name.
UNFINISHED: Final = ".b70fleet-new"
#: Bytes; sizes are whole MiB.
MIB: Final = 1024**2

# $1 path, $2 bytes. fallocate first: on old XFS and wherever the file is allocated but unwritten
# the kernel may refuse such a file at swapon, on ext2/ext3 it cannot be made at all; dd always
# writes real blocks. On btrfs a swap file must not be copy-on-write, and that can only be set
# while it is empty.
_MAKE: Final = f"""
PATH=$PATH:/usr/sbin:/sbin
new=$1{UNFINISHED}
umask 077
discard() {{ swapoff -- "$new" 2>/dev/null; rm -f -- "$new"; }}
empty() {{
  discard
  ( set -C; : >"$new" ) || return 1
  [ "$(stat -f -c %T -- "$new")" != btrfs ] || chattr +C -- "$new"
}}
proven() {{ chmod 0600 -- "$new" && mkswap -- "$new" >/dev/null && swapon -- "$new"; }}
trap discard EXIT
how=fallocate
first=$( {{ empty && fallocate -l "$2" -- "$new" && proven; }} 2>&1 ) || {{
  how=dd
  second=$( {{ empty && dd if=/dev/zero of="$new" bs={MIB} count=$(($2 / {MIB})) \
    conv=notrunc,fsync status=none && proven; }} 2>&1 ) || {{
    echo "no swap file can be made here. fallocate: $first. dd: $second" >&2; exit 1
  }}
}}
swapoff -- "$new" && sync -- "$new" || exit 1
while read -r area _; do
  if [ "$area" = "$1" ]; then swapoff -- "$1" || exit 1; fi
done </proc/swaps
mv -fT -- "$new" "$1" || exit 1
trap - EXIT
sync -- "${{1%/*}}/"
swapon -- "$1" && echo "made with $how"
"""
# $1 path, $2 mount point
_ON_MOUNT: Final = """
on=$(findmnt -n -r -o TARGET --target "${1%/*}" | tail -n 1)
[ "$on" = "$2" ] || { echo "$1 would lie on $on and not on $2: nothing was written" >&2; exit 1; }
"""
_DISCARD: Final = 'swapoff -- "$1" 2>/dev/null; rm -f -- "$1"'
_OFF: Final = """
while read -r area _; do
  if [ "$area" = "$1" ]; then swapoff -- "$1" || exit 1; fi
done </proc/swaps
"""
_ON: Final = """
PATH=$PATH:/usr/sbin:/sbin
[ "$(blkid -p -s TYPE -o value -- "$1")" = swap ] || {
  echo "$1 is no swap file and stays as it is" >&2; exit 1
}
chmod 0600 -- "$1" && swapon -- "$1"
"""
_REMOVE: Final = """
while read -r area _; do
  [ "$area" != "$1" ] || { echo "$1 is in use as swap" >&2; exit 1; }
done </proc/swaps
rm -f -- "$1"
"""


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
