"""GRUB's own code, run on a machine's disk: which entry boots, and the files that it names.

Debian 12's GRUB 2.06 from a folder of the lab's own, never installed on this computer: `grub-emu`
chooses and writes its environment block back, `grub-fstest` reads what it chose. Knows disks and
menus, not machines. `pick`, `read` and `errors` need the standard library alone, since the
supervisor of a machine imports them.
"""
