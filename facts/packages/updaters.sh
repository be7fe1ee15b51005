# Updaters that are there, what fences them, their units and settings, and jobs that call apt. The
# arguments are names, each with the globs behind it that prove its presence.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: fences (globs), units, job (ERE), job_files (globs), uid
part present
for f do
  case $f in
    /*) if [ -e "$f" ]; then printf '%s %s\n' "$n" "$f"; fi ;;
    *) n=$f ;;
  esac
done
part fences
for f in $fences; do if [ -e "$f" ]; then printf 'fence %s\n' "$f"; fi; done
# unit states come from the files that systemd itself reads: that takes no process
part units
for u in $units; do
  s=
  for d in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    if [ -e "$d/$u" ]; then s=disabled; [ -s "$d/$u" ] || s=masked; break; fi
  done
  [ -n "$s" ] || continue
  if [ $s = disabled ]; then
    for w in /etc/systemd/system/*.wants/"$u" /run/systemd/system/*.wants/"$u" \
        /usr/lib/systemd/system/*.wants/"$u"; do
      if [ -L "$w" ]; then s=enabled; fi
    done
  fi
  printf '%s %s\n' "$u" "$s"
done
if command -v apt-config >/dev/null 2>&1; then
  part apt; apt-config dump | grep -E '^(APT::Periodic|Unattended-Upgrade)::'
else lack apt '?' 'apt-config is not installed'; fi
lines needrestart '^[^#]*nrconf[{]restart[}]' \
  /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/*.conf
if [ ! -e /var/lib/snapd/state.json ]; then lack snap_hold -
elif [ ! -r /var/lib/snapd/state.json ]; then lack snap_hold ! 'needs root'
else part snap_hold; grep -oE '"hold":"[^"]*"' /var/lib/snapd/state.json; fi
# shellcheck disable=SC2086 # globs, a word each
lines jobs "$job" $job_files
user
if [ "$uid" = 0 ]; then part spool; echo read; else lack spool ! 'needs root'; fi
