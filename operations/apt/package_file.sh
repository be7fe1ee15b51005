# Installs the package that ships a file again. $1 the file, the rest: the command without the package.
# dpkg forgets a hold when it unpacks.
# shellcheck shell=sh
owner=$(dpkg-query -S "$1" | sed -n 's/: .*//; s/,.*//; 1p')
[ -n "$owner" ] || { echo "no installed package ships $1" >&2; exit 100; }
file=$1; shift
held=$(apt-mark showhold "$owner")
"$@" "$owner" </dev/null; status=$?
# shellcheck disable=SC2086 # names of packages
[ -z "$held" ] || apt-mark -q hold $held >/dev/null || status=100
[ $status != 0 ] || [ -e "$file" ] || { echo "$owner does not bring $file back" >&2; status=100; }
exit $status
