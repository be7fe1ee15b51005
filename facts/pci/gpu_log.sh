# Firmware and fault lines of this boot's kernel log, each once, with how often and where it stood last.
#   K last count line       E lines boot kept dropped         (fields are separated by TAB)
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, firmware, faults (EREs), kept_lines
LC_ALL=C; export LC_ALL
if [ -n "$probe_root" ]; then source=$probe_root/journal-k.txt
  [ -e "$source" ] || { echo "there is no $source" >&2; exit 1; }
  set -- cat "$source"
else set -- journalctl -k -b -o cat --no-pager -q
  command -v journalctl >/dev/null || { echo 'journalctl is not installed' >&2; exit 1; }
fi
{ "$@"; echo "#status $?"; } | awk '
/^#status [0-9]+$/ { status = $2; next }
{ lines++ }
/Linux version / { boot = 1 }
/'"$firmware|$faults"'/ {
  gsub(/\t/, " ")
  if (!($0 in count)) {
    if (kept >= '"$kept_lines"' && $0 !~ /'"$firmware"'/) { dropped++; next }
    order[++kept] = $0
  }
  count[$0]++; last[$0] = lines
}
END {
  for (i = 1; i <= kept; i++) { k = order[i]; printf "K\t%d\t%d\t%s\n", last[k], count[k], k }
  printf "E\t%d\t%d\t%d\t%d\n", lines, boot, kept, dropped
  exit status
}'
