# Remembers which trial this boot is. Without the trial word on the kernel's command line it does
# nothing.
# shellcheck shell=sh
case ${1-} in prereqs) echo; exit 0 ;; esac
read -r b70fleet_line </proc/cmdline
for b70fleet_word in $b70fleet_line; do
  case $b70fleet_word in
    b70fleet.trial=?*)
      mkdir -p /run/b70fleet
      printf '%s\n' "${b70fleet_word#*=}" >/run/b70fleet/trial ;;
  esac
done
