# Shell function `users DIR`: `pid path` of every process that runs, works in, has open or has mapped
# something below it, a line each: a line break in a name becomes \001. The same text runs again right before something is removed.
# shellcheck shell=sh
users() {
  find /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/fd -maxdepth 1 \
    '(' -lname "$1" -o -lname "$1/*" ')' -printf '%p %l\0' 2>/dev/null |
    tr '\n\0' '\001\n'
  grep -sF " $1/" /proc/[0-9]*/maps | sed 's|^\(/proc/[0-9]*/maps\):[^/]* /|\1 /|'
}
