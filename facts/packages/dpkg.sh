# Installed packages, who claims the Level Zero loader, who holds dpkg's locks.
# `dpkg -S` reads every list into a tree and takes ten times longer than one grep over the lists.
# Lock holders: only processes named in /proc/locks are looked at, and `-ef` compares by the path, so
# that it is right on overlay file systems, where /proc/locks names other inodes.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: loader, locks, uid
part packages
dpkg-query -W -f '${Package} ${Architecture} ${Version} ${db:Status-Abbrev} ${Provides}\n' || exit 3
part interrupted
for f in /var/lib/dpkg/updates/[0-9]*; do if [ -e "$f" ]; then printf '%s\n' "${f##*/}"; fi; done
part claims
grep -sE "/$loader\$" /dev/null /var/lib/dpkg/info/*.list
part loader_files
for f in /usr/lib/*/"$loader"* /usr/lib/"$loader"* \
    /usr/local/lib/"$loader"* /usr/local/lib/*/"$loader"*; do
  if [ -e "$f" ]; then printf '%s\n' "$f"; fi
done
user
if [ "$uid" != 0 ]; then lack locks ! 'needs root'
else
  part locks
  seen=' '
  while read -r _ kind _ _ pid _; do
    [ "$kind" = '->' ] && continue
    case $seen in *" $pid "*) continue ;; esac
    seen="$seen$pid "
    for f in /proc/"$pid"/fd/*; do
      for l in $locks; do
        if [ "$f" -ef "$l" ]; then
          c=$(tr '\0\n' '  ' </proc/"$pid"/cmdline)
          printf '%s %s %s\n' "$l" "$pid" "$c"
        fi
      done
    done
  done </proc/locks
fi
