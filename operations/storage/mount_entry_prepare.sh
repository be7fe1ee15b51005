# Makes a mount point. $1 its path. What lies in an unmounted mount point would be hidden by the mount:
# a person moves it first.
# shellcheck shell=sh
mountpoint -q -- "$1" && exit 0
if [ -L "$1" ] || { [ -e "$1" ] && [ ! -d "$1" ]; }; then
  echo "$1 is no directory" >&2; exit 1
fi
if [ -d "$1" ]; then
  # shellcheck disable=SC2012 # names for a message
  inside=$(ls -A -- "$1" | head -n 3 | tr '\n' ' ') || exit 1
  [ -z "$inside" ] || {
    echo "$1 is not mounted but has content that the mount would hide ($inside): move it away" >&2
    exit 1
  }
else
  install -d -m 0755 -- "$1"
fi
