# Idle states of every processor, and whether each is off.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root
part states
for d in "$root"/sys/devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*; do
  [ -e "$d/disable" ] || continue
  n=; o=
  { IFS= read -r n; } 2>/dev/null <"$d/name"
  { IFS= read -r o; } 2>/dev/null <"$d/disable"
  printf '%s %s %s\n' "${d##*/state}" "${o:-?}" "$n"
done
