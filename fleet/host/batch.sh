# Runs b70_facts, the facts one after the other in one shell, each within its own time limit, without a
# `timeout` and an `sh` for each. That function is set in front, too.
# Facts and a clock write into one pipe (fd 5): which process has begun and how many seconds it may
# take, and each second that passes. The reader of the pipe ends what takes longer. fd 6 is the
# program's stdout.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: b70_nonce
b70_self() { # the number of this very shell; $$ is the first one's
  for b70_p in /proc/self/task/*; do b70_p=${b70_p##*/}; done
}
b70_run() {
  b70_self
  echo "fact $b70_p $1" >&5
  exec 5>&-
  b70_s=$2
  B70_FACT=$b70_nonce; export B70_FACT
  set --
  eval "$b70_s"
}
b70_clock() {
  exec >/dev/null 2>&1 </dev/null
  while sleep 1 5>&- && kill -0 "$1"; do echo tick >&5; done
}
b70_tree() {
  b70_next=$1
  while [ -n "$b70_next" ]; do
    echo "$b70_next"
    # shellcheck disable=SC2086 # numbers, a word each
    set -- $b70_next
    b70_next=
    for b70_p; do
      for b70_f in /proc/"$b70_p"/task/*/children; do
        b70_c=
        { read -r b70_c; } 2>/dev/null <"$b70_f"
        b70_next="$b70_next$b70_c"
      done
    done
  done
}
b70_watch() {
  b70_p=
  while read -r b70_k b70_a b70_b; do
    case $b70_k in
      fact) b70_p=$b70_a b70_left=$b70_b ;;
      idle) b70_p= ;;
      tick)
        b70_left=$((b70_left - 1))
        [ -n "$b70_p" ] && [ "$b70_left" -lt 0 ] || continue
        # shellcheck disable=SC2046 # numbers, a word each
        if [ "$b70_left" = -1 ]; then kill -s TERM $(b70_tree "$b70_p")
        else
          kill -s KILL $(b70_tree "$b70_p")
          # what was started by it and is nobody's child any more
          kill -s KILL $(grep -lszxF "B70_FACT=$b70_nonce" /proc/[0-9]*/environ | cut -d / -f 3)
        fi 2>/dev/null
    esac
  done
}
exec 6>&1
{
exec 1>&6 6>&-
b70_self
b70_clock "$b70_p" &
b70_t=$!
b70_facts
kill "$b70_t" 2>/dev/null
} 5>&1 | b70_watch
