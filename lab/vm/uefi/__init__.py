"""Virtual machines with UEFI firmware and Secure Boot: their firmware, and the disk that it boots.

The disk is made from the one that boots by BIOS. Knows images, not machines.
"""
