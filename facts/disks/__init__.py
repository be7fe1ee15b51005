"""Disks, file systems, mounts, swap, and what directories take."""
