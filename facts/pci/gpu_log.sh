# Firmware and fault lines of this boot's kernel log, each once, with how often and where it stood last.
#   K last count line       E lines boot kept dropped         (fields are separated by TAB)
# Most lines of a log speak of something else: only those that may matter are made small, which takes
# long. A flood of lesser faults must not push out the severe ones, so each sort has room of its own.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, firmware, speakers, failure, harmless, severe (EREs), kept_lines
LC_ALL=C; export LC_ALL
if [ -n "$probe_root" ]; then source=$probe_root/journal-k.txt
  [ -e "$source" ] || { echo "there is no $source" >&2; exit 1; }
  set -- cat "$source"
else set -- journalctl -k -b -o cat --no-pager -q
  command -v journalctl >/dev/null || { echo 'journalctl is not installed' >&2; exit 1; }
fi
{ "$@"; echo "#status $?"; } | awk '
function keep(text) {
  if (!(text in count)) order[++kept] = text
  count[text]++; last[text] = lines
}
/^#status [0-9]+$/ { status = $2; next }
{ lines++ }
/Linux version / { boot = 1 }
!/xe|gsc|uC|AER|pciehp|power state|not ready|DMAR|AMD-Vi/ { next }
{ small = tolower($0); gsub(/\t/, " ") }
small ~ /'"$firmware"'/ && small !~ /'"$failure"'/ { keep($0); next }
small ~ /'"$speakers"'/ && small ~ /'"$failure"'/ && small !~ /'"$harmless"'/ {
  sort = small ~ /'"$severe"'/
  if (!($0 in count) && taken[sort]++ >= '"$kept_lines"') { dropped++; next }
  keep($0)
}
END {
  for (i = 1; i <= kept; i++) { k = order[i]; printf "K\t%d\t%d\t%s\n", last[k], count[k], k }
  printf "E\t%d\t%d\t%d\t%d\n", lines, boot, kept, dropped
  exit status
}'
