#!/bin/sh
# Makes a disk that boots by BIOS one that boots by UEFI:
# fill-disk.sh DISK ROOT_OFFSET ESP_OFFSET ESP_BYTES DEBS VENDOR SETUP
# Runs in a mount namespace of its own, so nothing stays mounted however it ends. As for every disk of a virtual machine
# (lab/vm/guest/fill-disk.sh) a loop device stands for the partition, and GRUB's tools take it for a whole disk.
set -eu
disk=$1 root_offset=$2 esp_offset=$3 esp_bytes=$4 debs=$5 vendor=$6 setup=$7
root=$(mktemp -d)
# a half-written image is thrown away, so nothing needs to reach the disk in order
mount -o "loop,offset=$root_offset,noatime,barrier=0,data=writeback" "$disk" "$root"
loop=$(awk -v point="$root" '$2 == point { print $1 }' /proc/mounts)
uuid=$(blkid -p -s UUID -o value "$loop")
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mount -t tmpfs tmpfs "$root/run"
for node in null zero full random urandom tty; do cp -a "/dev/$node" "$root/dev/"; done
cp -a "$loop" "$root/dev/"
mkdir -p "$root/dev/disk/by-uuid" "$root/run/b70lab"
ln -s "../../${loop##*/}" "$root/dev/disk/by-uuid/$uuid"
mount --bind "$debs" "$root/mnt"
truncate -s "$esp_bytes" "$debs/esp.img"
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 UUID="$uuid" \
  sh -eu -c "$(cat "$setup")" setup /mnt/esp.img "$vendor"
umount -R "$root"
rmdir "$root"
dd if="$debs/esp.img" of="$disk" bs=1M seek="$((esp_offset >> 20))" conv=notrunc status=none
