# Runs a tool whose output may have no end, and keeps of it what is worth passing on.
#   bounded COMMAND…       its streams go to $dir/out and $dir/err, its exit status to status; what
#                          prints more than the limit is stopped by the kernel: status 153 (SIGXFSZ)
#   passed FILE BYTES      the beginning of a stream, ending with a line's end; no blank line
# Files, not pipes: a process that the driver holds in D state would keep a pipe open for ever. What a
# file may hold is bounded, not what is read of it: /run is main memory.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: blocks (of 512 bytes that a stream may have)
dir=
bounded() {
  if [ -z "$dir" ]; then
    trap 'rm -rf "$dir"' 0
    trap 'exit 143' TERM
    dir=$(mktemp -d /run/b70fleet-tool.XXXXXX 2>/dev/null) || dir=$(mktemp -d) || exit 1
  fi
  # the shell's own word about a command that was killed is no output of it; dash loses the streams
  # of a subshell that is within braces with a stream of their own
  exec 9>&2 2>/dev/null
  ( ulimit -f "$blocks"; exec "$@" ) >"$dir/out" 2>"$dir/err" </dev/null 9>&-
  # shellcheck disable=SC2034 # for the text behind
  status=$?
  exec 2>&9 9>&-
}
passed() {
  { head -c "$2" "$1"; echo; } | sed '/^$/d'
  [ "$(wc -c <"$1")" -le "$2" ] || echo '[cut off]'
}
