# Everything that xpu-smi is asked, in one go. It starts the GPU stack and wakes the cards: on demand only.
#   absent                    (no xpu-smi; then nothing follows)
#   U uid
#   R name status             then its output: "O line" from stdout, "E line" from stderr
#   Z runs
# After a command that hung or printed without end nothing more is asked: the next one would do the same.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, limit (seconds for one command), most, few, dir, status (of bounded.sh)
LC_ALL=C; export LC_ALL
tool=$probe_root/usr/bin/xpu-smi
[ -x "$tool" ] || tool=$(command -v xpu-smi) || { echo absent; exit 0; }
runs=0; over=
run() { # name arguments...
  [ -z "$over" ] || return 0
  name=$1; shift
  bounded timeout -k 1 "$limit" "$tool" "$@"
  # 143 is busybox's 124, 125 that of Rust's coreutils, 153 too much output
  case $status in 124 | 125 | 137 | 143 | 153) over=1 ;; esac
  echo "R $name $status"
  if [ "$status" = 153 ]; then most=$few; fi
  passed "$dir/out" "$most" | sed 's/^/O /'
  passed "$dir/err" "$few" | sed 's/^/E /'
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
