#!/bin/sh
# Fills the partition of a disk image: fill-disk.sh DISK OFFSET BASE UUID DEBS CARDS GUEST PACKAGES...
# OWN_SETUP: a script that the kind of machine runs inside behind the common one; may be empty.
# Runs in a mount namespace of its own, so nothing stays mounted however it ends. No udev is needed: the
# file system is reached through one loop device with an offset, which GRUB's tools take for a whole disk.
set -eu
disk=$1 offset=$2 base=$3 uuid=$4 debs=$5 cards=$6 guest=$7
shift 7
root=$(mktemp -d)
# a half-written image is thrown away, so nothing needs to reach the disk in order
mount -o "loop,offset=$offset,noatime,barrier=0,data=writeback" "$disk" "$root"
loop=$(awk -v point="$root" '$2 == point { print $1 }' /proc/mounts)
cp -a "$base/." "$root/"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mount -t tmpfs tmpfs "$root/run"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$root/dev/"; done
cp -a "$loop" "$root/dev/"
mkdir -p "$root/dev/disk/by-uuid" "$root/run/b70lab"
ln -s "../../${loop##*/}" "$root/dev/disk/by-uuid/$uuid"
mount --bind "$debs" "$root/mnt"
mkdir -p "$root/usr/lib/b70lab"
cp -a "$cards/." "$root/usr/lib/b70lab/"
cp "$guest/initramfs-hook.sh" "$guest/initramfs-cards.sh" "$root/run/b70lab/"
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 UUID="$uuid" \
  sh -eu -c "$(cat "$guest/setup.sh" ${OWN_SETUP:+"$OWN_SETUP"})" setup "$@"

# GRUB without grub-install, which wants to see the disk it installs on: its boot sector looks for the
# rest in sector 1 of the same disk, and its first sector for the remainder in sector 2, which is where
# they are put.
cp "$root/boot/grub/i386-pc/core.img" "$disk.core"
cp "$root/usr/lib/grub/i386-pc/boot.img" "$disk.boot"
umount -R "$root"
rmdir "$root"
dd if="$disk.boot" of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$disk.core" of="$disk" bs=512 seek=1 conv=notrunc status=none
rm "$disk.core" "$disk.boot"
