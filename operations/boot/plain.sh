# Prints a file without its compression: `plain FILE`. Programs that hash or install what may be packed begin
# with it.
# shellcheck shell=sh
plain() {
  case $1 in
    *.zst) zstd -dcq -- "$1" ;;
    *.xz) xz -dc -- "$1" ;;
    *.gz) gzip -dc -- "$1" ;;
    *) cat -- "$1" ;;
  esac
}
