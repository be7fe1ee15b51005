"""Every path that boot sets put on a host; docs/on-the-host.md lists them.

The folders of the sets are in declaration/onhost.py: facts and gates know them too.
"""

from __future__ import annotations

from typing import Final

#: Folder of the programs that the host itself runs.
PROGRAMS: Final = "/usr/lib/b70fleet"
#: GRUB's scripts run in the order of their names: behind this one comes nobody.
MENU_SCRIPT: Final = "/etc/grub.d/zz_b70fleet"
#: update-grub sources the drop-ins in the order of their names; the last one counts.
SETTINGS: Final = "/etc/default/grub.d/zz-b70fleet.cfg"

#: Hook of initramfs-tools that fills the initial RAM disk of a set.
INITRAMFS_HOOK: Final = "/etc/initramfs-tools/hooks/b70fleet"
#: What every initial RAM disk of initramfs-tools runs first.
TRIAL_HOOK: Final = "/etc/initramfs-tools/scripts/init-top/b70fleet-trial"
#: Module of dracut that does the same for a set; no image has it that is not asked for it.
DRACUT_MODULE: Final = "/usr/lib/dracut/modules.d/90b70fleet"

#: Where an earlier version put them: it had one initial RAM disk, and options in a file.
OLD: Final = ("/etc/initramfs-tools/hooks/b70fleet-xe", "/etc/modprobe.d/90-b70fleet-xe.conf")
