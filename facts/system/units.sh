# systemd's units and their files. The arguments are the patterns of the units that systemd is asked for,
# beside all mounts.
# `systemctl list-unit-files` keeps systemd 252 busy for 300 ms even in a small machine. `show` names
# what is loaded; the files of all other units are looked at directly, with one grep.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: properties, files (globs)
if [ ! -d /run/systemd/system ]; then echo 'systemd is not running' >&2; exit 3; fi
part units
for d in /run/systemd/generator /etc/systemd/system /run/systemd/system /usr/lib/systemd/system; do
  for f in "$d"/*.mount; do
    if [ -e "$f" ]; then set -- "$@" "${f##*/}"; fi
  done
done
# -- since the root directory's is called -.mount
SYSTEMD_PAGER='' systemctl show --timestamp=unix --property="$properties" -- "$@" || exit 4
part files
for d in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system; do
  cd "$d" 2>/dev/null || continue
  for f in $files; do
    if [ ! -e "$f" ]; then continue
    elif [ ! -s "$f" ]; then printf '%s masked\n' "$f"
    elif [ -L "$f" ]; then printf '%s alias\n' "$f"
    else printf '%s file\n' "$f"; fi
  done
done
part links
for f in /etc/systemd/system/*.wants/* /etc/systemd/system/*.requires/*; do
  if [ -L "$f" ]; then printf '%s enabled\n' "${f##*/}"; fi
done
for f in /run/systemd/system/*.wants/* /run/systemd/system/*.requires/* \
    /run/systemd/generator/*.wants/*; do
  if [ -L "$f" ]; then printf '%s enabled-runtime\n' "${f##*/}"; fi
done
part install
for d in /etc/systemd/system /usr/lib/systemd/system; do
  # shellcheck disable=SC2086 # globs, a word each
  cd "$d" 2>/dev/null && grep -lsE '^\[Install\]' -- $files
done
