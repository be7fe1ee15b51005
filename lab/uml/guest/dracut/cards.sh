#!/bin/sh
# Plugs the fake cards in while udev runs, so that the driver is found by its alias as on a real rig.
insmod "/usr/lib/b70lab/$(uname -r)/fakeb70.ko"
