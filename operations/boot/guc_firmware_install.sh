# Puts a blob that lies on the host where the driver looks for it. $1 source, $2 destination, $3 sha256.
# shellcheck shell=sh
[ -f "$1" ] || { echo "there is no $1" >&2; exit 1; }
t=$(mktemp "${2%/*}/.b70fleet.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
cat -- "$1" >"$t" && chmod 0644 "$t" || exit 1
[ "$(sha256sum <"$t")" = "$3  -" ] || {
  echo "$1 is not the declared blob: $(sha256sum <"$1")" >&2; exit 1
}
sync "$t" && mv -fT -- "$t" "$2" && sync "${2%/*}" || exit 1
[ "$(sha256sum <"$2")" = "$3  -" ] || { echo "$2 reads back differently" >&2; exit 1; }
