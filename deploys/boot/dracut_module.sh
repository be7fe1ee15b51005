# Module of dracut: the GPU driver, its firmware, the firmware folder of a boot set and the trial hook. It
# is taken into an image only where somebody asks for it by name, as the build of a boot set does.
# shellcheck shell=sh
# shellcheck disable=SC2154 # dracut sets moddir
check() { return 255; }
depends() { return 0; }
installkernel() {
  # shellcheck disable=SC2086 # names without blanks
  [ -z "${B70FLEET_MODULES-}" ] || hostonly='' instmods $B70FLEET_MODULES
}
install() {
  inst_hook pre-udev 05 "$moddir/b70fleet-trial.sh"
  for blob in ${B70FLEET_FIRMWARE-}; do
    for file in "/lib/firmware/$blob" "/lib/firmware/$blob.zst" "/lib/firmware/$blob.xz"; do
      [ ! -e "$file" ] || inst_simple "$file"
    done
  done
  # uncompressed, as the driver looks for it: it is searched before every other place
  if [ -n "${B70FLEET_SET-}" ] && [ -d "/lib/firmware/b70fleet/$B70FLEET_SET" ]; then
    find "/lib/firmware/b70fleet/$B70FLEET_SET" -type f | while read -r file; do
      inst_simple "$file"
    done
  fi
}
