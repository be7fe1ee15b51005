"""Machines that are a Linux kernel running as a process (User-mode Linux), behind GRUB's code.

They boot in seconds where an emulated PC takes most of a minute, and they have what a boot needs: a
kernel of their own from a package, an initramfs, an environment block, disks, fake cards. They have
no firmware, no ACPI, no BIOS, and not the distribution's kernel binary (see docs/limits.md).
"""
