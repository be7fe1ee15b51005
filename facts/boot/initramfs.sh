# Lists what is worth naming in the newest initial RAM disk.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: worth
n=
for f in /boot/initrd.img-*; do
  case $f in *'*'|*.old|*.bak|*.old-dkms|*.dpkg-*) continue ;; esac
  if [ -z "$n" ] || [ "$f" -nt "$n" ]; then n=$f; fi
done
if [ -z "$n" ]; then lack image -; lack files -; lack count -
elif [ ! -r "$n" ]; then
  part image; printf '%s\n' "$n"
  lack files ! 'needs root'; lack count ! 'needs root'
elif ! command -v lsinitramfs >/dev/null 2>&1; then
  part image; printf '%s\n' "$n"
  lack files '?' 'lsinitramfs is not installed'; lack count '?' 'lsinitramfs is not installed'
else
  part image; printf '%s\n' "$n"
  l=$(lsinitramfs "$n") || exit 3
  part files; printf '%s\n' "$l" | grep -E "$worth"
  part count; printf '%s\n' "$l" | grep -c .
fi
