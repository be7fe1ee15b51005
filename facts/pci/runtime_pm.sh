# Power control of the B70 cards and of every bridge above them.
# No fork for each function: a server has some hundred of them.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root, id
one() {
  c=; s=
  { IFS= read -r c; } 2>/dev/null <"$1/power/control"
  { IFS= read -r s; } 2>/dev/null <"$1/power/runtime_status"
  printf '%s %s %s %s\n' "$2" "$3" "${c:--}" "${s:--}"
}
part functions
for d in "$root"/sys/bus/pci/devices/*; do
  i=; { IFS= read -r i; } 2>/dev/null <"$d/device"
  [ "$i" = "$id" ] || continue
  v=; { IFS= read -r v; } 2>/dev/null <"$d/vendor"
  [ "$v" = 0x8086 ] || continue
  p=$(cd -P "$d" && pwd) || continue
  card=${p##*/}
  one "$p" "$card" "$card"
  p=${p%/*}
  while :; do
    case ${p##*/} in
      ????:??:??.?|?????:??:??.?) one "$p" "${p##*/}" "$card"; p=${p%/*} ;;
      *) break ;;
    esac
  done
done
