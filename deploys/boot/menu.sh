# Adds one entry of the boot menu for each boot set that can boot. GRUB's other scripts come first, so that
# numbers of entries keep their meaning. Where this host's root is, and what GRUB has to load for
# it, is taken from what 10_linux wrote for the distribution's own kernel.
# shellcheck shell=sh
sets=/boot/b70fleet
[ -d "$sets" ] || exit 0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# the scripts before this one wrote to the same file; into a pipe they cannot be seen
file=$(readlink "/proc/$$/fd/1")
if [ -f "$file" ]; then cat -- "$file" >"$tmp/menu"
else
  for script in /etc/grub.d/10_linux*; do
    [ ! -x "$script" ] || { echo "### BEGIN $script ###"; "$script"; echo "### END $script ###"; }
  done >"$tmp/menu"
fi
# The first entry of 10_linux that loads a kernel with its initramfs, without its braces. Without its
# `savedefault`: choosing an entry by hand must not make it the default; and without what it says,
# which names the other kernel.
awk -f - "$tmp/menu" >"$tmp/form" <<'AWK'
/^### BEGIN .*\/10_linux/ { section = 1 }
/^### END .*\/10_linux/ { section = 0 }
section && /^[ \t]*menuentry / { body = ""; kernel = ""; initrd = ""; inside = !/recovery/; next }
inside && /^[ \t]*}[ \t]*$/ {
  inside = 0
  if (kernel != "" && (initrd != "" || best == "")) { best = body }
  if (kernel != "" && initrd != "") { exit }
  next
}
inside {
  if ($1 ~ /^linux/ && $2 ~ /vmlinu[xz]-/) { kernel = $2 }
  if ($1 ~ /^initrd/) { initrd = $2 }
  if ($1 != "savedefault" && $1 != "echo") { sub(/^[ \t]*/, ""); body = body "\t" $0 "\n" }
}
END { printf "%s", best }
AWK
if [ ! -s "$tmp/form" ]; then
  echo "b70fleet: 10_linux wrote no entry, so where the root is cannot be told; the menu stays as it was" >&2
  exit 1
fi
# GRUB takes a fallback by its number alone. Entries within a condition, such as the firmware's settings
# in GRUB 2.12, are there or not when the menu is read: the conditions stand once more in $tmp/asked,
# each of their entries as an x, so that the menu itself counts them. The entries of custom.cfg are read
# where 41_custom says so.
cat "$tmp/menu" /boot/grub/custom.cfg 2>/dev/null >"$tmp/all"
awk -v asked="$tmp/asked" -f - "$tmp/all" >"$tmp/number" <<'AWK'
inside { if (index($0, end) == 1) { inside = 0 }; next }
/^[ \t]*(menuentry|submenu|function) / {
  match($0, /^[ \t]*/)
  end = substr($0, 1, RLENGTH) "}"
  inside = !/}[ \t]*$/
  if ($1 == "function") { next }
  if (depth) { found++; text = text "set b70fleet_more=\"${b70fleet_more}x\"\n" }
  else { always++ }
  next
}
/^[ \t]*if / && !/[ \t;]fi[ \t]*$/ { depth++ }
depth { text = text $0 "\n" }
/^[ \t]*fi[ \t]*$/ && depth {
  if (--depth) { next }
  if (found) { sometimes += found; printf "%s", text >asked }
  found = 0; text = ""
}
END { print always + 0, sometimes + 0 }
AWK
read -r number sometimes <"$tmp/number"
role() { sed -n "s/^$1 //p" "$sets/roles" 2>/dev/null; }
# when $1 is the fallback, its number: one for each count of the entries that come and go
fallback_is() {
  echo "if [ \"\${b70fleet_fallback}\" = \"$1\" ]; then"
  more='' at=$number
  while [ "$at" -le $((number + sometimes)) ]; do
    echo "	if [ \"\${b70fleet_more}\" = \"$more\" ]; then set fallback=\"$at\"; fi"
    more=x$more at=$((at + 1))
  done
  echo 'fi'
}

echo 'set b70fleet_more='
[ ! -e "$tmp/asked" ] || cat "$tmp/asked"
complete=
for folder in "$sets"/b70-*/; do
  [ -d "$folder" ] || continue
  set_id=${folder%/}; set_id=${set_id##*/}
  why='' recorded=' '
  if [ ! -s "$folder/manifest" ]; then why='it has no manifest'
  else
    while read -r key name _ size _ || [ -n "$key" ]; do
      case $key in
        format) [ "$name" = 1 ] || why="its manifest has the format $name" ;;
        file)
          recorded="$recorded$name "
          seen=$(stat -c %s "$folder$name" 2>/dev/null)
          [ "$seen" = "$size" ] || why="$name has ${seen:-no} bytes, $size were staged" ;;
        release) [ -d "/lib/modules/$name" ] || why="/lib/modules/$name is gone" ;;
      esac
    done <"$folder/manifest"
    for name in vmlinuz initrd; do
      case $recorded in *" $name "*) ;; *) why="its manifest records no $name" ;; esac
    done
  fi
  if [ -z "$why" ]; then complete="$complete $set_id"; continue; fi
  echo "b70fleet: $set_id gets no entry: $why" >&2
  # GRUB takes the first entry for one that it does not find
  echo "if [ \"\${boot_once}\" = true -a \"\${default}\" = \"$set_id\" ]; then set default=\"\${saved_entry}\"; fi"
done
for set_id in $complete; do
  folder=$sets/$set_id
  echo "Found boot set: $set_id" >&2
  # Its entry: that form with the set's files and words. Early microcode comes first and stays. At its
  # end the entry says that it is known; as the fallback it is what GRUB takes when the default cannot
  # be loaded.
  awk -v set_id="$set_id" -f - "$folder/manifest" "$tmp/form" <<'AWK'
function words(line, found,    n, i, c, quote, word, any) {
  n = 0; quote = ""; word = ""; any = 0
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (quote == "" && (c == " " || c == "\t")) {
      if (any) { found[++n] = word }
      word = ""; any = 0
      continue
    }
    any = 1; word = word c
    if (c == "\\" && quote != "\047") { i++; word = word substr(line, i, 1) }
    else if (quote == "" && (c == "\"" || c == "\047")) { quote = c }
    else if (c == quote) { quote = "" }
  }
  if (any) { found[++n] = word }
  return n
}
function bare(word) { gsub(/["\047\\]/, "", word); return word }
function key(word) { word = bare(word); sub(/=.*/, "", word); gsub(/-/, "_", word); return word }
function value(word) { word = bare(word); return index(word, "=") ? substr(word, index(word, "=") + 1) : "" }
function left_out(word,    i) {
  for (i = 1; i <= drops; i++) {
    if (key(drop[i]) == key(word) && (!index(drop[i], "=") || value(drop[i]) == value(word))) { return 1 }
  }
  return 0
}
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function quoted(word) { return word ~ /^[A-Za-z0-9_.,:\/@%+=-]*$/ ? word : "\047" word "\047" }
FNR == NR {
  if ($1 == "word") { own = own " " quoted($2) }
  if ($1 == "drop") { drop[++drops] = $2 }
  if ($1 == "release") { release = $2 }
  next
}
FNR == 1 {
  print "menuentry \047Boot set " set_id " (Linux " release ")\047 --class gnu-linux --class gnu --class os" \
    " --unrestricted $menuentry_id_option \047" set_id "\047 {"
  print "\tset b70fleet_word="
  print "\tif [ \"${boot_once}\" = true -a \"${b70fleet_trial_set}\" = \"" set_id "\" ]; then"
  print "\t\tset b70fleet_word=\"b70fleet.trial=${b70fleet_trial}\""
  print "\t\tset b70fleet_trial_set="
  print "\t\tset b70fleet_trial="
  print "\t\tsave_env b70fleet_trial_set b70fleet_trial"
  print "\tfi"
}
$1 ~ /^linux/ && $2 ~ /vmlinu[xz]-/ {
  n = words($0, w)
  place = folder(w[2]) "/b70fleet/" set_id
  close_quote = w[2] ~ /^"/ ? "\"" : w[2] ~ /^\047/ ? "\047" : ""
  line = "\t" w[1] "\t" place "/vmlinuz" close_quote
  for (i = 3; i <= n; i++) { if (!left_out(w[i])) { line = line " " w[i] } }
  print line own " b70fleet.set=" set_id " ${b70fleet_word}"
  loads = w[1]
  next
}
$1 ~ /^initrd/ {
  n = words($0, w)
  line = "\t" w[1] "\t"
  for (i = 2; i < n; i++) { line = line w[i] " " }
  print line place "/initrd" close_quote
  initrd = 1
  next
}
{ print }
END {
  if (!initrd) { sub(/^linux/, "initrd", loads); print "\t" loads "\t" place "/initrd" close_quote }
  print "}"
  print "if [ \"${default}\" = \"" set_id "\" ]; then set b70fleet_known=1; fi"
}
AWK
  fallback_is "$set_id"
  number=$((number + 1))
done
# a default entry that is gone, or an environment that was lost: not the distribution's newest kernel
cat <<EOF
if [ -z "\${default}" -a -z "\${b70fleet_default}" ]; then set default="$(role default)"; fi
if [ -z "\${b70fleet_known}" -a -n "\${b70fleet_default}" -a "\${default}" = "\${b70fleet_default}" ]; then
	set default="\${b70fleet_fallback}"
fi
EOF
