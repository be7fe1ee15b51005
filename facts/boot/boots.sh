# The boots that the journal knows, the newest first: when each began, its kernel and command line. Of each
# boot only the first lines of its kernel log are read.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: most (boots), patience (seconds), first (lines), uid
machine=
{ read -r machine </etc/machine-id; } 2>/dev/null
if [ -n "$machine" ] && [ -d "/var/log/journal/$machine" ]; then part kept; echo "/var/log/journal"; else lack kept -; fi
user
if ! command -v journalctl >/dev/null 2>&1; then lack boots '?' 'journalctl is not installed'
elif [ "$uid" != 0 ]; then lack boots ! 'needs root'
else
  part boots
  read -r now _ </proc/uptime
  end=$((${now%.*} + patience)) n=0
  # its columns differ between versions of systemd: only the ids are looked at
  journalctl -q --no-pager --list-boots 2>/dev/null | awk '
    { for (i = 1; i <= NF; i++) { if (length($i) == 32 && $i !~ /[^0-9a-f]/) { id[++n] = $i; break } } }
    END { for (; n > 0; n--) { print id[n] } }' |
  while read -r id; do
    read -r now _ </proc/uptime
    if [ "$n" -ge "$most" ] || [ "${now%.*}" -ge "$end" ]; then echo more; break; fi
    n=$((n + 1))
    echo "boot $id"
    journalctl -q --no-pager -k -b "$id" -o short-unix 2>/dev/null | awk -v first="$first" '
      NR == 1 { print "at " $1 }
      (i = index($0, " kernel: ")) {
        text = substr($0, i + 9)
        if (text ~ /^(Linux version|Command line:|Kernel command line:) /) { print text }
      }
      NR >= first { exit }'
  done
fi
