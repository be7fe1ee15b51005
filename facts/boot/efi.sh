# What the firmware starts, and the menus of boot loaders other than GRUB.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root, globals, loader, speaking
d=$root/sys/firmware/efi/efivars
if [ ! -d "$root/sys/firmware/efi" ]; then lack variables -; lack bytes -
else
  set --
  for f in "$d/BootCurrent-$globals" "$d/BootNext-$globals" "$d/BootOrder-$globals" \
    "$d"/Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F]-"$globals" "$d/LoaderInfo-$loader"; do
    [ ! -r "$f" ] || set -- "$@" "$f"
  done
  if [ $# = 0 ]; then
    lack variables '?' "there are no variables in $d"; lack bytes '?' "there are no variables in $d"
  else
    part variables
    stat -c '%s %n' "$@"
    # one after the other; their sizes say where each begins
    part bytes
    od -An -v -tx1 "$@"
  fi
fi
# GRUB's first menu, which leads to the one in /boot
lines stubs "$speaking" /boot/efi/EFI/*/grub.cfg
part menus
for f in /boot/loader/entries/*.conf /boot/efi/loader/entries/*.conf /efi/loader/entries/*.conf; do
  if [ -e "$f" ]; then printf '%s\n' "$f"; fi
done
