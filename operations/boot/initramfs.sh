# Builds the initial RAM disk of one release and looks into it. What the distribution's tool writes lies
# in memory first, so it is flushed: a host whose power goes before that finds a torn file. $1 release,
# $2 verb of update-initramfs, $3 modules, $4 firmware, $5 sha256 and $6 relative path of the declared
# blob, both empty when there is none.
# shellcheck shell=sh
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
