# Makes a file system on a device that is blank. The shell function `content` stands in front.
# $1 device, $2 UUID, the rest: the mkfs command without the device.
# shellcheck shell=sh
device=$1; uuid=$2; shift 2
seen=$(content "$device") || exit 1
case $seen in
  "device "*) ;;
  *) echo "$device: $seen" >&2; exit 1 ;;
esac
if [ "$(printf '%s\n' "$seen" | wc -l)" -ne 1 ]; then
  echo "$device is not blank, nothing was done:" >&2; printf '%s\n' "$seen" >&2; exit 1
fi
"$@" "$device" </dev/null || exit 1
if command -v udevadm >/dev/null; then udevadm settle --timeout=30; fi
found=$(blkid -p -s UUID -o value -- "$device")
[ "$found" = "$uuid" ] || { echo "$device: UUID is $found after mkfs" >&2; exit 1; }
