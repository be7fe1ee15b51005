# Makes a menu entry the default and reads it back. $1 its path; it is empty only in the plan of a menu
# that is still to be written.
# shellcheck shell=sh
[ -n "$1" ] || { echo 'no menu entry is known: the host must not be rebooted' >&2; exit 1; }
grub-set-default "$1" || exit 1
sync -f /boot/grub/grub.cfg || exit 1
grub-editenv list | grep -Fqx "saved_entry=$1" || {
  echo "the default entry does not read back as $1: the host must not be rebooted" >&2
  exit 1
}
