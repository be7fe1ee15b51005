"""Every path that the boot set puts on a host; docs/on-the-host.md lists them."""

from __future__ import annotations

from typing import Final

#: modprobe reads it last among the usual names, at boot from the initial RAM disk
XE_OPTIONS: Final = "/etc/modprobe.d/90-b70fleet-xe.conf"
INITRAMFS_HOOK: Final = "/etc/initramfs-tools/hooks/b70fleet-xe"
