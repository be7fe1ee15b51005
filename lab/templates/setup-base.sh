# Runs once inside the base image. Everything here is the same for all machines: no key, no identity.
useradd --create-home --shell /bin/bash --comment "lab rig user" rig
install -d -m 0700 -o rig -g rig /home/rig/.ssh
printf 'rig ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/rig
chmod 0440 /etc/sudoers.d/rig

rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
ln -s /etc/machine-id /var/lib/dbus/machine-id 2>/dev/null || :
: >/etc/machine-id

# Machines have no way to the distribution's archive.
rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
printf '# lab machine: packages come from the lab mirror only\n' >/etc/apt/sources.list
# Package descriptions in other languages are not on the lab mirror.
printf 'Acquire::Languages "none";\n' >/etc/apt/apt.conf.d/10b70lab

# The updaters' timers stay enabled, as on a real host, but never fire in the middle of a test.
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim man-db; do
  mkdir -p "/etc/systemd/system/$timer.timer.d"
  printf '[Timer]\nOnCalendar=\nOnCalendar=2099-01-01\nPersistent=no\nRandomizedDelaySec=0\n' \
    >"/etc/systemd/system/$timer.timer.d/b70lab.conf"
done

# A container may not set the clock; without the capability timesyncd runs and simply finds no server.
mkdir -p /etc/systemd/system/systemd-timesyncd.service.d
cat >/etc/systemd/system/systemd-timesyncd.service.d/b70lab.conf <<'UNIT'
[Unit]
ConditionVirtualization=
ConditionCapability=
[Service]
AmbientCapabilities=
CapabilityBoundingSet=
UNIT
systemctl enable systemd-timesyncd.service

# The kernel's settings belong to the controller: each machine gets copies of its own for the ones rigs set.
cat >/usr/local/sbin/b70lab-private-sysctls <<'SCRIPT'
#!/bin/sh
# Bind this machine's copies of kernel settings over the shared ones.
while read -r key; do
  own=/var/lib/b70lab-probe/proc/sys/$key
  [ -e "$own" ] && [ -e "/proc/sys/$key" ] && mount --bind "$own" "/proc/sys/$key"
done </etc/b70lab/private-sysctls
exit 0
SCRIPT
chmod 0755 /usr/local/sbin/b70lab-private-sysctls
cat >/etc/systemd/system/b70lab-private-sysctls.service <<'UNIT'
[Unit]
Description=Private copies of kernel settings (lab machine)
DefaultDependencies=no
Before=systemd-sysctl.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/b70lab-private-sysctls
[Install]
WantedBy=sysinit.target
UNIT
systemctl enable b70lab-private-sysctls.service

# Calls of the replaying xpu-smi are written down by any user.
: >/var/log/b70lab-xpu-smi.log
chmod 0666 /var/log/b70lab-xpu-smi.log
