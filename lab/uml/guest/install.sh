#!/bin/sh
# Installs the running system on another disk with another layout: install.sh DISK TABLE, inside a machine, as root.
# TABLE has a line per partition, the root first: NUMBER FS MOUNT SUBVOLUME VOLUME, `-` for none.
set -eu
disk=$1 table=$2
target=/run/b70lab-target
mkdir -p "$target"
: >/run/b70lab-fstab
while read -r number fs mount subvolume volume; do
  node=$(readlink -f "$disk-part$number")
  if [ "$volume" != - ]; then
    pvcreate -q -y "$node"
    vgcreate -q "${volume%/*}" "$node"
    # these kernels have no semaphores, by which lvm hears of udev; nothing needs to be wiped
    lvcreate -q -y -Zn -Wn -l 100%FREE -n "${volume#*/}" "${volume%/*}"
    udevadm settle
    node=/dev/mapper/${volume%/*}-${volume#*/}
  fi
  options=defaults
  case $fs in
    ext4) mkfs.ext4 -q -O ^metadata_csum_seed,^orphan_file "$node" ;; # GRUB 2.06 reads no newer features
    vfat) mkfs.vfat "$node" >/dev/null ;;
    btrfs)
      mkfs.btrfs -q "$node"
      mount "$node" "$target"
      btrfs subvolume create "$target/$subvolume" >/dev/null
      umount "$target"
      options=subvol=$subvolume
      ;;
  esac
  mkdir -p "$target$mount"
  mount -t "$fs" -o "$options" "$node" "$target$mount"
  echo "UUID=$(blkid -s UUID -o value "$node") $mount $fs $options 0 0" >>/run/b70lab-fstab
  modules="$fs ${modules-}"
done <"$table"

# /boot may lie on a file system without owners and links
tar -C / --one-file-system --exclude=./boot/* --exclude=./run/* --exclude=./tmp/* -cf - . | tar -C "$target" -xpf -
cp -r /boot/. "$target/boot/"
cp /run/b70lab-fstab "$target/etc/fstab"
for point in dev proc sys run; do mount --bind "/$point" "$target/$point"; done

# the initramfs finds its root by what the layout needs; what the image left out is wanted here
echo "$modules dm_mod" | tr ' ' '\n' >>"$target/etc/initramfs-tools/modules"
chroot "$target" sh -eu -c '
  cd /usr/share/initramfs-tools/hooks && chmod +x $(ls | grep -E "^(btrfs|dmsetup|lvm2)$")
  update-initramfs -u -k all
  update-grub
  grub-editenv - unset next_entry'
umount -R "$target"
sync
