# GRUB's settings, menus and environment, the tools that write them, kernels on disk, room in /boot.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: speaking, longest, block
lines settings "$speaking" /etc/default/grub /etc/default/grub.d/*.cfg
f=/boot/grub/grubenv
if [ ! -e "$f" ]; then lack grubenv -
elif [ ! -r "$f" ]; then lack grubenv ! 'needs root'
else
  part grubenv
  if [ -h "$f" ]; then echo link; else echo file; fi
  od -An -v -tx1 -N "$block" "$f"
fi
for f in /boot/grub/*.cfg; do
  if [ ! -e "$f" ]; then continue
  elif [ ! -r "$f" ]; then lack "menu:$f" ! 'needs root'
  else
    part "menu:$f"
    head -c "$longest" "$f" | grep -an ''
  fi
done
if [ -d /sys/firmware/efi ]; then p=efi; else p=pc; fi
printf '#b70 platform\n%s\n' "$p"
val cmdline /proc/cmdline
# which device is called what: a file's own device, then a block device's number
part places
stat -Lc '%d %t:%T %n' / /boot/grub /dev/disk/by-uuid/* /dev/disk/by-partuuid/* /dev/mapper/* \
  2>/dev/null
part images
stat -Lc '%s %Y %n' /boot/* /boot/grub/* /boot/b70fleet/*/* 2>/dev/null
part scripts
for f in /etc/grub.d/*; do if [ -f "$f" ] && [ -x "$f" ]; then printf '%s\n' "${f##*/}"; fi; done
lines tools '^PACKAGE_VERSION=|GRUB_FLAVOUR_ORDER' /usr/sbin/grub-mkconfig
part modules
for d in /lib/modules/*; do if [ -d "$d/kernel" ]; then printf '%s\n' "${d##*/}"; fi; done
part packages
for f in /var/lib/dpkg/info/linux-image-*.md5sums; do
  f=${f##*/}; f=${f%.md5sums}; printf '%s\n' "${f%:*}"
done
part owners
nl='
'
set --
for f in /boot/vmlinu[xz]-*; do [ ! -e "$f" ] || set -- "$@" -e "$f"; done
if [ $# -gt 0 ]; then
  # the package of a kernel has its version in its name: a fraction of all lists
  o=$(grep -sxFH "$@" /var/lib/dpkg/info/*[0-9].[0-9]*.list)
  printf '%s\n' "$o"
  set --
  for f in /boot/vmlinu[xz]-*; do
    case $o$nl in *":$f$nl"*) ;; *)
      # some packages bring the image beside its modules, and a hook copies it to /boot
      r=${f#/boot/vmlinu[xz]-}
      set -- "$@" -e "$f" -e "/lib/modules/$r/vmlinuz" -e "/usr/lib/modules/$r/vmlinuz" ;;
    esac
  done
  if [ $# -gt 0 ]; then grep -sxFH "$@" /var/lib/dpkg/info/*.list; fi
fi
part diversions
# three lines each: what was diverted, where to, by which package (`:` = by hand)
if [ -s /var/lib/dpkg/diversions ]; then
  awk 'NR % 3 == 1 { from = $0 } NR % 3 == 0 && from ~ /^\/boot\// { print $0 " " from }' \
    /var/lib/dpkg/diversions
fi
if [ -d /boot ]; then tool free stat -f -c '%S %a %b' /boot; else lack free -; fi
# the signature of swap files; lsblk names that of a swap device (facts/disks/block.sh)
part swap_files
if [ -r /etc/fstab ]; then
  while read -r f _ t _; do
    if [ "$t" = swap ] && [ -f "$f" ] && [ -r "$f" ]; then
      printf '%s' "$f"; od -An -tx1 -j 4086 -N 10 "$f"
    fi
  done </etc/fstab
fi
part reboot_required
if [ -e /run/reboot-required ]; then
  echo reboot-required
  if [ -r /run/reboot-required.pkgs ]; then
    while read -r l; do printf '%s\n' "$l"; done </run/reboot-required.pkgs
  fi
fi
