# Shell function `content DEVICE`. The first line is `device PATH MAJOR:MINOR SIZE`; each further line
# is something that a blank device does not have.
# shellcheck shell=sh
content() {
  PATH=$PATH:/usr/sbin:/sbin
  real=$(readlink -f -- "$1") && [ -b "$real" ] || { echo "gone $1"; return 0; }
  node=/sys/class/block/${real##*/}
  read -r number <"$node/dev" && size=$(blockdev --getsize64 "$real") || return 3
  printf 'device %s %s %s\n' "$real" "$number" "$size"
  [ "$(blockdev --getro "$real")" = 0 ] || echo 'readonly'
  found=$(blkid -p -o export -- "$real"); status=$?
  case $status in
    0) printf '%s\n' "$found" | grep -E '^(TYPE|PTTYPE|UUID|LABEL)=' ;;
    2) ;;
    8) echo 'signature several,_which_contradict_each_other' ;;
    *) echo "blkid: exit status $status" >&2; return 3 ;;
  esac
  marks=$(wipefs --no-act --noheadings --output TYPE,OFFSET "$real") || return 3
  printf '%s\n' "$marks" | while read -r type offset; do
    [ -z "$type" ] || printf 'signature %s at %s\n' "$type" "$offset"
  done
  for h in "$node"/holders/* "$node"/*/partition; do
    [ ! -e "$h" ] || case $h in
      */holders/*) printf 'holder %s\n' "${h##*/}" ;;
      *) h=${h%/partition}; printf 'part %s\n' "${h##*/}" ;;
    esac
  done
  while read -r _ _ at _ place _; do
    [ "$at" != "$number" ] || printf 'mounted %s\n' "$place"
  done </proc/self/mountinfo
  while read -r area _; do
    [ "$area" != "$real" ] || echo 'swap'
  done </proc/swaps
  [ -z "$found$marks" ] || return 0
  # a MiB at the start, at the end, where file systems keep spare superblocks, and between
  mib=1048576; last=$((size > mib ? size - mib : 0))
  # shellcheck disable=SC2017 # any place near three quarters will do
  for at in 0 $((64 * mib)) $((128 * mib)) $((size / 4)) $((size / 2)) $((size / 4 * 3)) $last; do
    [ "$at" -le "$last" ] || continue
    room=$((size - at < mib ? size - at : mib))
    cmp -s -n "$room" -i "$at:0" "$real" /dev/zero || printf 'data %s\n' "$at"
  done
}
