# What decides whether an account may log in here: the account, the programs that make one, the
# drop-in for sudo, and sshd's own answer about that account. Only reads. Lines of `word`, a tab, text.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: account, sudoers
PATH=$PATH:/usr/sbin:/sbin
say() { printf '%s\t%s\n' "$1" "$2"; }
for program in useradd userdel getent sudo visudo; do
  command -v "$program" >/dev/null || say missing "$program"
done
if entry=$(getent passwd "$account"); then
  say uid "$(printf '%s' "$entry" | cut -d: -f3)"
  say home "$(printf '%s' "$entry" | cut -d: -f6)"
  say shell "$(printf '%s' "$entry" | cut -d: -f7)"
  say groups "$(id -Gn "$account")"
  # the hash itself stays here
  case $(getent shadow "$account" | cut -d: -f2) in
    '!'*) say locked yes ;;
    ?*) say locked no ;;
    *) say locked unknown ;;
  esac
fi
for file in /etc/nologin /run/nologin; do [ ! -e "$file" ] || say nologin "$file"; done
if [ -e "$sudoers" ]; then
  say sudoers ''
  sed -n "s/^[[:space:]]*\([^#[:space:]].*\)\$/sudoers	\1/p" "$sudoers"
fi
# sshd of this very connection: with its file, its options, and the addresses that it sees
pid=$$ daemon='' connection=''
while [ "${pid:-1}" -gt 1 ]; do
  [ -n "$connection" ] ||
    connection=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  case $(readlink "/proc/$pid/exe") in
    */sshd | */sshd' (deleted)') daemon=$pid ;;
  esac
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
done
# the title of a daemon: `sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups`
title='' program=sshd
if [ -n "$daemon" ]; then
  title=$(tr '\0' ' ' <"/proc/$daemon/cmdline")
  program=$(readlink "/proc/$daemon/exe"); program=${program%' (deleted)'}
fi
set -f
# shellcheck disable=SC2086 # words
set -- $title
count=$# before=''
while [ "$count" -gt 0 ]; do
  word=$1; shift; count=$((count-1))
  case $before$word in
    -f | -o) before=$word ;;
    -f?* | -o?*) set -- "$@" "$before$word"; before='' ;;
    *) before='' ;;
  esac
done
if [ -n "$connection" ]; then
  client=${connection%% *} rest=${connection#* }
  rest=${rest#* }; server=${rest%% *} port=${rest#* }
  # an address of one link carries the link's name
  client=${client%%\%*} server=${server%%\%*}
  say client "$client"
  answer=$("$program" "$@" -T \
    -C "user=$account,host=$client,addr=$client,laddr=$server,lport=$port" 2>&1) || say refused "$?"
  printf '%s\n' "$answer" | sed 's/^/sshd	/'
fi
