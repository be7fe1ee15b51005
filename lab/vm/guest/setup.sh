# Runs once inside the disk of every virtual machine: setup.sh KERNEL_RELEASE, with the packages in /mnt.
# Everything here is the same for all machines: no key, no identity, no address.
release=$1
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
# after a power cut the kernel replays the journal; a check beside it would cost every boot
printf 'UUID=%s / ext4 errors=remount-ro 0 0\n' "$UUID" >/etc/fstab

# what is right for containers only
rm -f /etc/systemd/system/*/b70lab-private-sysctls.service /etc/systemd/system/b70lab-private-sysctls.service
rm -rf /usr/local/sbin/b70lab-private-sysctls /etc/b70lab /etc/systemd/system/systemd-timesyncd.service.d

debconf-set-selections <<'ANSWERS'
grub-pc grub-pc/install_devices multiselect
grub-pc grub-pc/install_devices_empty boolean true
grub-pc grub2/linux_cmdline string console=ttyS0
grub-pc grub2/linux_cmdline_default string quiet
ANSWERS

# A list instead of a search, and level 1, because a guest without KVM searches and compresses slowly. The
# driver is in the first initramfs only: from the guest's own first one on it is there when somebody declares it.
mkdir -p /etc/initramfs-tools/conf.d /etc/initramfs-tools/hooks /etc/initramfs-tools/scripts/init-top
printf 'virtio_pci\nvirtio_blk\next4\nxe\n' >/etc/initramfs-tools/modules
printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >/etc/initramfs-tools/conf.d/b70lab
install -m 0755 /run/b70lab/initramfs-hook.sh /etc/initramfs-tools/hooks/b70lab-cards
install -m 0755 /run/b70lab/initramfs-cards.sh /etc/initramfs-tools/scripts/init-top/b70lab-cards

printf 'force-unsafe-io\n' >/etc/dpkg/dpkg.cfg.d/b70lab-build
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
apt-get install -y -qq --no-install-recommends -oDpkg::Use-Pty=0 /mnt/*.deb
rm /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/b70lab-build
# what these take along is for other roots and consoles; every program of an image costs a second without KVM
for hook in btrfs dmsetup fsck keymap lvm2 resume thermal xfs; do
  [ ! -e "/usr/share/initramfs-tools/hooks/$hook" ] || chmod -x "/usr/share/initramfs-tools/hooks/$hook"
done
# Coldplug events of consoles and of what has no rule: two thirds of all, here and in the initramfs.
unplugged=$(printf ' --subsystem-nomatch=%s' tty vc pci_bus pci_express bdi memory wakeup workqueue)
sed "/--type=subsystems/d; s/--action=add/&$unplugged/" /usr/share/initramfs-tools/scripts/init-top/udev \
  >/etc/initramfs-tools/scripts/init-top/udev
chmod 0755 /etc/initramfs-tools/scripts/init-top/udev
update-initramfs -u -k "$release"
sed -i '/^xe$/d' /etc/initramfs-tools/modules

sed -i 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/' /etc/default/grub
mkdir -p /etc/default/grub.d
printf 'GRUB_TERMINAL=serial\nGRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\nGRUB_DISABLE_OS_PROBER=true\n' \
  >/etc/default/grub.d/b70lab.cfg
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /boot/grub/i386-pc/
grub-editenv /boot/grub/grubenv create
grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2
# For a root device called loop update-grub asks losetup for the file behind it, writes no entry for one, and
# lets GRUB open a loopback of its own; the root is found by its UUID instead.
printf '#!/bin/sh\necho "$1: []: ($1)"\n' >/run/b70lab/losetup
chmod 0755 /run/b70lab/losetup
PATH=/run/b70lab:$PATH update-grub
sed -i '/^[[:space:]]*loopback loop/d; /set root=(loop/d' /boot/grub/grub.cfg
grep -q "root=UUID=$UUID" /boot/grub/grub.cfg
[ "$(ls /boot/vmlinuz-*)" = "/boot/vmlinuz-$release" ]

systemctl enable systemd-networkd.service
systemctl disable systemd-networkd-wait-online.service e2scrub_reap.service
# What an emulated CPU pays for at every boot and login and no test looks at (the nspawn machines keep it): a
# user manager per session (6 s), a Python daemon, consoles, timers that a restored clock would set off at once.
sed -i '/pam_systemd/d' /etc/pam.d/common-session
systemctl disable unattended-upgrades.service
systemctl mask getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer dev-hugepages.mount dev-mqueue.mount \
  proc-sys-fs-binfmt_misc.automount systemd-binfmt.service sys-kernel-tracing.mount \
  modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
  systemd-network-generator.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
  systemd-sysusers.service systemd-random-seed.service modprobe@dm_mod.service modprobe@loop.service
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d
cat >/etc/systemd/system/systemd-udev-trigger.service.d/b70lab.conf <<UNIT
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --prioritized-subsystem=block,net$unplugged
UNIT
# systemd 257 looks at every start whether SSH may come in by other ways than the network
mkdir -p /etc/systemd/system-generators
ln -s /dev/null /etc/systemd/system-generators/systemd-ssh-generator
# the agent logs every call; a test makes hundreds
mkdir -p /etc/systemd/system/qemu-guest-agent.service.d
printf '[Service]\nLogLevelMax=warning\n' >/etc/systemd/system/qemu-guest-agent.service.d/b70lab.conf
apt-get clean
