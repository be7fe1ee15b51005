"""Virtual machines of the lab: QEMU under TCG, GRUB, real kernels, real disks, fake B70 cards.

A disk image is built once and kept by its recipe; each machine has a disk of its own with its
identity and an overlay on top, so that a reset takes a second. The machines stand on the lab's
bridge beside the nspawn machines and reach nothing else. Like the rest of the lab, this room may
import every other and nothing outside tests and bench imports it.
"""
