# Time, uptime and who keeps the clock. timedatectl starts a service on the host, so the cheap witnesses
# come first.
# shellcheck shell=sh
part now
date '+%s %N'
val uptime /proc/uptime
if [ -e /run/systemd/timesync/synchronized ]; then part sync; echo 'timesyncd yes'
elif [ -d /run/systemd/timesync ]; then part sync; echo 'timesyncd no'
elif [ -S /run/chrony/chronyd.sock ] && command -v chronyc >/dev/null 2>&1; then
  part sync; printf 'chrony '; chronyc -c -n tracking || echo
elif [ -e /run/systemd/container ]; then lack sync -
elif [ -d /run/systemd/system ]; then
  part sync; printf 'timedatectl '; timeout 5 timedatectl show -p NTPSynchronized --value || echo
else lack sync '?' 'no time service was found'; fi
# programs look at /etc/localtime alone (tzset(3)); /etc/timezone is a note that may be out of date
zones=/usr/share/zoneinfo
l=$(readlink /etc/localtime)
case $l in '' | *zoneinfo/*) ;; *) l=$(readlink -f /etc/localtime) ;; esac
if [ ! -e /etc/localtime ]; then
  if [ -n "$l" ]; then
    lack zone '?' "/etc/localtime leads to $l, which is not there: programs use UTC"
  else part zone; echo UTC; fi
elif [ "${l#*zoneinfo/}" != "$l" ]; then part zone; printf '%s\n' "$l"
else
  # a copy: the zone in the note if it is that one, else the first that is the same
  z=
  if [ -r /etc/timezone ]; then read -r z </etc/timezone; fi
  if [ -z "$z" ] || ! cmp -s "$zones/$z" /etc/localtime; then
    n=$(wc -c </etc/localtime)
    z=$(find "$zones" -type f -size "$((n))c" ! -path "$zones/right/*" \
      -exec cmp -s {} /etc/localtime \; -print | sort | head -n 1)
  fi
  if [ -n "$z" ]; then part zone; printf '%s\n' "$z"
  else
    lack zone '?' "/etc/localtime is a copy of no zone that is installed; date says $(date '+%Z %z')"
  fi
fi
