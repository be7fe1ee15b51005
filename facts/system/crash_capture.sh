# What would keep the last words of this kernel.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: root
val kdump "$root/sys/kernel/kexec_crash_loaded"
val pstore "$root/sys/module/pstore/parameters/backend"
part netconsole
for f in "$root"/sys/kernel/config/netconsole/*/enabled; do
  v=; if [ -r "$f" ]; then { IFS= read -r v; } 2>/dev/null <"$f"; fi
  if [ "$v" = 1 ]; then printf '%s\n' "${f%/enabled}"; fi
done
val panic /proc/sys/kernel/panic
