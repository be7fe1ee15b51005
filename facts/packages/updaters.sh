# Updaters that are there, what fences them, their units and settings, and jobs that call apt. The
# arguments are names, each with the globs behind it that prove its presence.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set in front: fences (globs), units, mention (ERE), job_files (globs)
# shellcheck disable=SC2154 # set in front: script_folders, uid
part present
for f do
  case $f in
    /*) if [ -e "$f" ]; then printf '%s %s\n' "$n" "$f"; fi ;;
    *) n=$f ;;
  esac
done
part fences
for f in $fences; do if [ -e "$f" ]; then printf 'fence %s\n' "$f"; fi; done
# unit states come from the files that systemd itself reads: that takes no process
part units
# what systemd starts by itself; a unit that is masked it does not
for w in /etc/systemd/system/*.wants/* /run/systemd/system/*.wants/* \
    /usr/lib/systemd/system/*.wants/*; do
  u=${w##*/}
  if [ ! -L "$w" ]; then continue; fi
  if [ -e /etc/systemd/system/"$u" ] && [ ! -s /etc/systemd/system/"$u" ]; then continue; fi
  case $u in *.timer|*.service|*.path|*.socket) printf 'wants %s\n' "$u" ;; esac
done
for u in $units; do
  s=
  for d in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    if [ -e "$d/$u" ]; then s=disabled; [ -s "$d/$u" ] || s=masked; break; fi
  done
  [ -n "$s" ] || continue
  if [ $s = disabled ]; then
    for w in /etc/systemd/system/*.wants/"$u" /run/systemd/system/*.wants/"$u" \
        /usr/lib/systemd/system/*.wants/"$u"; do
      if [ -L "$w" ]; then s=enabled; fi
    done
  fi
  printf '%s %s\n' "$u" "$s"
done
if command -v apt-config >/dev/null 2>&1; then
  part apt; apt-config dump | grep -iE '^(APT::Periodic|Unattended-Upgrade)::'
else lack apt '?' 'apt-config is not installed'; fi
lines needrestart '^[^#]*(nrconf|conf[.]d|NEEDRESTART_MODE)' \
  /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/*.conf /etc/environment
if [ ! -e /var/lib/snapd/state.json ]; then lack snap_hold -
elif [ ! -r /var/lib/snapd/state.json ]; then lack snap_hold ! 'needs root'
else part snap_hold; grep -oE '"hold":"[^"]*"' /var/lib/snapd/state.json; fi
part jobs
set --
for f in $job_files; do
  case $f in
    # run-parts(8) starts only what may be executed
    /etc/cron.hourly/*|/etc/cron.daily/*|/etc/cron.weekly/*|/etc/cron.monthly/*|/etc/cron.yearly/*)
      if [ ! -x "$f" ]; then continue; fi ;;
  esac
  if [ -f "$f" ] && [ -r "$f" ]; then set -- "$@" "$f"
  elif [ -e "$f" ] && [ ! -r "$f" ]; then printf '!%s\n' "$f"; fi
done
# Lines with the lines that continue them, and those of the scripts that they call: `@CALLER:line:
# SCRIPT` says who does. Of a script the first 2000 lines count, and of all jobs 64 scripts. What stands
# behind "if systemd runs, exit" never runs here: so ends the job of a package that has a timer too.
[ $# = 0 ] || awk -v mention="$mention" -v folders="$script_folders" '
  function said(file, number, text) {
    if (text ~ /^[ \t]*#/) return
    if (file ~ /[.]timer$/ ? text ~ /^Unit=/ : text ~ mention) {
      gsub(/[^ -~]/, " ", text)
      print file ":" number ":" substr(text, 1, 4096)
    }
  }
  function calls(file, number, text,   word, words, i) {
    if (text ~ /^[ \t]*#/) return
    split(text, words, /[^A-Za-z0-9_.\/@+-]+/)
    for (i in words) {
      word = words[i]
      if (word ~ ("^(" folders ").*[^/]$") && !(word in caller) && count < 64) {
        caller[word] = file ":" number; count++
      }
    }
  }
  function line(file, number, text, first) {
    if (held == "") start = number
    held = held text
    if (held ~ /\\$/ && held !~ /^[ \t]*#/) { sub(/\\$/, " ", held); return }
    said(file, start, held)
    if (first) calls(file, start, held)
    held = ""
  }
  function ends(number, text) {
    if (text ~ /-d[ \t]+["]?[^ ]*run\/systemd\/system/) guard = number
    return guard && number - guard <= 2 && text ~ /(^|[ \t;])exit([ \t;]|$)/
  }
  FNR == 1 { held = ""; guard = over = 0 }
  over || ends(FNR, $0) { over = 1; next }
  { line(FILENAME, FNR, $0, 1) }
  END {
    for (script in caller) {
      held = ""; guard = 0
      for (number = 1; number <= 2000 && 0 < (getline text < script); number++) {
        if (number == 1) print "@" caller[script] ":" script
        if (ends(number, text)) break
        line(script, number, text, 0)
      }
      close(script)
    }
  }' "$@" 2>/dev/null
user
if [ "$uid" = 0 ]; then part spool; echo read; else lack spool ! 'needs root'; fi
