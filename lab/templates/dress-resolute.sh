# Runs once inside a copy of the base image: coreutils are the Rust ones, sudo is sudo-rs, os-release says
# Ubuntu 26.04. Packages to install lie in the folder $debs.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: debs
export DEBIAN_FRONTEND=noninteractive
# libext2fs2t64 comes before e2fsprogs, which pre-depends on it; the second call finds all of them unpacked
dpkg -i "$debs"/*.deb >/dev/null 2>&1 || dpkg -i "$debs"/*.deb

# GNU's programs keep a name of their own; ln and mv are among what is exchanged.
rust=/usr/lib/cargo/bin/coreutils
for file in "$rust"/*; do
  name=${file##*/}
  for bin in /usr/bin /usr/sbin; do
    [ -e "$bin/$name" ] && [ ! -L "$bin/$name" ] || continue
    dpkg-divert --quiet --local --no-rename --divert "$bin/gnu$name" --add "$bin/$name"
    "$rust/mv" "$bin/$name" "$bin/gnu$name"
    "$rust/ln" -s "../lib/cargo/bin/coreutils/$name" "$bin/$name"
  done
done
for program in /usr/bin/sudo /usr/sbin/visudo; do
  dpkg-divert --quiet --local --rename --divert "$program.ws" --add "$program"
  ln -s "../lib/cargo/bin/${program##*/}" "$program"
done

rm -f /etc/os-release
cat >/etc/os-release <<'TEXT'
PRETTY_NAME="Ubuntu 26.04 LTS"
NAME="Ubuntu"
VERSION_ID="26.04"
VERSION="26.04 LTS (Resolute Raccoon)"
VERSION_CODENAME=resolute
ID=ubuntu
ID_LIKE=debian
TEXT
