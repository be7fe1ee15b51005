# Creates the login account with one authorized key and passwordless sudo; adds what is missing.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: account, key, rule, sudoers
set -eu
umask 077
# shellcheck disable=SC2015 # whichever of the two is missing
command -v sudo >/dev/null && command -v visudo >/dev/null ||
  { echo 'sudo is not installed: apt-get install sudo, or bootstrap with --user root' >&2
    exit 1; }
id -u "$account" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$account"
home=$(getent passwd "$account" | cut -d: -f6)
mkdir -p "$home/.ssh"; touch "$home/.ssh/authorized_keys"
grep -qxF "$key" "$home/.ssh/authorized_keys" || printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
chown "$account:" "$home/.ssh" "$home/.ssh/authorized_keys"
chmod 700 "$home/.ssh"; chmod 600 "$home/.ssh/authorized_keys"
new=$(mktemp); trap 'rm -f "$new"' EXIT
printf '%s\n' '# b70fleet: the account that provisions this host' "$rule" >"$new"
chmod 0440 "$new"
visudo -cqf "$new" || { echo 'visudo refused the drop-in' >&2; exit 1; }
cmp -s "$new" "$sudoers" || { cp -p "$new" "$sudoers~new" && mv -f "$sudoers~new" "$sudoers"; }
visudo -cq || { rm -f "$sudoers"; echo 'visudo refused the whole; drop-in removed' >&2; exit 1; }
