# Every display controller of a host, a line each: bdf vendor device driver place
#   place  own: of the processor's package; slot: behind a bridge, so it may sit in a slot
# An AMD processor's own GPU is behind an internal bridge, on one device with functions of the
# processor (vendor 0x1022); a graphics card never has those.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root
first() { r=-; { IFS= read -r r; } 2>/dev/null <"$1"; }
own() { # folder real path
  above=${2%/*}
  case ${above##*/} in *:*:*.*) ;; *) return 0 ;; esac
  [ "$vendor" = 0x1002 ] || return 1
  for s in "${1%.*}".*/vendor; do
    first "$s"; [ "$r" != 0x1022 ] || return 0
  done
  return 1
}
part displays
# one grep: a server has some hundred functions
grep -sl '^0x03' "$root"/sys/bus/pci/devices/*/class | while IFS= read -r f; do
  d=${f%/class}
  [ ! -e "$d/physfn" ] || continue
  first "$d/vendor"; vendor=$r
  first "$d/device"; device=$r
  both=$(cd -P "$d" && pwd && cd -P driver 2>/dev/null && pwd) # one fork for both
  driver=-; [ ! -e "$d/driver" ] || driver=${both##*/}
  place=slot
  if own "$d" "${both%%
*}"; then place=own; fi
  printf '%s %s %s %s %s\n' "${d##*/}" "$vendor" "$device" "$driver" "$place"
done
