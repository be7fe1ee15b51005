# Keeps a directory with owner and mode. $1 mount that it must lie on or empty, $2 path, $3 mode, $4 user,
# $5 group.
# shellcheck shell=sh
there=$2
while [ ! -e "$there" ] && [ ! -L "$there" ]; do there=${there%/*}; there=${there:-/}; done
if [ -n "$1" ]; then
  on=$(findmnt -n -r -o TARGET --target "$there" | tail -n 1)
  [ "$on" = "$1" ] || { echo "$2 would lie on $on and not on $1: nothing was written" >&2; exit 1; }
fi
if [ ! -d "$2" ]; then install -d -m "$3" -o "$4" -g "$5" -- "$2" || exit 1; fi
[ "$(stat -c %U:%G -- "$2")" = "$4:$5" ] || chown -h -- "$4:$5" "$2" || exit 1
[ "$(stat -c %04a -- "$2")" = "$3" ] || chmod -- "$3" "$2"
