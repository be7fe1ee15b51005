# Supervisor of a lab machine: starts it again when it reboots, ends when it ends.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: reboot, pid_file, boot_id, machine, enter_box (a function)
status=$reboot
while [ "$status" = "$reboot" ]; do
  cat /proc/sys/kernel/random/uuid >"$boot_id"
  (
    enter_box
    exec sh -c "$machine"
  )
  status=$?
  echo "machine ended with $status" >&2
done
rm -f "$pid_file"
