# Keeps a copy of a blob. $1 path, $2 folder of the backup, $3 backup.
# shellcheck shell=sh
t=$(mktemp "$2/.b70fleet.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
cat -- "$1" >"$t" && chmod 0644 "$t" && sync "$t" || exit 1
[ "$(sha256sum <"$t")" = "$(sha256sum <"$1")" ] || { echo "$1 changed meanwhile" >&2; exit 1; }
mv -nT -- "$t" "$3" && sync "$2"
