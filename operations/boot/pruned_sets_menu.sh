# Writes the menu anew and checks that it has no entry of these sets, and that what boots by default is in
# it as before. $1 sets, the rest is the command that writes it.
# shellcheck shell=sh
menu=/boot/grub/grub.cfg gone=$1
shift
entries() { grep -cE "^[[:space:]]*menuentry .*'$1' \{" "$menu"; }
default=$(grub-editenv /boot/grub/grubenv list | sed -n 's/^saved_entry=//p')
case $default in
  b70-*) before=$(entries "$default") ;;
  *) default='' before=0 ;;
esac
"$@" || { echo "$1 failed: the menu has to be written before the next boot" >&2; exit 1; }
sync -f "$menu"
for name in $gone; do
  [ "$(entries "$name")" = 0 ] || { echo "$menu still has an entry of $name" >&2; exit 1; }
done
if [ -n "$default" ] && [ "$(entries "$default")" != "$before" ]; then
  echo "$menu has lost the entry of $default, which boots by default: b70 converge puts it back" >&2
  exit 1
fi
