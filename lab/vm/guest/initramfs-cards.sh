#!/bin/sh
# Plugs the fake cards in while udev runs, so that the driver is found by its alias as on a real rig.
[ "$1" != prereqs ] || { echo udev; exit 0; }
cards=/usr/lib/b70lab/$(uname -r)/fakeb70.ko
[ -e "$cards" ] || exit 0
insmod "$cards"
udevadm settle --timeout=60
