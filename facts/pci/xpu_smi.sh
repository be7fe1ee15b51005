# Everything that xpu-smi is asked, in one go. It starts the GPU stack and wakes the cards: on demand only.
#   absent                    (no xpu-smi; then nothing follows)
#   U uid
#   R name status             then its output: "O line" from stdout, "E line" from stderr
#   Z runs
# After a command that hung or printed without end nothing more is asked: the next one would do the same.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, limit (seconds for one command), blocks (of 512
#   bytes that a stream may have), most, few (bytes of stdout and stderr that are passed on)
LC_ALL=C; export LC_ALL
tool=$probe_root/usr/bin/xpu-smi
[ -x "$tool" ] || tool=$(command -v xpu-smi) || { echo absent; exit 0; }
# files, not pipes: a process that the driver holds in D state would keep a pipe open for ever
dir=$(mktemp -d /run/b70fleet-xpu-smi.XXXXXX 2>/dev/null) || dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' 0
runs=0; over=
lines() { # prefix file bytes: no blank line, and a line's end behind the last one
  { head -c "$3" "$2"; echo; } | sed "/^\$/d; s/^/$1 /"
  [ "$(wc -c <"$2")" -le "$3" ] || echo "$1 [cut off]"
}
run() { # name arguments...
  [ -z "$over" ] || return 0
  name=$1; shift
  # what a file may hold is bounded, not what is read of it: /run is main memory
  ( ulimit -f "$blocks"; exec timeout -k 1 "$limit" "$tool" "$@" ) >"$dir/out" 2>"$dir/err" </dev/null
  status=$?
  # 143 is busybox's 124, 125 that of Rust's coreutils, 153 too much output
  case $status in 124 | 125 | 137 | 143 | 153) over=1 ;; esac
  echo "R $name $status"
  if [ $status = 153 ]; then most=$few; fi
  lines O "$dir/out" "$most"
  lines E "$dir/err" "$few"
  runs=$((runs + 1))
}
echo "U $(id -u)"
run version -v
run list discovery -j
# shellcheck disable=SC2020 # three characters become line breaks
ids=$(tr ',{}' '\n\n\n' <"$dir/out" | sed -n 's/^ *"device_id" *: *\([0-9][0-9]*\) *$/\1/p' | head -n 64)
for id in $ids; do
  run "discovery.$id" discovery -d "$id" -j
  run "config.$id" config -d "$id" -j
done
echo "Z $runs"
