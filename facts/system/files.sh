# State of the paths that are the arguments.
# Records: S state, L link target, N nothing there, U folder not searchable; then hashes.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: limit (bytes from which on a file is not hashed)
stat --printf='S\t%n\t%f\t%U\t%G\t%s\t%Y\n' -- "$@" 2>/dev/null
n=$#
while [ $n -gt 0 ]; do
  p=$1; shift; n=$((n-1))
  if [ -L "$p" ]; then printf 'L\t%s\t%s\n' "$p" "$(readlink "$p")"
  elif [ -f "$p" ]; then if [ -r "$p" ]; then set -- "$@" "$p"; fi
  elif [ ! -e "$p" ]; then
    d=${p%/*}
    while [ -n "$d" ] && [ ! -e "$d" ]; do d=${d%/*}; done
    if [ -x "${d:-/}" ] || [ ! -d "${d:-/}" ]; then printf 'N\t%s\n' "$p"
    else printf 'U\t%s\t%s\n' "$p" "$d"; fi
  fi
done
[ $# = 0 ] || find "$@" -maxdepth 0 -type f -size "-${limit}c" -exec sha256sum -- {} +
true
