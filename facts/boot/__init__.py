"""Kernels: the one that runs, those that can boot, and what GRUB will choose."""
