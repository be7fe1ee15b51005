# systemd's units and their files. The arguments are the patterns of the units that systemd is asked for,
# beside all mounts.
# `systemctl list-unit-files` keeps systemd 252 busy for 300 ms even in a small machine. `show` names
# what is loaded; the files of all other units are looked at directly, with one grep.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: properties, files (globs)
if [ ! -d /run/systemd/system ]; then echo 'systemd is not running' >&2; exit 3; fi
nl='
'
# a file name -> n, on one line
name() {
  case $1 in
    *"$nl"*) n=$(printf '%s' "$1" | tr '\n' '?') ;;
    *) n=$1 ;;
  esac
}
part units
for d in /run/systemd/generator /etc/systemd/system /run/systemd/system \
    /usr/local/lib/systemd/system /usr/lib/systemd/system; do
  for f in "$d"/*.mount; do
    # systemctl answers nothing at all when it is asked for a name that no unit can have
    case ${f##*/} in *[!A-Za-z0-9:_.\\-]*) continue ;; esac
    if [ -e "$f" ]; then set -- "$@" "${f##*/}"; fi
  done
done
# -- since the root directory's is called -.mount
SYSTEMD_PAGER='' systemctl show --timestamp=unix --property="$properties" -- "$@" || exit 4
part files
for d in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system \
    /usr/lib/systemd/system /run/systemd/generator.late; do
  cd "$d" 2>/dev/null || continue
  printf '> %s\n' "$d"
  for f in $files; do
    if [ ! -e "$f" ]; then continue; fi
    name "$f"
    if [ ! -s "$f" ]; then printf '%s masked\n' "$n"
    elif [ -L "$f" ]; then printf '%s alias\n' "$n"
    else printf '%s file\n' "$n"; fi
  done
done
part links
for f in /etc/systemd/system/*.wants/* /etc/systemd/system/*.requires/*; do
  if [ -L "$f" ]; then name "${f##*/}"; printf '%s enabled\n' "$n"; fi
done
for f in /run/systemd/system/*.wants/* /run/systemd/system/*.requires/* \
    /run/systemd/generator/*.wants/*; do
  if [ -L "$f" ]; then name "${f##*/}"; printf '%s enabled-runtime\n' "$n"; fi
done
part install
for d in /etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system; do
  # shellcheck disable=SC2086 # globs, a word each
  cd "$d" 2>/dev/null && grep -lsE '^\[Install\]' -- $files
done
