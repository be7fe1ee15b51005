# Everything that xpu-smi is asked, in one go. It starts the GPU stack and wakes the cards: on demand only.
#   absent                    (no xpu-smi; then nothing follows)
#   U uid
#   R name status             then its output: "O line" from stdout, "E line" from stderr
#   Z runs
# After a command that hung nothing more is asked: the next one would hang as well.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, limit (seconds for one command)
LC_ALL=C; export LC_ALL
tool=$probe_root/usr/bin/xpu-smi
[ -x "$tool" ] || tool=$(command -v xpu-smi) || { echo absent; exit 0; }
# files, not pipes: a process that the driver holds in D state would keep a pipe open for ever
dir=$(mktemp -d /run/b70fleet-xpu-smi.XXXXXX 2>/dev/null) || dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' 0
runs=0; hung=
lines() { # prefix file
  while IFS= read -r line || [ -n "$line" ]; do printf '%s %s\n' "$1" "$line"; done <"$2"
}
run() { # name arguments...
  [ -z "$hung" ] || return 0
  name=$1; shift
  timeout -k 1 "$limit" "$tool" "$@" >"$dir/out" 2>"$dir/err" </dev/null
  status=$?
  case $status in 124 | 125 | 137 | 143) hung=1 ;; esac # 143 is busybox's 124, 125 that of Rust's coreutils
  echo "R $name $status"
  lines O "$dir/out"
  head -n 20 "$dir/err" >"$dir/head"; lines E "$dir/head"
  runs=$((runs + 1))
}
echo "U $(id -u)"
run version -v
run list discovery -j
# shellcheck disable=SC2020 # three characters become line breaks
ids=$(tr ',{}' '\n\n\n' <"$dir/out" | sed -n 's/^ *"device_id" *: *\([0-9][0-9]*\) *$/\1/p')
for id in $ids; do
  run "discovery.$id" discovery -d "$id" -j
  run "config.$id" config -d "$id" -j
done
echo "Z $runs"
