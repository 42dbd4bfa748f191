#!/bin/bash
# Holds this machine's dispatchers to the conformance suite, in both protocols: as this user, and if
# that is root also as an ordinary one, in a user namespace that has no other, under a kernel that lacks
# calls, and in an empty system without any program.
# shellcheck disable=SC2154 # the environment has builddir
set -eu
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"
# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"

ordinary=65534
umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
names=()
pids=()

# Copies in a place that any user can reach.
portable=$LONGREACH_DISPATCHER_DIR/portable/linux-$(uname -m)/longreach-dispatcher
arm=$LONGREACH_DISPATCHER_DIR/portable/linux-aarch64/longreach-dispatcher
cp "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$scratch/installed"
cp "$portable" "$scratch/portable"

# start NAME DISPATCHER [OPTION]...
start () {
  names+=("$1")
  mkdir -m 1777 "$scratch/$1"
  TMPDIR=$scratch/$1 conforms "$1" local: -o "dispatcher=$2" "${@:3}" > "$scratch/$1.log" 2>&1 &
  pids+=($!)
}

# start_all NAME [COMMAND...]: with COMMAND before the dispatcher.
start_all () {
  local name=$1
  shift
  start "$name" "$* $scratch/installed"
  start "$name-plain" "$* $scratch/installed" -o protocol=plain
  start "$name-portable" "$* $scratch/portable"
  start "$name-portable-plain" "$* $scratch/portable" -o protocol=plain
  if [ -e "$arm" ] && command -v qemu-aarch64-static > /dev/null; then
    start "$name-aarch64" "$* qemu-aarch64-static $scratch/aarch64"
  fi
}

[ ! -e "$arm" ] || cp "$arm" "$scratch/aarch64"
if [ "$(id -u)" -ne 0 ]; then
  start_all own
else
  # With a group more, which commands of other users must not have.
  start_all root setpriv --groups 7
  start user-namespace "unshare --user --map-root-user $scratch/installed"
  for lack in calls-since-3.14 fallocate; do
    start "without-$lack" "$builddir/tests/without $lack $scratch/installed"
    start "portable-without-$lack" "$builddir/tests/without $lack $scratch/portable"
  done
  start_all ordinary setpriv --reuid "$ordinary" --regid "$ordinary" --clear-groups env HOME=/
  mkdir -p "$scratch/empty/dev" "$scratch/empty/tmp"
  cp -a /dev/null "$scratch/empty/dev"
  cp "$portable" "$scratch/empty/dispatcher"
  start empty-system "chroot $scratch/empty /dispatcher"
  start empty-system-plain "chroot $scratch/empty /dispatcher" -o protocol=plain
fi

# in_vain DIRECTORY SENTENCE: where nothing can be made that was named is no reason to check less.
in_vain () {
  local said status=0
  said=$("$longreach" conformance --directory="$1" local: 2>&1 > "$scratch/in-vain") || status=$?
  if [ "$status" = 2 ] && [ "${said##*$'\n'}" = "longreach: $2" ] && [ ! -s "$scratch/in-vain" ]; then
    ok "a directory that can't be used is said: \"$1\""
  else
    not_ok "a directory that can't be used is said: \"$1\"" "$status: $said"
  fi
}
in_vain /no/where 'localhost: nothing can be made in "/no/where"'
in_vain '' 'conformance: --directory names no directory'

# ends_with SIGNAL STATUS: what the signal ends, in the midst of the checks, leaves nothing either.
ends_with () {
  local status=0 pid directory=$scratch/ended
  mkdir -m 1777 "$directory"
  "$longreach" conformance --directory="$directory" local: > /dev/null 2>&1 &
  pid=$!
  until [ -n "$(find "$directory" -name 'stat.*' -print -quit)" ]; do
    kill -0 "$pid"
    sleep 0.02
  done
  kill -"$1" "$pid"
  wait "$pid" 2> /dev/null || status=$?
  for ((round = 0; round < 500; round++)); do
    [ -n "$(ls -A "$directory")" ] || break
    sleep 0.02
  done
  if [ "$status" = "$2" ] && rmdir "$directory"; then
    ok "nothing is left after SIG$1"
  else
    not_ok "nothing is left after SIG$1" "it exits with $status"
  fi
}
ends_with TERM 143
ends_with KILL 137

for index in "${!pids[@]}"; do
  wait "${pids[index]}" || failed=1
  cat "$scratch/${names[index]}.log"
  left=$(find "$scratch/${names[index]}" -mindepth 1)
  if [ -n "$left" ]; then
    echo "not ok ${names[index]}: nothing is left: $left"
    failed=1
  fi
done
exit "$failed"
