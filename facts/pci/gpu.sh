# What the cards of a host say beside their links: read-only, wakes no card.
#   A alias_line_of_e223 | A - (none in the file) | A ! file (no such file)
#   C bdf device runtime_status driver    then the VRAM manager of that card:
#   D word file        what driver_override names, and driverctl's file for it (- = none); only where set
#   M key value ...    | M z (asleep, not opened) | M ! (there, not readable) | M - (not there)
#   E cards
# Fields are separated by blanks.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root
LC_ALL=C; export LC_ALL
pci=$probe_root/sys/bus/pci/devices
debug=$probe_root/sys/kernel/debug
dri=$debug/dri
get() { r=; { IFS= read -r r <"$1"; } 2>/dev/null; [ -n "$r" ] || r=-; }
folder() { # debugfs folder of a card: named after its address, on older kernels after a number -> r
  r=$dri/$1
  [ -d "$r" ] && return
  for x in "$dri"/[0-9]*; do
    { IFS= read -r name <"$x/name"; } 2>/dev/null || continue
    case $name in *"$1"*) r=$x; return ;; esac
  done
}
vram() {
  if [ -d "$debug" ] && [ ! -x "$debug" ]; then echo 'M !'; return; fi
  case $2 in suspend*) echo 'M z'; return ;; esac
  folder "$1"
  for f in "$r/vram0_mm" "$r/tile0/vram_mm"; do
    [ -e "$f" ] || continue
    found=
    while read -r line; do
      case $line in size:* | usage:* | visible_*) printf 'M %s\n' "$line"; found=1 ;; esac
    done 2>/dev/null <"$f"
    [ -n "$found" ] || echo 'M !'
    return
  done
  echo 'M -'
}

get "$probe_root/proc/sys/kernel/osrelease"
[ "$r" != - ] || get /proc/sys/kernel/osrelease
file=$probe_root/lib/modules/$r/modules.alias
if [ -e "$file" ]; then
  grep -i '^alias pci:v00008086d0000e223' "$file" | { IFS= read -r line && echo "A $line" || echo 'A -'; }
else
  echo "A ! ${file#"$probe_root"}"
fi
[ -d "$pci" ] || { echo "there is no $pci" >&2; exit 1; }
cards=0
for d in "$pci"/*; do
  get "$d/vendor"; [ "$r" = 0x8086 ] || continue
  get "$d/class"; case $r in 0x03*) ;; *) continue ;; esac
  get "$d/device"; device=$r
  get "$d/power/runtime_status"; status=$r
  r=-; [ ! -e "$d/driver" ] || { r=$(cd -P "$d/driver" && pwd -P); r=${r##*/}; }
  echo "C ${d##*/} $device $status $r"
  get "$d/driver_override"
  case $r in -|'(null)') ;; *)
    f=$probe_root/etc/driverctl.d/${d##*/}; [ -e "$f" ] || f=-
    echo "D $r ${f#"$probe_root"}" ;;
  esac
  vram "${d##*/}" "$status"
  cards=$((cards + 1))
done
echo "E $cards"
