#!/bin/sh
# initramfs hook: takes the fake cards along. They are hardware, so every initramfs has them.
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
cards=/usr/lib/b70lab/$version/fakeb70.ko
[ -e "$cards" ] || exit 0
copy_file module "$cards"
copy_exec /usr/bin/kmod /usr/bin/insmod
