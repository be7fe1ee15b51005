# Takes a change back that nobody confirmed. A timer of the host runs it from a file of its own.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: folder (the old files, by their numbers)
cd "$folder" || exit 0
while IFS= read -r path; do
  read -r number <&3
  if [ -e "$number" ]; then
    cp -a "$number" "$path.b70fleet-old" && mv -fT "$path.b70fleet-old" "$path"
  else
    rm -f "$path"
  fi
done <paths 3<numbers
for unit in ssh sshd; do systemctl reload "$unit" 2>/dev/null; done
if systemctl is-active -q nftables 2>/dev/null; then systemctl reload nftables; fi
cd / && rm -rf "$folder"
