#!/usr/bin/env bash
# `make demo`: two lab rigs from nothing to a certificate, a gate that catches a degraded link, and a
# machine with a kernel of its own from blank to its first boot set (User-mode Linux: it boots in seconds).
# Usage: demo.sh PATH-OF-B70
set -euo pipefail
b70=$1
lab=${B70_LAB_DIR:-/var/lib/b70lab}
export B70_STATE=${B70_STATE:-$lab/state}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ b70 %s\n' "$*"; "$b70" -i "$lab/fleet" "$@"; }
# a command whose exit code is part of the story
expect() {
  local want=$1 got=0; shift
  run "$@" || got=$?
  [ "$got" = "$want" ] || { echo "exit code $got, expected $want" >&2; exit 1; }
  echo "(exit code $got)"
}

say "What the lab changes on this machine; then two rigs: lab1 is healthy, lab2 has a degraded link"
"$b70" lab up --yes
say "The declaration, nothing contacted"
run inventory list
say "Converge both: connect, probe, plan, apply, and an empty re-plan as the certificate"
run -q converge --limit lab1,lab2 --yes
say "Again: nothing to do, two execs per host"
run -q converge --limit lab1,lab2 --yes
say "lab1: nothing in the way, every gate over its links is open"
expect 0 doctor lab1
expect 0 gates lab1
say "lab2: one link trained at x8; the gates say what to do next"
expect 3 gates lab2
say "uml1: a machine that really boots, with GRUB, two kernels and four cards; it runs the older kernel"
"$b70" lab up --yes --uml uml1 --disk 1G
"$b70" lab ssh uml1 -- uname -r
say "Its boot set: kernel, tokens, module options, initramfs checked before the one reboot"
run converge --limit uml1 --yes --allow-reboot
"$b70" lab ssh uml1 -- uname -r
run facts uml1 gpu_link
say "Again: nothing to do, and no reboot"
run -q converge --limit uml1 --yes --allow-reboot
say "The rigs are yours now"
cat <<TEXT
  export B70_INVENTORY=$lab/fleet B70_STATE=$B70_STATE PATH=$(dirname "$b70"):\$PATH
  b70 facts lab1 gpu_link; b70 doctor uml1; b70 history   # look around
  b70 lab ssh lab1 -- sudo rm /etc/sysctl.d/90-b70fleet.conf && b70 converge --limit lab1
  b70 lab down --purge                                # undo everything
TEXT
