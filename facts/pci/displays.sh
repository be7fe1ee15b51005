# Every display controller of a host, a line each: bdf vendor device driver place
#   place  own: of the processor's package; slot: behind a bridge, so it may sit in a slot
# An AMD processor's own GPU is behind an internal bridge, on one device with functions of the
# processor (vendor 0x1022); a graphics card never has those.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root
first() { r=-; { IFS= read -r r; } 2>/dev/null <"$1"; }
part displays
# one grep: a server has some hundred functions
grep -sl '^0x03' "$root"/sys/bus/pci/devices/*/class | while IFS= read -r f; do
  d=${f%/class}
  [ ! -e "$d/physfn" ] || continue
  first "$d/vendor"; vendor=$r
  first "$d/device"; device=$r
  driver=-; [ ! -e "$d/driver" ] || { driver=$(cd -P "$d/driver" && pwd); driver=${driver##*/}; }
  above=$(cd -P "$d" && pwd) || continue
  above=${above%/*}
  place=slot
  case ${above##*/} in *:*:*.*) ;; *) place=own ;; esac
  for s in "${d%.*}".*/vendor; do
    first "$s"; [ "$r" != 0x1022 ] || place=own
  done
  printf '%s %s %s %s %s\n' "${d##*/}" "$vendor" "$device" "$driver" "$place"
done
