#!/usr/bin/env bash
# `make demo`: two lab rigs from nothing to a certificate, and a gate that catches a degraded link.
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

say "What the lab changes on this machine, then two rigs: lab1 is healthy, lab2 has a degraded link"
"$b70" lab up --yes
say "The declaration, nothing contacted"
run inventory list
say "Converge both: connect, probe, plan, apply, and an empty re-plan as the certificate"
run converge --all --yes
say "Again: nothing to do, two execs per host"
run converge --all --yes
say "lab1: every gate that matters is open"
run gates lab1 --only cards,link || true
say "lab2: one link trained at x8; the gate says what to do next"
expect 0 gates lab2
say "Read more: docs/, b70 --help. Remove everything again: b70 lab down --purge"
