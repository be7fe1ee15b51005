# Shell function `ask DATABASE NAME`: one user or group, from wherever the name service has it.
# shellcheck shell=sh
ask() {
  printf '> %s %s\n' "$1" "$2"
  if line=$(getent "$1" -- "$2"); then
    printf '%s\n' "$line"
    if getent -s files "$1" -- "$2" >/dev/null; then echo local; else echo remote; fi
  else
    status=$?
    if [ "$status" = 2 ]; then echo absent; else echo "getent ended with status $status"; fi
  fi
}
