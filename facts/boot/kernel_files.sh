# What one installed kernel brings for the cards.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: release, aliases, worth
d=/lib/modules/$release
if [ ! -d "$d" ]; then lack alias -; lack modules -
else
  if [ -r "$d/modules.alias" ]; then part alias; grep -oE "$aliases" "$d/modules.alias"
  else lack alias '?' "there is no $d/modules.alias (depmod did not run)"; fi
  part modules; find "$d" -name 'xe.ko*' -type f
fi
i=/boot/initrd.img-$release
if [ ! -e "$i" ]; then lack files -; lack count -
elif [ ! -r "$i" ]; then lack files ! 'needs root'; lack count ! 'needs root'
elif ! command -v lsinitramfs >/dev/null 2>&1; then
  lack files '?' 'lsinitramfs is not installed'; lack count '?' 'lsinitramfs is not installed'
elif l=$(lsinitramfs "$i" 2>/dev/null); then
  part files; printf '%s\n' "$l" | grep -E "$worth"
  part count; printf '%s\n' "$l" | grep -c .
else lack files '?' "$i is damaged"; lack count '?' "$i is damaged"; fi
