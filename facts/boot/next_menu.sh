# The menu that update-grub would write now, written into a private folder in memory and printed.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: longest, uid
user
if [ ! -e /boot/grub/grub.cfg ]; then lack menu -
elif [ "$uid" != 0 ]; then lack menu ! 'needs root'
elif ! command -v grub-mkconfig >/dev/null 2>&1; then lack menu '?' 'grub-mkconfig is not installed'
else
  # what grub-mkconfig itself starts from, then what it sources
  s=$(
    GRUB_DISABLE_OS_PROBER=
    if grep -qs '^GRUB_DISABLE_OS_PROBER="\{0,1\}true' "$(command -v grub-mkconfig)"; then
      GRUB_DISABLE_OS_PROBER=true
    fi
    exec 3>&1 >/dev/null 2>&1
    for f in /etc/default/grub /etc/default/grub.d/*.cfg; do
      # shellcheck disable=SC1090 # the host's own files
      if [ -e "$f" ]; then . "$f"; fi
    done
    printf '%s' "$GRUB_DISABLE_OS_PROBER" >&3
  )
  if [ "$s" != true ] && [ -x /etc/grub.d/30_os-prober ] &&
    { command -v os-prober && command -v linux-boot-prober; } >/dev/null 2>&1; then
    lack menu '?' 'os-prober is on: an update mounts the file systems of other systems'
  else
    umask 077
    t=$(mktemp -d /run/b70fleet-menu.XXXXXX) || exit 3
    trap 'rm -rf "$t"' 0
    trap 'exit 3' 1 2 15
    if m=$(TMPDIR=$t grub-mkconfig -o "$t/grub.cfg" 2>&1); then
      part menu
      head -c "$longest" "$t/grub.cfg" | grep -an ''
    else lack menu '?' "grub-mkconfig failed: $(printf '%s\n' "$m" | tail -n 1)"; fi
    rm -rf "$t"
    trap - 0
  fi
fi
