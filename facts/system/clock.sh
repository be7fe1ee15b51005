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
if [ -e /etc/timezone ]; then val zone /etc/timezone
else tool zone readlink /etc/localtime; fi
