"""GRUB's settings and menu, initial RAM disks, module options, firmware, the fallback kernel."""
