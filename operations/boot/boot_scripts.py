"""Shell for the boot operations: builds, then reads back; a reboot is out of the question else.

Pure text. Each script ends with a message and an exit status other than 0 when the host must not be
rebooted. What the distribution's tools write lies in memory first; a host whose power goes before
it reaches the disk boots the old menu or finds a torn file, so each script flushes the file system.
"""

from __future__ import annotations

from typing import Final

#: awk over grub.cfg; prints `path|initrds|tokens` of the ordinary entries that load a release. It
#: knows the layout that grub-mkconfig writes: submenus begin and end in the first column.
_ENTRIES: Final = r"""
function id(line) {
  if (match(line, /(menuentry_id_option|--id) \047[^\047]*\047/)) {
    line = substr(line, RSTART, RLENGTH); sub(/^[^\047]*\047/, "", line); sub(/\047$/, "", line)
    return line
  }
  match(line, /\047[^\047]*\047/)
  return substr(line, RSTART + 1, RLENGTH - 2)
}
function done() {
  if (path != "" && hit && path !~ /-recovery-/) print path "|" initrds "|" words
  path = ""; hit = 0; initrds = ""; words = ""
}
/^submenu[ \t]/ { done(); outer = id($0); next }
/^}/ { done(); outer = ""; next }
/^[ \t]*menuentry[ \t]/ { done(); path = (/^[ \t]/ && outer != "" ? outer ">" : "") id($0); next }
/^[ \t]*linux(16|efi)?[ \t]/ {
  n = split($2, part, "/")
  if (part[n] == "vmlinuz-" release || part[n] == "vmlinux-" release) {
    hit = 1; for (i = 3; i <= NF; i++) words = words " " $i
  }
}
/^[ \t]*initrd(efi)?[ \t]/ { for (i = 2; i <= NF; i++) initrds = initrds " " $i }
END { done() }
"""

# $1 release, $2 tokens that must be on its line, $3 extended regular expressions of those that must
# not, the rest: the command that writes the menu
UPDATE_MENU: Final = f"""\
set -f
release=$1; present=$2; absent=$3; shift 3
"$@" || {{ echo "$1 failed: the host must not be rebooted" >&2; exit 1; }}
sync -f /boot/grub/grub.cfg || exit 1
found=$(awk -v release="$release" '{_ENTRIES}' /boot/grub/grub.cfg) || exit 1
printf '%s\\n' "$found" | {{
  bad=
  while IFS='|' read -r path initrds words; do
    [ -n "$path" ] || {{ echo "no entry of /boot/grub/grub.cfg loads $release" >&2; bad=1; break; }}
    case "$initrds " in
      *"initrd.img-$release "*) ;;
      *) echo "$path loads no initrd.img-$release" >&2; bad=1 ;;
    esac
    for token in $present; do
      case " $words " in
        *" $token "*) ;;
        *) echo "$path has no $token" >&2; bad=1 ;;
      esac
    done
    for word in $words; do
      for pattern in $absent; do
        if printf '%s\\n' "$word" | grep -qE -e "$pattern"; then
          echo "$path still has $word" >&2; bad=1
        fi
      done
    done
  done
  [ -z "$bad" ] || {{ echo 'the host must not be rebooted' >&2; exit 1; }}
}}
"""

# $1 release, $2 the entry to take, empty = the one that names the release
SET_DEFAULT: Final = f"""\
path=$2
[ -n "$path" ] || path=$(awk -v release="$1" '{_ENTRIES}' /boot/grub/grub.cfg | cut -d '|' -f 1 |
  awk -v release="$1" '{{ n = split($0, part, ">"); if (index(part[n], release)) last = $0 }}
    END {{ print last }}')
[ -n "$path" ] || {{
  echo "no entry of /boot/grub/grub.cfg is named after $1: the host must not be rebooted" >&2
  exit 1
}}
grub-set-default "$path" || exit 1
sync -f /boot/grub/grub.cfg || exit 1
grub-editenv list | grep -Fqx "saved_entry=$path" || {{
  echo "the default entry does not read back as $path: the host must not be rebooted" >&2; exit 1
}}
"""

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
