# Which machine answers, and as which user.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root, dmi (names of DMI fields), uid
val hostname /proc/sys/kernel/hostname
val machine_id /etc/machine-id
for f in $dmi; do val "$f" "$root/sys/class/dmi/id/$f"; done
user; part uid; printf '%s\n' "$uid"
tool user id -un
if [ "$uid" = 0 ]; then part sudo; echo root
elif ! command -v sudo >/dev/null 2>&1; then part sudo; echo missing
elif sudo -n true 2>/dev/null; then part sudo; echo passwordless
else part sudo; echo refused; fi
