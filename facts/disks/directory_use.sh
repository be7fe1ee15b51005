# What is in a directory, what each thing takes, who uses it. The function `users` is set in front, too.
# Names travel as one line each: a line break in a name becomes \001, other than ASCII becomes ?
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: path
safe() { tr '\n\0' '\001\n' | LC_ALL=C tr '\200-\377' '?'; }
if [ ! -d "$path" ]; then lack real -
else
part real; readlink -f -- "$path"
part entries
find "$path/" -mindepth 1 -maxdepth 1 -printf '%y\t%P\0' | safe
part sizes
du -x -B1 -a -d1 -0 --time --time-style=+%s -- "$path/" | safe
part users
users "$(readlink -f -- "$path")" | sort -u | head -n 200
fi
