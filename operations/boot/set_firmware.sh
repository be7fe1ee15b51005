# Puts a blob that lies on the host into the firmware folder of a boot set, without its compression: the
# kernel looks for compressed files only after every uncompressed one. $1 source; where it is not there,
# its compressed forms are looked for. $2 destination, $3 sha256 of the blob. plain.sh stands in front.
# shellcheck shell=sh
from=
for each in "$1" "$1.zst" "$1.xz"; do
  if [ -f "$each" ]; then from=$each; break; fi
done
[ -n "$from" ] || { echo "there is no $1, compressed or not" >&2; exit 1; }
t=$(mktemp "${2%/*}/.b70fleet.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
plain "$from" >"$t" && chmod 0644 "$t" || exit 1
[ "$(sha256sum <"$t")" = "$3  -" ] || {
  echo "$from is not the declared blob: $(sha256sum <"$t")" >&2; exit 1
}
sync "$t" && mv -fT -- "$t" "$2" && sync "${2%/*}" || exit 1
[ "$(sha256sum <"$2")" = "$3  -" ] || { echo "$2 reads back differently" >&2; exit 1; }
