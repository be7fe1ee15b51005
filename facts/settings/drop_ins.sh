# Main files and drop-ins of programs: their lines, and line 0 for each file that is there, since an
# empty file or a link to /dev/null hides its namesake in a weaker folder.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: saying (ERE), mains, folders
set --
for f in $mains; do if [ -e "$f" ]; then set -- "$@" "$f"; fi; done
for d in $folders; do
  for f in "$d"/*; do if [ -f "$f" ] || [ -c "$f" ]; then set -- "$@" "$f"; fi; done
done
lines settings "$saying" "$@" /dev/null
for f do printf '%s:0:\n' "$f"; done
