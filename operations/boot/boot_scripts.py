"""Shell for the boot operations: builds, then reads back; a reboot is out of the question else.

Pure text. Each script ends with a message and an exit status other than 0 when the host must not be
rebooted. What the distribution's tools write lies in memory first; a host whose power goes before
it reaches the disk boots the old menu or finds a torn file, so each script flushes the file system.
"""

from __future__ import annotations

from typing import Final

# $1 release, $2 verb of update-initramfs, $3 modules, $4 firmware, $5 sha256 and $6 relative path
# of the declared blob, both empty when there is none
BUILD_INITRAMFS: Final = r"""
release=$1; image=/boot/initrd.img-$1
stamp=$(mktemp) || exit 1
trap 'rm -rf "$stamp" "$stamp.d"' EXIT
update-initramfs "-$2" -k "$release" || exit 1
if [ ! -s "$image" ]; then
  echo "update-initramfs wrote no $image: the host must not be rebooted" >&2; exit 1
fi
if [ "$image" -ot "$stamp" ]; then
  echo "update-initramfs left $image as it was" \
    "(update_initramfs in /etc/initramfs-tools/update-initramfs.conf?)" >&2
  exit 1
fi
sync -f "$image" /lib/modules || exit 1
list=$(lsinitramfs "$image") || { echo "$image cannot be read" >&2; exit 1; }
bad=
lacks() { echo "$image has no $1: the host must not be rebooted" >&2; bad=1; }
for m in $3; do
  printf '%s\n' "$list" | grep -qE "/$m\.ko(\.(zst|xz|gz))?\$" || lacks "module $m"
done
for f in $4; do
  printf '%s\n' "$list" | grep -qE "lib/firmware/(.*/)?$f(\.(zst|xz))?\$" || lacks "firmware $f"
done
if [ -n "$5" ] && [ -z "$bad" ]; then
  mkdir "$stamp.d" && unmkinitramfs "$image" "$stamp.d" || exit 1
  blob=$(find "$stamp.d" -path "*/$6" -type f | head -n 1)
  if [ -z "$blob" ]; then lacks "$6"
  elif [ "$(sha256sum <"$blob")" != "$5  -" ]; then
    echo "$image carries another ${6##*/} than the declared one" >&2; bad=1
  fi
fi
[ -z "$bad" ]
"""

# $1 path, $2 folder of the backup, $3 backup
BACK_UP: Final = r"""
t=$(mktemp "$2/.b70fleet.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
cat -- "$1" >"$t" && chmod 0644 "$t" && sync "$t" || exit 1
[ "$(sha256sum <"$t")" = "$(sha256sum <"$1")" ] || { echo "$1 changed meanwhile" >&2; exit 1; }
mv -nT -- "$t" "$3" && sync "$2"
"""

# $1 source on the host, $2 destination, $3 sha256
INSTALL_BLOB: Final = r"""
[ -f "$1" ] || { echo "there is no $1" >&2; exit 1; }
t=$(mktemp "${2%/*}/.b70fleet.XXXXXXXX") || exit 1
trap 'rm -f "$t"' EXIT
cat -- "$1" >"$t" && chmod 0644 "$t" || exit 1
[ "$(sha256sum <"$t")" = "$3  -" ] || {
  echo "$1 is not the declared blob: $(sha256sum <"$1")" >&2; exit 1
}
sync "$t" && mv -fT -- "$t" "$2" && sync "${2%/*}" || exit 1
[ "$(sha256sum <"$2")" = "$3  -" ] || { echo "$2 reads back differently" >&2; exit 1; }
"""
