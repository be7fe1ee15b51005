# Memory and swap, errors that EDAC counted, memory slots.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: uid
part meminfo
while read -r k v u; do
  case $k in MemTotal:|MemAvailable:|SwapFree:|HardwareCorrupted:)
    printf '%s %s %s\n' "$k" "$v" "$u" ;; esac
done </proc/meminfo
part edac
for d in /sys/devices/system/edac/mc/mc[0-9]*; do
  if [ -d "$d" ]; then
    n='?'; c='?'; u='?'
    { read -r n; } 2>/dev/null <"$d/mc_name"
    { read -r c; } 2>/dev/null <"$d/ce_count"
    { read -r u; } 2>/dev/null <"$d/ue_count"
    printf '%s %s %s %s\n' "${d##*/}" "${c:-?}" "${u:-?}" "${n:-?}"
  fi
done
user
if [ "$uid" != 0 ]; then lack arrays ! 'needs root'
elif [ ! -d /sys/firmware/dmi/tables ]; then lack arrays -
else tool arrays dmidecode -q -t 16; fi
