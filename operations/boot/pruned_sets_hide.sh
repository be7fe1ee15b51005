# Takes the manifest of a boot set away, so that it gets no menu entry from here on. What it says stays in
# the folder under another name: a removal that is cut off goes on from there.
# $1 set, $2 the other name.
# shellcheck shell=sh
sets=/boot/b70fleet folder=/boot/b70fleet/$1
refuse() { echo "$1: nothing was removed" >&2; exit 1; }
[ -d "$folder" ] && [ ! -L "$folder" ] || refuse "$folder is no folder"
# what was armed, booted or made the default since it was looked at
if [ -e "$sets/roles" ]; then
  while read -r _ name; do
    [ "$name" != "$1" ] || refuse "$sets/roles names it"
  done <"$sets/roles" || refuse "$sets/roles cannot be read"
fi
read -r line </proc/cmdline
case " $line " in *" b70fleet.set=$1 "*) refuse "it runs" ;; esac
environment=$(grub-editenv /boot/grub/grubenv list) || refuse "GRUB's environment cannot be read"
for word in $environment; do
  case $word in *"=$1") refuse "GRUB's environment has $word" ;; esac
done
mv -fT -- "$folder/manifest" "$folder/$2" && sync -f "$folder"
