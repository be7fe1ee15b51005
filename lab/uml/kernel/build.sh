#!/bin/sh
# Unpacks Debian's kernel source and builds the tree that every release is made from: build.sh SOURCE_DEB TREE ROOM.
# ROOM is the folder of this script. CC and CCACHE_DIR come from the environment.
set -eu
# costs a quarter less than the kernel's own -Os; the last word on the command line counts
export KCFLAGS=-O1
deb=$1 tree=$2 room=$3
mkdir -p "$(dirname "$tree")"
scratch=$(mktemp -d "$tree.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$scratch" --wildcards './usr/src/linux-source-*.tar.*'
mkdir -p "$tree"
# two thirds of the source belong to other machines; every Kconfig file stays, since one names the next
tar -x -f "$scratch"/usr/src/linux-source-*.tar.* -C "$tree" --strip-components=1 \
  --wildcards --anchored --exclude='*/Documentation/*/*' --exclude='*/drivers/gpu/*.[ch]' --exclude='*/sound/*.[ch]' \
  --exclude='*/drivers/net/ethernet/*.[ch]' --exclude='*/drivers/net/wireless/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
  --exclude='*/drivers/infiniband/*.[ch]' --exclude='*/drivers/staging/*.[ch]' --exclude='*/tools/testing/*' \
  --exclude='*/arch/[!ux]*/*.[chS]' --exclude='*/arch/*/*.dts*'
patch --quiet --directory="$tree" --strip=1 --fuzz=3 <"$room/um.patch"
# a source that asks its host for the size of the registers has no need of the other patch
grep -q host_fp_size "$tree/arch/um/kernel/um_arch.c" ||
  patch --quiet --directory="$tree" --strip=1 --fuzz=3 <"$room/um-older.patch"
cp "$room/b70lab.c" "$tree/arch/um/drivers/"
# `make` looks for git to find out a local version
: >"$tree/.scmversion"
make -s -C "$tree" ARCH=um KCONFIG_ALLCONFIG="$room/uml.config" allnoconfig
# an option that this source knows and did not take would be missed much later, in a guest that behaves oddly
for option in $(sed -n 's/^CONFIG_\([A-Z0-9_]*\)=[ym]$/\1/p' "$room/uml.config"); do
  grep -q "^CONFIG_$option=" "$tree/.config" ||
    ! grep -rqs --include='Kconfig*' "^\(menu\)\?config $option\$" "$tree" ||
    { echo "CONFIG_$option was not taken" >&2; exit 1; }
done
make -s -C "$tree" ARCH=um CC="$CC" "-j$(nproc)" linux modules
