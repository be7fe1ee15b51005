# Runs a transaction and holds packages whatever comes of it. $1 packages to hold after success,
# $2 packages of the set, $3 mark that is void from now on, the rest: the command.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: hold_tries
# shellcheck disable=SC2086 # $2 and keep are names of packages
keep=$1; before=$(apt-mark showhold $2) || exit 100
[ -z "$3" ] || rm -f -- "$3" || exit 100
shift 3
"$@" </dev/null; status=$?
[ $status = 0 ] || keep=$before
n=0
until [ -z "$keep" ] || apt-mark -q hold $keep >/dev/null; do
  n=$((n + 1))
  if [ $n -ge "$hold_tries" ]; then echo "could not hold $keep" >&2; exit 100; fi
  sleep 2
done
exit $status
