#!/bin/sh
# Compiles the fake cards and their driver: compile.sh BASE DEBS SOURCES SCRATCH RELEASE...
# A kernel's modules want the compiler that the kernel was built with, and its tools want the C library of
# their own release. So all of them run in that release's base image, under an overlay that is thrown away.
# Both modules of a kernel end up in SCRATCH/build/RELEASE. Runs in a mount namespace of its own.
set -eu
base=$1 debs=$2 sources=$3 scratch=$4
shift 4
root=$scratch/root
mkdir -p "$root" "$scratch/upper" "$scratch/work" "$scratch/build"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do cp -a "/dev/$node" "$root/dev/"; done
mount --bind "$debs" "$root/mnt"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
# the packages only have to lie there; the image packages that the headers ask for do not
inside sh -c 'dpkg --unpack --force-depends --force-unsafe-io /mnt/*.deb'
umount "$root/mnt"
mount --bind "$scratch/build" "$root/mnt"
compiling=
for release; do
  cp -r "$sources" "$scratch/build/$release"
  inside make -C "/mnt/$release" "KDIR=/usr/src/linux-headers-$release" &
  compiling="$compiling $!"
done
for job in $compiling; do wait "$job"; done
for release; do inside strip --strip-debug "/mnt/$release/fakeb70.ko" "/mnt/$release/xe.ko"; done
umount -R "$root"
