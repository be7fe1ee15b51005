# Shell functions `fixed PATH`, which says whether chattr forbids to change it, and `put DEST MODE USER GROUP SHA256 VALIDATE`, content as base64 on stdin. Exit statuses:
# 71 no such directory, 72 not written (disk full), 73 hash differs, 74 validation failed, 75 not
# renamed, 76 interrupted (a cut connection is a SIGPIPE at the first word said).
# shellcheck shell=sh
fixed() {
  for one in "$1" "${1%/*}/."; do
    flags=$(lsattr -d "$one" 2>/dev/null) || continue
    case ${flags%% *} in *[ia]*) echo "${one%/.} is immutable or append-only (${flags%% *})" >&2 ;; esac
  done
}
put() (
umask 077
dir=${1%/*}; [ -n "$dir" ] || dir=/
[ -d "$dir" ] || { echo "no directory $dir" >&2; exit 71; }
[ ! -d "$1" ] || { echo "$1 is a directory" >&2; exit 75; }
tmp=$(mktemp "$dir/.b70fleet.XXXXXXXX") || { fixed "$1"; exit 72; }
trap 'rm -f "$tmp"' EXIT
trap 'exit 76' HUP INT TERM PIPE
base64 -d >"$tmp" || { echo "cannot write $tmp" >&2; exit 72; }
[ "$(sha256sum <"$tmp")" = "$5  -" ] || { echo "$1: content arrived damaged" >&2; exit 73; }
chown "$3:$4" "$tmp" && chmod "$2" "$tmp" || exit 72
if [ -n "$6" ]; then
  out=$(B70_FILE=$tmp B70_DEST=$1 sh -c "$6" 2>&1) || { echo "$1 refused by its check: $out" >&2; exit 74; }
fi
sync "$tmp" || { echo "cannot sync $tmp" >&2; exit 72; }
mv -fT "$tmp" "$1" || { fixed "$1"; exit 75; }
sync "$dir"
[ "$(sha256sum <"$1")" = "$5  -" ] || { echo "$1: reads back differently" >&2; exit 73; }
)
