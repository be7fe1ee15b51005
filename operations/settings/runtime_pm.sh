# Keeps PCI functions awake and reads that back. The arguments are PCI addresses.
# shellcheck shell=sh
for a do
  f=/sys/bus/pci/devices/$a/power/control
  echo on >"$f" && read -r v <"$f" && [ "$v" = on ] || {
    echo "$f does not stay on: ${v:-unreadable}" >&2; exit 1
  }
done
