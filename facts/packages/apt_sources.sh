# apt's sources, keyrings, lists and preferences.
# Only keyrings that a source names are fetched: with Signed-By apt trusts no other.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: limit (bytes of the longest keyring that is sent)
cd /etc/apt || exit 3
lines sources '' /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
  /etc/apt/sources.list.d/*.sources
part keyrings
set --
# shellcheck disable=SC2013 # words: a line may name several files
for k in $(grep -shoiE 'signed-by[[:space:]]*[:=][[:space:]]*/[^]#]+' \
    sources.list sources.list.d/*.list sources.list.d/*.sources); do
  k=${k#*=}
  case $k in /*) ;; *) continue ;; esac
  IFS=,
  for f in $k; do
    case " $* " in *" $f "*) continue ;; esac
    if [ ! -e "$f" ]; then printf '%s -\n' "$f"
    elif [ ! -r "$f" ]; then printf '%s !\n' "$f"
    else set -- "$@" "$f"; fi
  done
  unset IFS
done
if [ $# -gt 0 ]; then
  for l in $(stat -Lc '%s:%n' "$@"); do
    f=${l#*:}
    if [ "${l%%:*}" -gt "$limit" ]; then printf '%s >\n' "$f"
    else printf '%s ' "$f"; base64 -w0 "$f"; echo; fi
  done
fi
part trusted
for f in /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d/*.gpg /etc/apt/trusted.gpg.d/*.asc; do
  if [ -s "$f" ]; then printf '%s\n' "$f"; fi
done
part lists
stat -c '%Y %n' /var/lib/apt/lists /var/lib/apt/lists/partial \
  /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists/*Release 2>/dev/null
part preferences
for f in /etc/apt/preferences /etc/apt/preferences.d/*; do
  if [ -f "$f" ]; then printf '%s\n' "$f"; fi
done
lines snapshot '[Ss]napshot' /etc/apt/apt.conf /etc/apt/apt.conf.d/*
