# Module of dracut: the GPU driver, its firmware, the firmware folder of a boot set and the trial hook. It
# is taken into an image only where somebody asks for it by name, as the build of a boot set does.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: moddir (by dracut)
check() { return 255; }
depends() { return 0; }
installkernel() {
  # shellcheck disable=SC2086 # names without blanks
  [ -z "${B70FLEET_MODULES-}" ] || hostonly='' instmods $B70FLEET_MODULES
}
install() {
  inst_hook pre-udev 05 "$moddir/b70fleet-trial.sh"
  for b70_blob in ${B70FLEET_FIRMWARE-}; do
    for b70_file in "/lib/firmware/$b70_blob" "/lib/firmware/$b70_blob.zst" "/lib/firmware/$b70_blob.xz"; do
      [ ! -e "$b70_file" ] || inst_simple "$b70_file"
    done
  done
  # uncompressed, as the driver looks for it: it is searched before every other place
  if [ -n "${B70FLEET_SET-}" ] && [ -d "/lib/firmware/b70fleet/$B70FLEET_SET" ]; then
    find "/lib/firmware/b70fleet/$B70FLEET_SET" -type f | while read -r b70_file; do
      inst_simple "$b70_file"
    done
  fi
}
