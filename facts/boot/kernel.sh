# The running kernel, its command line and its xe module. osrelease, tainted and the module index
# are the real ones where the fake tree has none.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root, dirs, variable, aliases
real() { if [ -e "$root$1" ]; then p=$root$1; else p=$1; fi; }
real /proc/sys/kernel/osrelease; val release "$p"; rel=$v
# numbers below /proc/sys come out cut off when a shell reads them byte by byte
real /proc/sys/kernel/tainted; tool taint cat "$p"
val cmdline "$root/proc/cmdline"
val boot_id "$root/proc/sys/kernel/random/boot_id"
if [ -r "$root/proc/modules" ]; then
  if l=$(grep -e '^xe ' "$root/proc/modules"); then part xe; printf '%s\n' "$l"; else lack xe -; fi
else lack xe '?' 'there is no /proc/modules'; fi
val xe_srcversion "$root/sys/module/xe/srcversion"
part xe_parameters
for f in "$root"/sys/module/xe/parameters/*; do
  if [ -r "$f" ]; then
    v=; { IFS= read -r v; } 2>/dev/null <"$f"; printf '%s=%s\n' "${f##*/}" "$v"
  fi
done
real "/lib/modules/$rel/modules.alias"
if [ -r "$p" ]; then part aliases; grep -oE "$aliases" "$p"
else lack aliases '?' "there is no $p"; fi
set --
for d in $dirs; do for f in "$d"/*.conf; do [ -e "$f" ] && set -- "$@" "$f"; done; done
part modprobe_files; printf '%s\n' "$@"
lines modprobe '^[[:space:]]*(options|blacklist|install)[[:space:]]+(xe|vfio[-_]pci)([[:space:]]|$)' "$@" /dev/null
if [ ! -d "$root/sys/firmware/efi" ]; then lack secure_boot -
elif [ -r "$root/$variable" ]; then tool secure_boot od -An -tu1 "$root/$variable"
else lack secure_boot '?' 'the EFI variable SecureBoot is missing'; fi
val lockdown "$root/sys/kernel/security/lockdown"
