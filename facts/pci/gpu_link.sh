# Link probe, schema 2: read-only, shell builtins and one grep, no card is woken.
#   S schema uid
#   G bdf device class revision subvendor subdevice numa driver iommu_group physfn totalvfs numvfs card render
#     bar2_mib bar2_sizes power_control runtime_status power_state d3cold_allowed downgrade_capable
#     downgrade_status survivability boot_vga hwmon power1_cap_uw vram_bytes
#   L gpu depth bdf vendor device class cur_speed cur_width max_speed max_width aer_correctable aer_nonfatal
#     aer_fatal l1_aspm runtime_status          (depth 0 = the GPU itself, last = root port)
#   E cards hops
# Fields are separated by TAB. A field is a value, "-" (no such file), "!" (there, not readable) or
# "z" (not opened: the function sleeps and the kernel would wake it to answer).
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root
LC_ALL=C; export LC_ALL
pci=$probe_root/sys/bus/pci/devices
tab=$(printf '\t')
nl='
'
row() { IFS=$tab; printf '%s\n' "$*"; unset IFS; }
get() { # first line of a file -> r
  r=
  if { IFS= read -r r <"$1"; } 2>/dev/null; then [ -n "$r" ] || r='!'
  elif [ -n "$r" ]; then :
  elif [ -e "$1" ]; then r='!'
  else r=-; fi
}
polite() { # the same, but never opens a file of a sleeping function
  case $sleep in suspend*) if [ -e "$1" ]; then r=z; else r=-; fi ;; *) get "$1" ;; esac
}
link() { # last component of a symbolic link's target -> r
  r=-
  if [ -e "$1" ]; then r=$(cd -P "$1" 2>/dev/null && pwd -P) || r='!/!'; r=${r##*/}; fi
}
node() { # name of the last existing path of a glob -> r
  r=-
  for x do if [ -e "$x" ]; then r=${x##*/}; fi; done
}
hwmon() { # name of the xe driver's hwmon folder of this function; the number moves between boots -> r
  h=-
  for x do get "$x/name"; case $r in xe*) h=${x##*/} ;; esac; done
  r=$h
}
total() { # value of the TOTAL_ERR_ line of a hop's counters -> r
  r=-
  if [ -e "$pci/$1/$2" ]; then r='!'; fi
  IFS=$nl # lines one by one: cutting a long text takes a shell a second
  for x in $totals; do
    case $x in */"$1/$2:TOTAL_"*) r=${x##*:TOTAL_}; r=${r#* }; r=${r%% *}; break ;; esac
  done
  unset IFS
}
bar2() { # size of BAR 2 in MiB from the third line of "resource" -> r
  get "$1"; [ "$r" != - ] && [ "$r" != '!' ] || return 0
  r='!'; i=0
  while read -r from to _; do
    if [ $i = 2 ]; then
      case $from$to in
        *[!0-9a-fx]*) ;;
        0x0000000000000000*0x0000000000000000) r=0 ;;
        0x*0x*) r=$(( (to - from + 1) / 1048576 )) ;;
      esac
      break
    fi
    i=$((i + 1))
  done 2>/dev/null <"$1"
}

[ -d "$pci" ] || { echo "there is no $pci" >&2; exit 1; }
uid=-
while read -r k _ v _; do if [ "$k" = Uid: ]; then uid=$v; break; fi; done 2>/dev/null </proc/self/status
row S 2 "$uid"
# `read` would take the 900 bytes of each hop one by one
totals=$(
  { grep -s TOTAL_ "$pci"/*/aer_dev_correctable "$pci"/*/aer_dev_nonfatal "$pci"/*/aer_dev_fatal /dev/null; } 2>/dev/null
)
cards=0; hops=0
for d in "$pci"/*; do
  get "$d/vendor"
  case $r in 0x8086) ;; '!') echo "cannot read $d/vendor" >&2; exit 1 ;; *) continue ;; esac
  get "$d/class"
  case $r in 0x03*) ;; '!') echo "cannot read $d/class" >&2; exit 1 ;; *) continue ;; esac
  here=$(cd -P "$d" 2>/dev/null && pwd -P) || continue
  bdf=${d##*/}
  get "$d/power/runtime_status"; sleep=$r
  set -- G "$bdf"
  for f in device class revision subsystem_vendor subsystem_device numa_node; do
    get "$d/$f"; set -- "$@" "$r"
  done
  for f in driver iommu_group physfn; do link "$d/$f"; set -- "$@" "$r"; done
  for f in sriov_totalvfs sriov_numvfs; do get "$d/$f"; set -- "$@" "$r"; done
  node "$d"/drm/card[0-9]*; set -- "$@" "$r"
  node "$d"/drm/renderD*; set -- "$@" "$r"
  bar2 "$d/resource"; set -- "$@" "$r"
  # the possible BAR sizes are read from config space, which resumes the function
  polite "$d/resource2_resize"; set -- "$@" "$r"
  get "$d/power/control"; set -- "$@" "$r" "$sleep"
  for f in power_state d3cold_allowed; do get "$d/$f"; set -- "$@" "$r"; done
  # the xe driver resumes the card to answer these two
  for f in auto_link_downgrade_capable auto_link_downgrade_status; do polite "$d/$f"; set -- "$@" "$r"; done
  for f in survivability_mode boot_vga; do get "$d/$f"; set -- "$@" "$r"; done
  hwmon "$d"/hwmon/hwmon*; set -- "$@" "$r"
  polite "$d/hwmon/$r/power1_cap"; set -- "$@" "$r"
  polite "$d/tile0/physical_vram_size_bytes"; set -- "$@" "$r"
  row "$@"
  cards=$((cards + 1))
  depth=0
  while :; do
    hop=${here##*/}
    case $hop in *:*:*.*) ;; *) break ;; esac
    get "$here/power/runtime_status"; sleep=$r
    set -- L "$bdf" "$depth" "$hop"
    for f in vendor device class; do get "$here/$f"; set -- "$@" "$r"; done
    # newer kernels resume a sleeping function to read its link registers
    for f in current_link_speed current_link_width max_link_speed max_link_width; do
      polite "$here/$f"; set -- "$@" "$r"
    done
    for f in correctable nonfatal fatal; do total "$hop" "aer_dev_$f"; set -- "$@" "$r"; done
    get "$here/link/l1_aspm"; set -- "$@" "$r" "$sleep"
    row "$@"
    here=${here%/*}; depth=$((depth + 1)); hops=$((hops + 1))
  done
done
row E "$cards" "$hops"
