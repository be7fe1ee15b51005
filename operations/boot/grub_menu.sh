# Writes GRUB's menu beside its place, looks into it, and puts it there: a power cut leaves the old menu or
# the new one, where update-grub alone writes over it. $1 boot sets that it must not have any more, empty
# when none go; the rest is the command that writes it, without the file.
# shellcheck shell=sh
gone=$1
shift
menu=$(readlink -f /boot/grub/grub.cfg) || exit 1
new=$menu.b70fleet
trap 'rm -f "$new" "$new.new"' EXIT
entries() { grep -cE "^[[:space:]]*menuentry .*'$1' \{" "$2"; }
"$@" "$new" || { echo "$1 failed: the host must not be rebooted" >&2; exit 1; }
[ -s "$new" ] || { echo "$1 wrote no menu: the host must not be rebooted" >&2; exit 1; }
for name in $gone; do
  [ "$(entries "$name" "$new")" = 0 ] || { echo "the new menu still has an entry of $name" >&2; exit 1; }
done
default=$(grub-editenv /boot/grub/grubenv list | sed -n 's/^saved_entry=//p')
case $gone/$default in
  ?*/b70-*)
    if [ "$(entries "$default" "$new")" != "$(entries "$default" "$menu")" ]; then
      echo "the new menu has lost the entry of $default, which boots by default: b70 converge puts it back" >&2
      exit 1
    fi ;;
esac
sync "$new" && mv -fT -- "$new" "$menu" && sync -f "$menu"
