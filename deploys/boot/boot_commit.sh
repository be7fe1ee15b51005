# What this host does with its boot sets, for whoever asks: the controller, or the host itself.
#   boot-commit check SET             reads every file of the set again, and that the menu has it once
#   boot-commit arm SET [TRIAL]       the next boot, and that one alone, is the set's
#   boot-commit disarm                no boot is the next one's any more
#   boot-commit commit SET [FALLBACK] makes the set the default, and what was the default the fallback
#   boot-commit keep ENTRY            makes a menu entry of the distribution the saved one
# What GRUB reads is written beside its place, flushed, renamed and read back: a power cut leaves the
# old choice or the new one.
# shellcheck shell=sh
sets=/boot/b70fleet
grub=/boot/grub
blobs=/lib/firmware/b70fleet

fail() { echo "boot-commit: $*" >&2; exit 1; }

has_hash() { [ "$(plain "$1" 2>/dev/null | sha256sum)" = "$2  -" ]; }

# every fault of a set, a line each
faults() {
  manifest=$sets/$1/manifest
  if [ ! -s "$manifest" ]; then echo "it has no manifest"; return; fi
  said='' id='' release='' recorded=' '
  while read -r key a b _ path || [ -n "$key" ]; do
    case $key in
      format) said=$a ;;
      id) id=$a ;;
      release)
        release=$a
        [ -d "/lib/modules/$a" ] || echo "/lib/modules/$a is gone" ;;
      file)
        recorded="$recorded$a "
        has_hash "$sets/$1/$a" "$b" || echo "$a is not as it was staged" ;;
      package)
        seen=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$a" 2>/dev/null)
        [ "$seen" = "installed $b" ] || echo "package $a is ${seen:-not there}, it was $b" ;;
      xe)
        seen=$(modinfo -k "$release" -n xe 2>/dev/null)
        if [ "$seen" != "$path" ]; then echo "xe of $release is ${seen:-missing}, it was $path"
        elif ! has_hash "$path" "$a"; then echo "$path is another module than the set was made with"; fi ;;
      firmware) has_hash "$blobs/$1/$a" "$b" || echo "firmware $a is not as it was staged" ;;
    esac
  done <"$manifest"
  for each in vmlinuz initrd; do
    case $recorded in *" $each "*) ;; *) echo "its manifest records no $each" ;; esac
  done
  [ "$said" = 1 ] || echo "its manifest has the format '$said', 1 is known"
  [ "$id" = "$1" ] || echo "its manifest is the one of '$id'"
}
check() {
  case $1 in ''|*[!A-Za-z0-9._+~-]*|[!b]*) fail "'$1' is not the name of a boot set" ;; esac
  found=$(faults "$1")
  [ -z "$found" ] || fail "$1 is incomplete: $found"
}
# the menu has the set's entry once
listed() {
  count=$(grep -E '^[[:space:]]*menuentry ' "$grub/grub.cfg" | grep -cF " '$1' {")
  [ "$count" = 1 ] || fail "the menu has $count entries of $1: update-grub, then try again"
}

value() { grub-editenv "$grub/grubenv" list 2>/dev/null | sed -n "s/^$1=//p"; }
# change [unset NAME...] -- [NAME=VALUE...]
change() {
  real=$(readlink -f "$grub/grubenv") || fail "there is no $grub/grubenv"
  new=$real.b70fleet
  trap 'rm -f "$new"' EXIT
  # a block that is missing or damaged is begun anew
  if ! { cp -- "$real" "$new" && grub-editenv "$new" list; } >/dev/null 2>&1; then
    rm -f "$new"
    grub-editenv "$new" create || fail "cannot write $new"
  fi
  gone=
  while [ "$1" != -- ]; do gone="$gone $1"; shift; done
  shift
  # shellcheck disable=SC2086 # names without blanks
  [ -z "$gone" ] || grub-editenv "$new" unset $gone || fail "cannot write $new"
  [ $# = 0 ] || grub-editenv "$new" set "$@" || fail "cannot write $new"
  if ! { sync "$new" && mv -fT -- "$new" "$real" && sync -f "$real"; }; then fail "cannot replace $real"; fi
  trap - EXIT
  for word; do
    [ "$(value "${word%%=*}")" = "${word#*=}" ] || fail "$real does not read back as $word"
  done
}

# a system that sleeps on disk would be woken by another kernel
asleep() {
  blkid -c /dev/null -t TYPE=swsuspend -o device 2>/dev/null && return
  awk '$1 !~ /^#/ && $3 == "swap" && $1 ~ /^\// { print $1 }' /etc/fstab | while read -r file; do
    [ -f "$file" ] || continue
    size=$(getconf PAGESIZE)
    mark=$(dd if="$file" bs=1 skip=$((size - 10)) count=10 2>/dev/null)
    [ "$mark" != S1SUSPEND ] || { echo "$file"; break; }
  done
}

# what was the default comes back when the new one is given up: a complete set, else the one that was
# the fallback until now
way_back() {
  for each in "$2" "$(value saved_entry)" "$(value b70fleet_fallback)" "$(sed -n 's/^fallback //p' "$sets/roles" 2>/dev/null)"; do
    case $each in b70-*) ;; *) continue ;; esac
    if [ "$each" != "$1" ] && [ -z "$(faults "$each")" ]; then echo "$each"; return; fi
  done
}

case ${1-} in
  check)
    check "${2-}"
    listed "$2" ;;
  arm)
    check "${2-}"
    listed "$2"
    other=$(value next_entry)
    [ -z "$other" ] || [ "$other" = "$2" ] ||
      fail "$other is armed for the next boot already: grub-editenv - unset next_entry takes it back"
    image=$(asleep)
    [ -z "$image" ] || fail "a system sleeps on $image: wake it, or clear it with mkswap $image"
    if [ -n "${3-}" ]; then change -- "next_entry=$2" "b70fleet_trial_set=$2" "b70fleet_trial=$3"
    else change b70fleet_trial_set b70fleet_trial -- "next_entry=$2"; fi ;;
  disarm) change next_entry b70fleet_trial_set b70fleet_trial -- ;;
  commit)
    check "${2-}"
    listed "$2"
    image=$(asleep)
    # another kernel would find the image at the next boot and wake it
    if [ -n "$image" ] && ! grep -qF "b70fleet.set=$2" /proc/cmdline; then
      fail "a system sleeps on $image: wake it, or clear it with mkswap $image"
    fi
    back=$(way_back "$2" "${3-}")
    new=$sets/.roles
    if ! { printf 'default %s\nfallback %s\n' "$2" "$back" >"$new" && sync "$new" &&
      mv -fT -- "$new" "$sets/roles" && sync "$sets"; }; then fail "cannot write $sets/roles"; fi
    change prev_saved_entry recordfail -- \
      "saved_entry=$2" "b70fleet_default=$2" "b70fleet_fallback=$back" ;;
  keep)
    [ -n "${2-}" ] || fail "which entry?"
    change prev_saved_entry -- "saved_entry=$2" ;;
  *) fail "check SET | arm SET [TRIAL] | disarm | commit SET [FALLBACK] | keep ENTRY" ;;
esac
