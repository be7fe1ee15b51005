# Runs once inside the disk of a virtual machine that is to boot by UEFI: setup.sh ESP VENDOR, with the packages in /mnt.
# ESP is a file that becomes the EFI system partition, VENDOR the distribution's folder on it.
esp=$1 vendor=$2
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
# mtools is for this script alone
dpkg --extract /mnt/mtools.deb /run/b70lab/mtools
rm /mnt/mtools.deb
# see lab/vm/guest/setup.sh
printf '#!/bin/sh\necho "$1: []: ($1)"\n' >/run/b70lab/losetup
chmod 0755 /run/b70lab/losetup
PATH=/run/b70lab:/run/b70lab/mtools/usr/bin:$PATH

printf 'force-unsafe-io\n' >/etc/dpkg/dpkg.cfg.d/b70lab-build
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
# GRUB for a BIOS takes its settings along
cp /etc/default/grub /run/b70lab/default-grub
dpkg --purge grub-pc grub-pc-bin
cp /run/b70lab/default-grub /etc/default/grub
apt-get install -y -qq --no-install-recommends -oDpkg::Use-Pty=0 /mnt/*.deb
rm /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/b70lab-build
rm -rf /boot/grub/i386-pc
update-grub
sed -i '/^[[:space:]]*loopback loop/d; /set root=(loop/d' /boot/grub/grub.cfg
grep -q "root=UUID=$UUID" /boot/grub/grub.cfg

# What grub-install puts there for Secure Boot. It wants to see a mounted FAT, which not every computer's kernel has.
# At the first start shim finds no boot entry and lets its fallback program make one, as the .CSV says.
tree=/run/b70lab/esp
mkdir -p "$tree/EFI/BOOT" "$tree/EFI/$vendor"
cp /usr/lib/shim/shimx64.efi.signed "$tree/EFI/BOOT/BOOTX64.EFI"
cp /usr/lib/shim/shimx64.efi.signed "$tree/EFI/$vendor/shimx64.efi"
for program in fb mm; do
  cp "/usr/lib/shim/${program}x64.efi.signed" "$tree/EFI/BOOT/${program}x64.efi"
  cp "/usr/lib/shim/${program}x64.efi.signed" "$tree/EFI/$vendor/${program}x64.efi"
done
cp /usr/lib/shim/BOOTX64.CSV "$tree/EFI/$vendor/"
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "$tree/EFI/$vendor/grubx64.efi"
cat >"$tree/EFI/$vendor/grub.cfg" <<CONFIG
search.fs_uuid $UUID root
set prefix=(\$root)'/boot/grub'
configfile \$prefix/grub.cfg
CONFIG
mkfs.vfat -F 32 "$esp" >/dev/null
mcopy -s -i "$esp" "$tree/EFI" ::
mkdir /boot/efi
printf 'UUID=%s /boot/efi vfat umask=0077 0 0\n' "$(blkid -p -s UUID -o value "$esp")" >>/etc/fstab
apt-get clean
