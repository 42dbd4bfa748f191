# shellcheck shell=bash
# Sourced by the tests whose client is a program in Python: they are run as this user, and if that
# is root also as an ordinary one.  Side by side, since they mostly wait.

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
ordinary=65534

# Copies in a place that any user can reach.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
cp "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$srcdir"/tests/*.py "$scratch"
chmod 755 "$scratch"/*

names=()
pids=()

# start NAME COMMAND...
start () {
  names+=("$1")
  mkdir -m 1777 "$scratch/$1"
  TMPDIR=$scratch/$1 PYTHONDONTWRITEBYTECODE=1 "${@:2}" \
    < /dev/null > "$scratch/$1.log" 2>&1 &
  pids+=($!)
}

# The interpreter itself, not a script that chooses one and changes the environment, nor one that the
# user of COMMAND can't run.
find_python () {
  local candidate
  while read -r candidate; do
    if "$@" "$candidate" -c 'import sys; print(sys.executable)' < /dev/null 2> /dev/null; then
      return
    fi
  done < <(type -ap python3)
  echo python3
}

# for_each_user FUNCTION: FUNCTION NAME [COMMAND...], with COMMAND before what it starts.
for_each_user () {
  "$1" own
  if [ "$(id -u)" -eq 0 ]; then
    "$1" ordinary env HOME=/ setpriv --reuid "$ordinary" --regid "$ordinary" --clear-groups
  fi
}

# Wait for what was started, and say how it went.
report () {
  local failed=0 index status log
  for index in "${!pids[@]}"; do
    status=0
    wait "${pids[index]}" || status=$?
    log=$scratch/${names[index]}.log
    grep -v '^ok ' "$log" | sed "s/^/${names[index]}: /"
    if [ "$status" -eq 0 ] && grep -q '^[1-9][0-9]* passed, 0 failed$' "$log"; then
      echo "ok ${names[index]}"
    else
      echo "not ok ${names[index]}: it exits $status"
      failed=1
    fi
  done
  return "$failed"
}
