# Refuses a transaction that would remove or change what it must not. $1 packages that may be removed,
# $2 extended regular expression of packages that may not change, the rest: the command that simulates.
# shellcheck shell=sh
allowed=" $1 "; protected=$2; shift 2
out=$("$@" 2>&1 </dev/null) || { printf '%s\n' "$out" >&2; exit 100; }
printf '%s\n' "$out" | awk -v allowed="$allowed" -v protected="$protected" '
  $1 !~ /^(Inst|Remv|Purg)$/ || index(allowed, " " $2 " ") { next }
  $1 != "Inst" { print "refused: it would remove " $2 " " $3; bad = 1 }
  protected != "" && $2 ~ protected {
    print "refused: it would change " $2 ", which this set must not touch"; bad = 1 }
  END { exit bad }' >&2
