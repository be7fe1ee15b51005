# Shell functions of a host's lock. The line behind this text calls one of them: peek, acquire, release
# or unlock. What each is for stands in lock.py.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: state_folder, lock_file, new_lock_file, lease_file, lease_s
# shellcheck disable=SC2154 # set in front: fence_file, new_fence_file, mutex_file, journal_file
# shellcheck disable=SC2154 # set in front: production_file, locked, fenced, no_state_dir
read_clock() { # seconds since the boot -> now, id of the boot -> boot
  read -r up _ </proc/uptime; now=${up%%.*}
  read -r boot </proc/sys/kernel/random/boot_id
}
journal() { # members of a JSON object
  printf '{"at": "%s", %s}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$journal_file"
}
serialise() {
  exec 9>>"$mutex_file"
  flock -w 10 9 || exit "$locked"
}
peek() {
  read_clock
  if [ -f "$lock_file" ]; then
    { read -r run; read -r who; read -r lboot; read -r since; } <"$lock_file"
    until=0; [ ! -f "$lease_file" ] || read -r until <"$lease_file"
    if [ "$lboot" = "$boot" ] && [ "$now" -lt "$until" ]; then
      printf 'held\t%s\t%s\t%s\t%s\n' "$run" "$who" $((now-since)) $((until-now))
    fi
  fi
}
acquire() { # run, person, journal entry
  umask 022
  { mkdir -p "$state_folder" && : >>"$mutex_file"; } || exit "$no_state_dir"
  serialise
  held=$(peek)
  [ -z "$held" ] || { printf '%s\n' "$held"; exit "$locked"; }
  read_clock
  fence=0; [ ! -f "$fence_file" ] || read -r fence <"$fence_file"
  fence=$((fence+1))
  # the folder is flushed behind the renames: a fence that went back would let an old owner in
  {
    echo $((now+lease_s)) >"$lease_file" &&
    printf '%s\n' "$1" "$2" "$boot" "$now" >"$new_lock_file" &&
    echo "$fence" >"$new_fence_file" && sync "$new_lock_file" "$new_fence_file" &&
    mv -f "$new_fence_file" "$fence_file" && mv -f "$new_lock_file" "$lock_file" &&
    sync "$state_folder"
  } || exit "$no_state_dir"
  journal "$3"
  echo "fence $fence"
}
release() { # fence, journal entry, run for the production mark or nothing
  serialise
  read -r fence <"$fence_file"; [ "$fence" = "$1" ] || exit "$fenced"
  # the lock is given back even where nothing can be written any more
  written=0
  { journal "$2" && if [ -n "$3" ] && [ ! -e "$production_file" ]; then
    printf '%s\n' "$3" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$production_file"
  fi; } || written=$no_state_dir
  rm -f "$lock_file" "$lease_file" || written=$no_state_dir
  exit "$written"
}
unlock() { # run, journal entry
  # without a state folder there is nothing to take the mutex in
  [ -f "$lock_file" ] || { echo none; exit 0; }
  serialise
  [ -f "$lock_file" ] || { echo none; exit 0; }
  { read -r held; read -r who; } <"$lock_file"
  [ "$held" = "$1" ] || { printf 'other\t%s\t%s\n' "$held" "$who"; exit "$locked"; }
  fence=0; [ ! -f "$fence_file" ] || read -r fence <"$fence_file"
  # the fence rises and the journal has it before the lock goes; a lock that cannot go is said
  {
    echo $((fence+1)) >"$new_fence_file" && sync "$new_fence_file" &&
    mv -f "$new_fence_file" "$fence_file" && sync "$state_folder" &&
    journal "$2" && rm -f "$lock_file" "$lease_file"
  } || exit "$no_state_dir"
  echo removed
}
