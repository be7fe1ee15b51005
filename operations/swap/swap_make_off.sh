# Turns a swap file off: PATH. One that is off already is left alone.
# shellcheck shell=sh
while read -r area _; do
  if [ "$area" = "$1" ]; then swapoff -- "$1" || exit 1; fi
done </proc/swaps
