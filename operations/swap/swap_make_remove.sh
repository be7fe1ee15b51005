# Removes a swap file that is off: PATH.
# shellcheck shell=sh
while read -r area _; do
  [ "$area" != "$1" ] || { echo "$1 is in use as swap" >&2; exit 1; }
done </proc/swaps
rm -f -- "$1"
