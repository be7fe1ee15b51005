# Makes a swap file beside the old one, proves it and puts it in its place. $1 path, $2 bytes.
# fallocate first: on old XFS and wherever the file is allocated but unwritten the kernel may refuse such
# a file at swapon, on ext2/ext3 it cannot be made at all; dd always writes real blocks. On btrfs a swap
# file must not be copy-on-write, and that can only be set while it is empty.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: unfinished, mib
PATH=$PATH:/usr/sbin:/sbin
new=$1$unfinished
umask 077
discard() { swapoff -- "$new" 2>/dev/null; rm -f -- "$new"; }
empty() {
  discard
  ( set -C; : >"$new" ) || return 1
  [ "$(stat -f -c %T -- "$new")" != btrfs ] || chattr +C -- "$new"
}
proven() { chmod 0600 -- "$new" && mkswap -- "$new" >/dev/null && swapon -- "$new"; }
trap discard EXIT
how=fallocate
first=$( { empty && fallocate -l "$2" -- "$new" && proven; } 2>&1 ) || {
  how='dd'
  second=$( { empty && dd if=/dev/zero of="$new" bs="$mib" count=$(($2 / mib)) \
    conv=notrunc,fsync status=none && proven; } 2>&1 ) || {
    echo "no swap file can be made here. fallocate: $first. dd: $second" >&2; exit 1
  }
}
swapoff -- "$new" && sync -- "$new" || exit 1
while read -r area _; do
  if [ "$area" = "$1" ]; then swapoff -- "$1" || exit 1; fi
done </proc/swaps
mv -fT -- "$new" "$1" || exit 1
trap - EXIT
sync -- "${1%/*}/"
swapon -- "$1" && echo "made with $how"
