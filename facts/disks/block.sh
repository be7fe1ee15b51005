# Block devices, mounts and free room.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: columns, unreal, speaking, room (columns of df)
tool devices lsblk -J -b -o "$columns"
part mounts
cat /proc/self/mountinfo || exit 3
part room
# -l: local file systems only, a dead NFS server must not hang the probe
# shellcheck disable=SC2086 # options of df, a word each
df -l -B1 $unreal --output="$room" 2>/dev/null
lines fstab "$speaking" /etc/fstab
# which device each device of fstab is, whatever it is called there
part sources
set --
if [ -r /etc/fstab ]; then
  while read -r f _; do
    case $f in
      /dev/*) set -- "$@" "$f" ;;
      ID=*) set -- "$@" "/dev/disk/by-id/${f#ID=}" ;;
    esac
  done </etc/fstab
fi
[ $# = 0 ] || stat -Lc '%t:%T %n' -- "$@" 2>/dev/null
