# What the checks of `file_check.py` share. The candidate is $B70_FILE, its place will be $B70_DEST.
# shellcheck shell=sh
PATH=$PATH:/usr/sbin:/sbin

# Accepts the candidate where the program that would parse it is not installed: PROGRAM.
needs() { command -v "$1" >/dev/null || exit 0; }

# Makes a folder that goes away by itself, with the candidate in it: $d, NAME that programs know it by.
under() {
  d=$(mktemp -d) || exit 1
  trap 'rm -rf "$d"' EXIT
  mkdir -p "$d/${1%/*}" && cp "$B70_FILE" "$d/$1" || exit 1
}

# apt with no configuration, lists or packages but what is named behind it: PROGRAM WORD...
apt_alone() {
  program=$1
  shift
  "$program" -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::lists="$d" -o Dir::State::status=/dev/null \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}

# A unit file by the name that it will have.
check_unit() {
  under "units/${B70_DEST##*/}"
  systemd-analyze verify --man=no --recursive-errors=no "$d/units/${B70_DEST##*/}"
}

# A drop-in of a service, with a service that only it says anything about.
check_drop_in() {
  under b70fleet-check.service.d/candidate.conf
  printf '[Service]\nExecStart=/bin/true\n' >"$d/b70fleet-check.service" || exit 1
  SYSTEMD_UNIT_PATH="$d:" systemd-analyze verify --man=no --recursive-errors=no \
    b70fleet-check.service
}

# Entries of apt's sources: ENDING. One that cannot be read stops every apt command.
check_sources() {
  under "sources/candidate$1"
  apt_alone apt-get indextargets -o Dir::Etc::SourceList="$d/sources/candidate$1" >/dev/null
}

# Pins. A pin of an unknown kind is only a warning of apt's, and then pins nothing.
check_preferences() {
  under candidate/preferences
  said=$(apt_alone apt-cache policy -o Dir::Etc::Preferences="$d/candidate/preferences" 2>&1) ||
    { printf '%s\n' "$said" >&2; exit 1; }
  case $said in *'Did not understand'*) printf '%s\n' "$said" >&2; exit 1 ;; esac
}

# sshd refuses to look at anything without the folder that its unit makes.
check_sshd() {
  [ -d /run/sshd ] || mkdir -m 0755 /run/sshd || exit 1
  "$(command -v sshd)" -t -f "$B70_FILE"
}
