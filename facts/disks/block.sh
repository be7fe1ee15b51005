# Block devices, mounts and free room.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: columns, unreal, speaking
tool devices lsblk -J -b -o "$columns"
part mounts
cat /proc/self/mountinfo || exit 3
part room
# -l: local file systems only, a dead NFS server must not hang the probe
# shellcheck disable=SC2086 # options of df, a word each
df -l -B1 $unreal --output=size,avail,itotal,iavail,target 2>/dev/null
lines fstab "$speaking" /etc/fstab
