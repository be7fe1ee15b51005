# Creates the login account with one authorized key and passwordless sudo; adds what is missing.
# Prints a line for each thing that it made, before the next one is begun: `made`, a tab, what, a
# tab, where.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: account, key, keys_file, in_home, rule, sudoers, new_sudoers
set -eu
umask 077
PATH=$PATH:/usr/sbin:/sbin
made() { printf 'made\t%s\t%s\n' "$1" "$2"; }
if ! getent passwd "$account" >/dev/null; then
  # `*` is no password, and no locked account either: without PAM sshd refuses the `!` of useradd.
  # A group of that name may be left from an account that was removed.
  group=--user-group
  if getent group "$account" >/dev/null; then group="--gid=$account"; fi
  made account "$account"
  useradd "$group" --create-home --shell /bin/sh --password '*' "$account"
fi
if [ "$in_home" = yes ]; then
  home=$(getent passwd "$account" | cut -d: -f6)
  # useradd was killed before it made it
  [ -d "$home" ] || { mkdir -m 0700 "$home"; chown "$account:" "$home"; }
fi
folder=${keys_file%/*}
if [ ! -d "$folder" ]; then
  made folder "$folder"
  mkdir -m 0755 "$folder"
  [ "$in_home" = no ] || { chmod 0700 "$folder"; chown "$account:" "$folder"; }
fi
if [ ! -e "$keys_file" ]; then
  made file "$keys_file"
  : >"$keys_file"
  chmod 0644 "$keys_file"
  [ "$in_home" = no ] || { chmod 0600 "$keys_file"; chown "$account:" "$keys_file"; }
fi
if ! grep -qxF -e "$key" "$keys_file"; then
  made key "$keys_file"
  # what was there may lack its last line end
  [ -z "$(tail -c 1 "$keys_file")" ] || echo >>"$keys_file"
  printf '%s\n' "$key" >>"$keys_file"
fi
# root needs no rule
if [ -n "$rule" ] && [ ! -e "$sudoers" ]; then
  printf '%s\n' '# b70fleet: the account that provisions this host' "$rule" >"$new_sudoers"
  chmod 0440 "$new_sudoers"
  # the text of a bootstrap that was cut off may run still and put the same rule there meanwhile
  visudo -cqf "$new_sudoers" || [ -e "$sudoers" ] ||
    { rm -f "$new_sudoers"; echo 'visudo refused the drop-in' >&2; exit 1; }
  made sudoers "$sudoers"
  mv -f "$new_sudoers" "$sudoers" || [ -e "$sudoers" ]
  visudo -cq || { echo 'visudo refused the whole' >&2; exit 1; }
fi
