# Runs one check of a set. $1 folder of stand-in tools (lab hosts) or empty, $2 seconds, $3 text to find,
# the rest: the command.
# Of `timeout -k` 125 means in Rust's coreutils what 124 means in GNU's, and 143 in busybox's.
# shellcheck shell=sh
[ -z "$1" ] || PATH=$1:$PATH
limit=$2; want=$3; shift 3
out=$(LC_ALL=C timeout -k 5 "$limit" "$@" 2>&1 </dev/null); status=$?
case $status in
  0) ;;
  124|125|137|143) echo "$*: no answer within $limit s" >&2; exit 1 ;;
  *) printf '%s\n' "$out" | tail -n 5 >&2; echo "$*: exit status $status" >&2; exit 1 ;;
esac
case $out in *"$want"*) exit 0 ;; esac
printf '%s\n' "$out" | head -n 20 >&2
echo "$*: its output does not contain: $want" >&2
exit 1
