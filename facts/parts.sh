# Shell functions for scripts. Only `lines` and `tool` start a process, the rest is built into the
# shell: each fork costs 1-3 ms on a host. `read` takes a file byte by byte, a call each, so a long
# file is for a tool.
#   part NAME             the lines that follow belong to NAME
#   lack NAME MARK WHY    there is no text: mark `-` absent, `!` needs root, `?` any other reason
#   val NAME PATH         first line of a file -> v; not for numbers below /proc/sys (system/sysctl.py)
#   lines NAME ERE FILE…  matching lines of many files as `path:line number:line`, and `!path` for a
#                         file that may not be read
#   tool NAME COMMAND…    output of a command
#   user                  the effective user id -> uid
# shellcheck shell=sh
PATH=$PATH:/usr/sbin:/sbin
part() { printf '#b70 %s\n' "$1"; }
lack() { printf '#b70 %s %s%s\n' "$1" "$2" "$3"; }
val() {
  v=
  if [ ! -e "$2" ]; then lack "$1" -
  elif [ ! -r "$2" ]; then lack "$1" ! 'needs root'
  else
    { IFS= read -r v; } 2>/dev/null <"$2"
    if [ -n "$v" ]; then printf '#b70 %s\n%s\n' "$1" "$v"
    else lack "$1" '?' "$2 is empty or cannot be read"; fi
  fi
}
lines() {
  part "$1"; e=$2; shift 2
  grep -saHnE -e "$e" -- "$@"
  for f do if [ -e "$f" ] && [ ! -r "$f" ]; then printf '!%s\n' "$f"; fi; done
}
tool() {
  n=$1; shift
  if command -v "$1" >/dev/null 2>&1; then
    part "$n"
    "$@" || lack "$n" '?' "$1 failed with exit status $?"
  else lack "$n" '?' "$1 is not installed"; fi
}
# shellcheck disable=SC2034 # for the text behind
user() {
  while read -r k _ uid _; do [ "$k" != Uid: ] || return 0; done </proc/self/status
}
