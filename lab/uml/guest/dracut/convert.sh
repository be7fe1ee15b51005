#!/bin/sh
# Makes dracut the maker of this machine's initramfs: convert.sh FOLDER, inside a machine, as root. FOLDER has dracut's
# packages and the files beside this one.
set -eu
cd "$1"
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

module=/usr/lib/dracut/modules.d/99b70lab-cards
mkdir -p /etc/dracut.conf.d "$module"
install -m 0644 dracut.conf /etc/dracut.conf.d/b70lab.conf
install -m 0755 module-setup.sh cards.sh "$module"

# dpkg's trigger makes the first initramfs, with the hook that every kernel package calls
apt-get install -y -q -oDpkg::Use-Pty=0 --no-install-recommends --purge ./*.deb \
  initramfs-tools- initramfs-tools-core- initramfs-tools-bin- klibc-utils- libklibc-
rm -rf /etc/initramfs-tools # hooks of the lab's own
for initramfs in /boot/initrd.img-*; do
  lsinitrd "$initramfs" | grep -q /fakeb70.ko
done
update-grub
apt-get clean
sync
