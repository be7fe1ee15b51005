# Makes a boot set complete: its kernel, an initial RAM disk of its own, a manifest with the hash of
# everything that it needs. The manifest comes last: without one a set gets no menu entry.
# $1 set, $2 release, $3 modules and $4 firmware that the initial RAM disk must carry, $5 lines of the
# manifest that follow from the declaration; packages without a version, those that are not installed are
# left out, $6 the image that is kept as it is; empty = one is built, by
# $7 with IMAGE and RELEASE in its words, and $8 unpacks IMAGE into the working directory. plain.sh stands in
# front.
# shellcheck shell=sh
set_id=$1 release=$2
folder=/boot/b70fleet/$1 blobs=/lib/firmware/b70fleet/$1 kernel=/boot/vmlinuz-$2
refuse() { echo "$*: the host must not be rebooted into $set_id" >&2; exit 1; }
hash_of() { plain "$1" | sha256sum | cut -c 1-64; }
# vfat keeps no time zone: a time there says nothing
told() {
  case $(stat -f -c %T "$1") in
    msdos) stat -c '%s 0' "$1" ;;
    *) stat -c '%s %Y' "$1" ;;
  esac
}
number() { od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '; }
# Secure Boot looks for a certificate table: the fifth entry of the PE header's directories
is_signed() {
  header=$(number "$1" 60) && [ "$(number "$1" $((header + 172)))" -gt 0 ] 2>/dev/null
}
tool() {
  text=$1 image=$2
  shift 2
  for word in $text; do
    case $word in
      IMAGE) set -- "$@" "$image" ;;
      RELEASE) set -- "$@" "$release" ;;
      *) set -- "$@" "$word" ;;
    esac
  done
  "$@"
}

[ -s "$kernel" ] || refuse "there is no $kernel"
if [ "$(od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-* 2>/dev/null | awk '{ print $5 }')" = 1 ]; then
  is_signed "$kernel" || refuse "Secure Boot is on and $kernel is not signed"
fi
tmp=$(mktemp -d) || exit 1
# a set that cannot be made leaves nothing, not even its folder
trap 'rm -rf "$tmp" "$folder"/.[!.]*; rmdir "$folder" 2>/dev/null' EXIT
# vfat has no modes: a umask is no error there, and a chmod would be
(umask 022; mkdir -p "$folder") && rm -f "$folder/manifest" && sync "$folder" || exit 1
umask 077
cp --reflink=auto -- "$kernel" "$folder/.vmlinuz" || exit 1
xe=$(modinfo -k "$release" -n xe 2>/dev/null)
case $xe in /*) ;; *) xe= ;; esac
{
  echo "format 1"
  printf 'id %s\nrelease %s\n' "$set_id" "$release"
  printf '%s\n' "$5" | while read -r key rest; do
    [ "$key" = package ] || { echo "$key $rest"; continue; }
    seen=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$rest" 2>/dev/null)
    case $seen in "installed "*) echo "package $rest ${seen#installed }" ;; esac
  done
  [ -z "$xe" ] || echo "xe $(hash_of "$xe") $(told "$xe") $xe"
} >"$tmp/manifest"

if [ -n "$6" ]; then cp --reflink=auto -- "$6" "$folder/.initrd" || exit 1
else
  # only the image itself is nobody else's to read; what is in it keeps its modes
  : >"$folder/.initrd" && umask 022
  export B70FLEET_SET="$set_id" B70FLEET_MODULES="$3" B70FLEET_FIRMWARE="$4"
  tool "$7" "$folder/.initrd" || refuse "the initial RAM disk cannot be built"
  mkdir "$tmp/root"
  (cd "$tmp/root" && tool "$8" "$folder/.initrd") >/dev/null || refuse "the initial RAM disk cannot be read"
  bad=
  lacks() { echo "the initial RAM disk of $set_id has no $1" >&2; bad=1; }
  # the first path of the image that ends like this, compressed or not
  inside() { find "$tmp/root" -path "$1" -o -path "$1.zst" -o -path "$1.xz" -o -path "$1.gz" | head -n 1; }
  for module in $3; do [ -n "$(inside "*/$module.ko")" ] || lacks "module $module"; done
  for blob in $4; do [ -n "$(inside "*lib/firmware/$blob")$(inside "*$blobs/$blob")" ] || lacks "firmware $blob"; done
  [ -n "$(find "$tmp/root" -name '*b70fleet-trial*')" ] || lacks "trial hook"
  module=$(inside "*/xe.ko")
  if [ -n "$xe" ] && [ -n "$module" ]; then
    [ "$(hash_of "$module")" = "$(hash_of "$xe")" ] || lacks "module that is the same as $xe"
    echo "xe_initrd $(hash_of "$module")" >>"$tmp/manifest"
  fi
  if [ -d "$blobs" ]; then
    find "$blobs" -type f ! -name '.*' >"$tmp/blobs"
    while read -r blob; do
      found=$(find "$tmp/root" -path "*$blob" -type f | head -n 1)
      if [ -z "$found" ]; then lacks "${blob##*/} of the set"
      elif [ "$(hash_of "$found")" != "$(hash_of "$blob")" ]; then lacks "${blob##*/} as it was declared"; fi
      echo "firmware ${blob#"$blobs/"} $(hash_of "$blob") $(stat -c %s "$blob")" >>"$tmp/manifest"
    done <"$tmp/blobs"
  fi
  [ -z "$bad" ] || refuse "it is incomplete"
fi

for name in vmlinuz initrd; do
  sync "$folder/.$name" && mv -fT -- "$folder/.$name" "$folder/$name" || exit 1
  echo "file $name $(hash_of "$folder/$name") $(told "$folder/$name")" >>"$tmp/manifest"
done
umask 022
cat "$tmp/manifest" >"$folder/.manifest" && sync "$folder/.manifest" || exit 1
mv -fT -- "$folder/.manifest" "$folder/manifest" && sync -f "$folder/manifest" /lib/modules
