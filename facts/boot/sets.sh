# The boot sets in /boot: their manifests, what lies there now, and what they need elsewhere.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: sets, blobs
if [ -d "$sets" ]; then part kind; stat -f -c %T "$sets"; else lack kind -; fi
if [ ! -e "$sets/roles" ]; then lack roles -
elif [ ! -r "$sets/roles" ]; then lack roles ! 'needs root'
else
  part roles
  while read -r l; do
    case $l in *[!\ -~]*) ;; *) printf '%s\n' "$l" ;; esac
  done <"$sets/roles"
fi
part manifests
r=' '
for d in "$sets"/b70-*/; do
  [ -d "$d" ] || continue
  d=${d%/}; printf 'set %s\n' "${d##*/}"
  [ -r "$d/manifest" ] || continue
  while read -r k l || [ -n "$k" ]; do
    # bytes that are no plain text would spoil every other set's lines
    case $k$l in *[!\ -~]*) k=! l='' ;; esac
    printf '%s %s\n' "$k" "$l"
    [ "$k" != release ] || case $r in *" $l "*) ;; *) r="$r$l " ;; esac
  done <"$d/manifest"
done
part files
stat -c '%s %Y %n' "$sets"/b70-*/vmlinuz "$sets"/b70-*/initrd "$blobs"/b70-*/*.bin "$blobs"/b70-*/*/*.bin 2>/dev/null
part modules
for k in $r; do
  l=$(modinfo -k "$k" -n xe 2>/dev/null)
  case $l in /*) printf '%s %s\n' "$k" "$(stat -c '%s %Y %n' "$l")" ;; esac
  if [ -d "/lib/modules/$k" ]; then printf '%s there\n' "$k"; fi
done
if [ -r /run/b70fleet/trial ]; then part trial; read -r l </run/b70fleet/trial; printf '%s\n' "$l"
else lack trial -; fi
