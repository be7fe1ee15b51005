# Puts the GPU driver, its firmware and the folder of firmware that is a boot set's own into the initial
# RAM disk of that set. Every other one stays as it is.
# shellcheck shell=sh
case ${1-} in prereqs) echo; exit 0 ;; esac
[ -n "${B70FLEET_SET-}" ] || exit 0
# shellcheck source=/dev/null
. /usr/share/initramfs-tools/hook-functions
# 1: the image has it already
copied() { copy_file firmware "$1" || [ $? = 1 ]; }
for module in $B70FLEET_MODULES; do manual_add_modules "$module"; done
for blob in $B70FLEET_FIRMWARE; do
  for file in "/lib/firmware/$blob" "/lib/firmware/$blob.zst" "/lib/firmware/$blob.xz"; do
    [ ! -e "$file" ] || copied "$file"
  done
done
# uncompressed, as the driver looks for it: it is searched before every other place
if [ -d "/lib/firmware/b70fleet/$B70FLEET_SET" ]; then
  find "/lib/firmware/b70fleet/$B70FLEET_SET" -type f | while read -r file; do
    copied "$file"
  done
fi
