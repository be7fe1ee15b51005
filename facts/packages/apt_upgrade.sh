# What an upgrade by hand would change, what is on hold, what preferences pin, what there is to choose
# from, and when the files behind it were last written. apt simulates as the user nobody: root would
# write its caches anew, and the lock is for those who write.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: uid (by user), pinned (files), written (globs)
user
nobody() {
  if [ "$uid" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}
# NAME VERB…: part NAME has the lines of the simulation that change something
simulated() {
  n=$1; shift
  if s=$(nobody env LC_ALL=C apt-get -q -s -o Debug::NoLocking=1 "$@" 2>&1); then
    part "$n"
    printf '%s\n' "$s" | grep -E '^(Inst|Remv|Purg) '
  else lack "$n" '?' "$(printf '%s\n' "$s" | grep -m1 '^E: ' || echo 'apt-get failed')"; fi
}
simulated full dist-upgrade; names=$s
simulated plain upgrade
simulated autoremove autoremove; names=$names$s
part holds
held=$(nobody apt-mark showhold) || exit 3
printf '%s\n' "$held"
# shellcheck disable=SC2086 # globs, a word each
lines pins ^ $pinned
part written
# shellcheck disable=SC2086 # globs, a word each
stat -c '%Y %n' $pinned $written 2>/dev/null
for p in $held; do
  for f in /var/lib/dpkg/info/"$p".list /var/lib/dpkg/info/"$p":*.list; do
    if [ -e "$f" ]; then stat -c "%Y $p" "$f"; fi
  done
done
# a pin may name packages by globs: those that are installed count
# shellcheck disable=SC2086 # globs, a word each
globs=$(cat $pinned 2>/dev/null | sed -n 's/^Package:[[:space:]]*//p')
set -f  # from here on no word is a path
wanted=
for f in $globs; do
  case $f in '*'|/*|src:*) ;; *) wanted="$wanted $f" ;; esac
done
names=$(printf '%s\n' "$names" | sed -n 's/^\(Inst\|Remv\|Purg\) \([^ ]*\).*/\2/p')
if [ -n "$wanted" ]; then
  for p in $(dpkg-query -W -f '${Package}\n'); do
    for g in $wanted; do
      # shellcheck disable=SC2254 # a glob on purpose
      case $p in $g) names="$names $p" ;; esac
    done
  done
fi
# shellcheck disable=SC2086 # names, a word each
set -- $held $names
part names; for p do echo "$p"; done
part policies; [ $# = 0 ] || nobody apt-cache -q policy "$@"
part archives; nobody apt-cache -q policy
