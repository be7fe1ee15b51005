# Swap that is on, what each area lies on, and the swap lines of fstab.
#   part swaps    /proc/swaps
#   part below    AREA THING, a line for each thing that a block device of /proc/swaps lies on: names of
#                 the devices at the bottom (device mapper, RAID), the absolute path of a loop's file
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root, speaking
part swaps
while IFS= read -r l; do printf '%s\n' "$l"; done <"$root/proc/swaps"
below() { # device: what it lies on, for the area
  set -- "$1" "$root/sys/class/block/$1/slaves"/*
  if [ -e "$2" ]; then
    shift
    for d do below "${d##*/}"; done
    return
  fi
  b=$1
  { IFS= read -r b; } 2>/dev/null <"$root/sys/class/block/$1/loop/backing_file"
  printf '%s %s\n' "$area" "$b"
}
part below
while read -r area _; do
  case $area in /dev/*) d=${area%'\040(deleted)'}; below "${d#/dev/}" ;; esac
done <"$root/proc/swaps"
lines fstab "$speaking" /etc/fstab
