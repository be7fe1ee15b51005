# Removes the folders of a boot set whose manifest is gone already. $1 set
# shellcheck shell=sh
folder=/boot/b70fleet/$1 blobs=/lib/firmware/b70fleet/$1
refuse() { echo "$1: nothing was removed" >&2; exit 1; }
case $1 in ''|*[!A-Za-z0-9._+~-]*|[!b]*) refuse "'$1' is not the name of a boot set" ;; esac
[ ! -e "$folder/manifest" ] || refuse "$folder has a manifest again"
for each in "$folder" "$blobs"; do
  [ ! -L "$each" ] || refuse "$each is a link"
  while read -r _ _ _ _ place _; do
    case $place in "$each"|"$each"/*) refuse "$place is a mount" ;; esac
  done </proc/self/mountinfo
done
# the set's own folder goes last: it is what a removal that is cut off is known by
rm -rf --one-file-system -- "$blobs" || exit 1
[ ! -d "${blobs%/*}" ] || sync -f "${blobs%/*}"
rm -rf --one-file-system -- "$folder" && sync -f "${folder%/*}"
