#!/bin/sh
# Makes a kernel release from a built tree: release.sh TREE RELEASE VERSION CARDS OUT, where CARDS are the sources of the
# fake cards. OUT gets linux-image-RELEASE_VERSION_amd64.deb, shaped as Debian's, and fakeb70.ko and xe.ko for it.
set -eu
export KCFLAGS=-O1  # as build.sh, else everything is built anew
tree=$1 rel=$2 ver=$3 cards=$4 out=$5
base=$(make -s -C "$tree" ARCH=um kernelversion)
"$tree"/scripts/config --file "$tree/.config" --set-str LOCALVERSION "${rel#"$base"}"
make -s -C "$tree" ARCH=um CC="$CC" "-j$(nproc)" linux modules
found=$(make -s -C "$tree" ARCH=um kernelrelease)
[ "$found" = "$rel" ] || { echo "the tree says $found, not $rel" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
mkdir -p "$root/boot" "$root/DEBIAN" "$out"
chmod 755 "$root"
strip -o "$root/boot/vmlinuz-$rel" "$tree/linux"
chmod 755 "$root/boot/vmlinuz-$rel"
cp "$tree/.config" "$root/boot/config-$rel"
cp "$tree/System.map" "$root/boot/System.map-$rel"
make -s -C "$tree" ARCH=um INSTALL_MOD_PATH="$root" INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
rm -f "$root/lib/modules/$rel/build" "$root/lib/modules/$rel/source"
cat >"$root/DEBIAN/control" <<CONTROL
Package: linux-image-$rel
Version: $ver
Architecture: amd64
Maintainer: b70lab <lab@localhost>
Section: kernel
Priority: optional
Depends: kmod, linux-base, initramfs-tools
Description: User-mode Linux kernel of a lab machine
CONTROL
# the hooks that Debian's own image packages call, at the same moments and with the same words
cat >"$root/DEBIAN/postinst" <<SCRIPT
#!/bin/sh
set -e
[ "\$1" = configure ] || exit 0
depmod $rel
DEB_MAINT_PARAMS="\$*"; export DEB_MAINT_PARAMS
[ ! -d /etc/kernel/postinst.d ] || \\
  run-parts --report --exit-on-error --arg=$rel --arg=/boot/vmlinuz-$rel /etc/kernel/postinst.d
SCRIPT
cat >"$root/DEBIAN/postrm" <<SCRIPT
#!/bin/sh
set -e
DEB_MAINT_PARAMS="\$*"; export DEB_MAINT_PARAMS
[ ! -d /etc/kernel/postrm.d ] || \\
  run-parts --report --exit-on-error --arg=$rel --arg=/boot/vmlinuz-$rel /etc/kernel/postrm.d
[ "\$1" != purge ] || rm -rf /lib/modules/$rel
SCRIPT
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/postrm"
dpkg-deb --root-owner-group -Znone -b "$root" "$out/linux-image-${rel}_${ver}_amd64.deb" >/dev/null
cp -r "$cards" "$scratch/cards"
make -s -C "$tree" ARCH=um CC="$CC" M="$scratch/cards" modules
for module in fakeb70 xe; do
  strip --strip-debug -o "$out/$module.ko" "$scratch/cards/$module.ko"
done
