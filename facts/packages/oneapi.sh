# oneAPI compilers, and start files that source setvars.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: compilers, files
part compilers
for f in "$compilers"/*/env/vars.sh; do
  d=${f%/env/vars.sh}
  if [ -f "$f" ] && [ ! -L "$d" ]; then printf '%s\n' "${d##*/}"; fi
done
# shellcheck disable=SC2086 # globs, a word each
lines setvars '^[^#]*(\.|source)[[:space:]]+[^#]*setvars\.sh' $files
