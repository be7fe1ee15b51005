#!/bin/sh
# dracut module: takes the fake cards along. They are hardware, so every initramfs has them.
# dracut sets $kernel and $moddir.
# shellcheck disable=SC2154

check() {
  [ -e "/usr/lib/b70lab/$kernel/fakeb70.ko" ]
}

install() {
  inst_simple "/usr/lib/b70lab/$kernel/fakeb70.ko"
  inst_multiple insmod uname udevadm
  inst_hook pre-trigger 50 "$moddir/cards.sh"
}
