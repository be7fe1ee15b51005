# What is in a directory, what each thing takes, who uses it. The function `users` is set in front, too.
# Names travel as one line each: a line break in a name becomes \001, other than ASCII becomes ?
# The newest change below each thing is looked for by find: the du of Rust's coreutils knows neither
# seconds nor, for a directory, what lies in it.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: path
safe() { tr '\n\0' '\001\n' | LC_ALL=C tr '\200-\377' '?'; }
if [ ! -d "$path" ]; then lack real -
else
part real; readlink -f -- "$path"
part entries
find "$path/" -mindepth 1 -maxdepth 1 -printf '%y\t%P\0' | safe
part sizes
du -x -B1 -a -d1 -0 -- "$path/" | safe
part changes
find "$path/" -mindepth 1 -xdev -printf '%T@/%P\0' | safe | LC_ALL=C awk -F/ '
  { sub(/[.].*/, "", $1); if (!($2 in newest) || $1 + 0 > newest[$2] + 0) newest[$2] = $1 }
  END { for (name in newest) print newest[name] "\t" name }'
part users
users "$(readlink -f -- "$path")" | sort -u | head -n 200
fi
