# Removes one thing that lies directly in a directory. The shell function `users` stands in front.
# $1 path, $2 directory that it must lie in.
# shellcheck shell=sh
refuse() { echo "$1: nothing was removed" >&2; exit 1; }
[ "$(readlink -e -- "$2")" = "$2" ] || refuse "$2 is reached through a link"
[ "${1%/*}" = "$2" ] || refuse "$1 does not lie directly in $2"
[ ! -L "$1" ] || refuse "$1 is a link"
while read -r _ _ _ _ place _; do
  case $place in "$1"|"$1"/*) refuse "$place is a mount" ;; esac
done </proc/self/mountinfo
while read -r area _; do
  case $area in "$1"|"$1"/*) refuse "$area is in use as swap" ;; esac
done </proc/swaps
busy=$(users "$1" | head -n 3 | tr '\n' ' ')
[ -z "$busy" ] || refuse "in use: $busy"
rm -rf --one-file-system -- "$1"
