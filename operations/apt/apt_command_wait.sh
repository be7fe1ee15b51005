# Runs a command again while another process has a package lock. $1 seconds, the rest: the command.
# apt-get waits for dpkg's locks by itself; update, dpkg and apt-mark do not. The lock is an fcntl lock
# of the other process: waiting is all that can be done without harm.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: poll_s
end=$(($(date +%s) + $1)); shift
while :; do
  out=$("$@" 2>&1 </dev/null); status=$?
  case $status:$out in
    0:*) break ;;
    *'get lock'*|*'lock was locked'*|*'is locked by another process'*) busy=1 ;;
    *) busy=; break ;;
  esac
  [ "$(date +%s)" -lt "$end" ] || break
  sleep "$poll_s"
done
if [ "$status" = 0 ]; then printf '%s\n' "$out"; exit 0; fi
printf '%s\n' "$out" >&2
if [ -n "$busy" ]; then
  pid=$(printf '%s\n' "$out" |
    sed -n 's/.*process \(with pid \)\{0,1\}\([0-9][0-9]*\).*/\2/p' | head -n 1)
  cmd=$(tr '\0' ' ' 2>/dev/null </proc/"${pid:-0}"/cmdline)
  echo "the package lock is still held by process ${pid:-?} (${cmd:-unknown command});" \
    "it was left alone" >&2
fi
exit "$status"
