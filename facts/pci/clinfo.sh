# Everything that clinfo says, as JSON, behind a line `clinfo`; `absent` where it is not installed.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: probe_root, most, few (bytes that are passed on), dir, status (of bounded.sh)
tool=$probe_root/usr/bin/clinfo
[ -x "$tool" ] || tool=$(command -v clinfo) || { echo absent; exit 0; }
echo clinfo
bounded "$tool" --json
if [ "$status" = 153 ]; then
  echo 'clinfo printed without end and was stopped' >&2
  exit 1
fi
passed "$dir/err" "$few" >&2
passed "$dir/out" "$most"
exit "$status"
