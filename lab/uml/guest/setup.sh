# Runs inside the disk of a User-mode Linux machine, behind what every booting machine gets (lab/vm/guest/setup.sh).

# The agent listens on the second serial line: there is no virtio port.
systemctl mask qemu-guest-agent.service
cat >/etc/systemd/system/b70lab-agent.service <<'UNIT'
[Unit]
Description=Guest agent on the second serial line (lab machine)
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
ExecStart=/usr/sbin/qemu-ga -m isa-serial -p /dev/ttyS1
Restart=always
LogLevelMax=warning
[Install]
WantedBy=basic.target
UNIT
systemctl enable b70lab-agent.service

# The disks have the names that an emulated machine's have; the rest of the storage rules knows them already.
printf '%s\n' 'KERNEL=="ubd*[!0-9]", ATTRS{serial}=="?*", ENV{ID_SERIAL}="$attr{serial}", ENV{ID_SERIAL_SHORT}="$attr{serial}", SYMLINK+="disk/by-id/virtio-$attr{serial}"' \
  'KERNEL=="ubd*[0-9]", ATTRS{serial}=="?*", SYMLINK+="disk/by-id/virtio-$attr{serial}-part%n"' \
  >/etc/udev/rules.d/59-b70lab-ubd.rules

# lvm2 is here for one layout of the disk, and nobody mirrors it.
systemctl mask lvm2-monitor.service

# GRUB's menu waits in real time, with a processor of its own, and nobody reads it.
sed -i 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=0/' /etc/default/grub
sed -i 's/set timeout=1$/set timeout=0/' /boot/grub/grub.cfg
