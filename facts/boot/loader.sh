# GRUB's settings, menu and environment, kernels on disk, room in /boot.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: speaking, menu
lines settings "$speaking" /etc/default/grub /etc/default/grub.d/*.cfg
for f in /boot/grub/grubenv /boot/grub/grub.cfg; do
  n=${f##*/}
  if [ ! -e "$f" ]; then lack "$n" -
  elif [ ! -r "$f" ]; then lack "$n" ! 'needs root'
  else
    part "$n"
    grep -aE "$menu" "$f"
  fi
done
part images
stat -Lc '%s %Y %n' /boot/vmlinu[xz]-* /boot/initrd.img-* /boot/initramfs-* 2>/dev/null
part modules
for d in /lib/modules/*; do if [ -d "$d/kernel" ]; then printf '%s\n' "${d##*/}"; fi; done
part packages
for f in /var/lib/dpkg/info/linux-image-*.md5sums; do
  f=${f##*/}; f=${f%.md5sums}; printf '%s\n' "${f%:*}"
done
if [ -d /boot ]; then tool free stat -f -c '%S %a %b' /boot; else lack free -; fi
part reboot_required
if [ -e /run/reboot-required ]; then
  echo reboot-required
  if [ -r /run/reboot-required.pkgs ]; then
    while read -r l; do printf '%s\n' "$l"; done </run/reboot-required.pkgs
  fi
fi
