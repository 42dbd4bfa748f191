#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# However a client or a dispatcher ends, nothing of it stays: no dispatcher, no command, no temporary
# file, and no file that is half old and half new.
#
# What belongs to this test has a mark in its environment: only marked processes are looked at, and
# only they are killed.
set -eu

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
ROUNDS=${LR_LEFTOVER_ROUNDS:-60}
# A dispatcher kills what is left of its commands after five seconds.
PATIENCE=15

umask 022
scratch=$(mktemp -d)
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"
# shellcheck source=tests/marked.sh
. "$srcdir/tests/marked.sh"

describe_marked () {
  local pid
  for pid in $(marked); do
    tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline" || true
    echo "($pid)"
  done
}

clean_up () {
  kill_marked
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

nothing_is_left () {
  [ -z "$(marked)" ]
}

only_is_left () {
  [ "$(marked)" = "$1" ]
}

# Start a marked client; its id goes to $client.  What a shell starts in the background would ignore
# SIGINT.
start () {
  env --default-signal=INT "$mark" TMPDIR="$scratch/tmp" "$longreach" "$@" > "$scratch/output" 2> "$scratch/error" < /dev/null &
  client=$!
}

# end SIGNAL: end the client; its status goes to $status.
end () {
  kill "-$1" "$client" 2> /dev/null || true
  collect
}

collect () {
  status=0
  wait "$client" 2> /dev/null || status=$?
}

# What is left is removed, so that it is not found again.
check_nothing_is_left () {
  local files
  if ! wait_until "$PATIENCE" nothing_is_left; then
    not_ok "$1: no process is left" "$(describe_marked)"
    kill_marked
    return
  fi
  files=$(find "$scratch" -name '.?*' -print -delete)$(find "$scratch/tmp" -mindepth 1 -print -delete)
  if [ -n "$files" ]; then
    not_ok "$1: no temporary file is left" "$files"
    return
  fi
  ok "$1"
}

check_whole () {
  if cmp -s "$2" "$scratch/old" || cmp -s "$2" "$scratch/new"; then
    ok "$1"
  else
    not_ok "$1" "it is neither the old nor the new one"
  fi
}

mkdir "$scratch/tmp" "$scratch/remote" "$scratch/local"
head -c 30000000 /dev/zero | tr '\0' o > "$scratch/old"
head -c 30000000 /dev/zero | tr '\0' n > "$scratch/new"
cp "$scratch/old" "$scratch/remote/file"
cp "$scratch/old" "$scratch/local/file"

# ---- clients that are killed at any moment ----

moment () {
  printf '0.%03d' $((RANDOM % 150))
}

for ((round = 0; round < ROUNDS; round++)); do
  case $((round % 6)) in
    0) start run local: sleep 60 ;;
    1) start run local: sh -c 'sleep 60 & sleep 60 & wait' ;;
    2) start run local: sh -c 'trap "" HUP TERM; sleep 60; sleep 60' ;;
    3) start run local: sh -c 'head -c 100000000 /dev/zero' ;;
    4) start put local: "$scratch/new" "$scratch/remote/file" ;;
    5) start get local: "$scratch/new" "$scratch/local/file" ;;
  esac
  sleep "$(moment)"
  end KILL
done
check_nothing_is_left "clients killed at $ROUNDS random moments"
check_whole "a put that was killed leaves a whole file" "$scratch/remote/file"
check_whole "a get that was killed leaves a whole file" "$scratch/local/file"

# ---- a command that runs while its client, or its dispatcher, is ended ----

# Start a client with a command that has children in its group, and wait for them.
start_family () {
  rm -f "$scratch/ready"
  start run local: sh -c "sleep 60 & sleep 60 & echo \$! > '$scratch/ready.new'
    mv '$scratch/ready.new' '$scratch/ready'; wait"
  if ! wait_until "$PATIENCE" test -e "$scratch/ready"; then
    not_ok "a command with children starts" "$(cat "$scratch/error")"
    exit 1
  fi
}

for signal in KILL TERM INT HUP PIPE; do
  start_family
  end "$signal"
  check_nothing_is_left "a client ended by SIG$signal, and its command's children"
done

# Who ignores SIGHUP and has let go of the output outlives its leader, but not the end; and so does who
# made a process group of its own.
rm -f "$scratch/ready"
start run local: sh -c "(trap '' HUP; touch '$scratch/ready'; exec sleep 60 > /dev/null 2>&1 < /dev/null) &
  sleep 60"
wait_until "$PATIENCE" test -e "$scratch/ready"
end KILL
check_nothing_is_left "a child that ignores SIGHUP, and its client"
rm -f "$scratch/ready"
start run local: sh -c "timeout 60 sh -c 'touch \"$scratch/ready\"; sleep 60'; true"
wait_until "$PATIENCE" test -e "$scratch/ready"
end KILL
check_nothing_is_left "a child in a process group of its own, and its client"

dispatcher () {
  local pid
  for pid in $(marked); do
    # Its guard has another name.
    if [[ "$(cat "/proc/$pid/comm")" == longreach-dispa* ]]; then
      echo "$pid"
    fi
  done
}

for signal in TERM HUP INT; do
  start_family
  kill "-$signal" "$(dispatcher)"
  collect
  if [ "$status" -eq 129 ]; then
    ok "the client of a dispatcher ended by SIG$signal tells how its command ended"
  else
    not_ok "the client of a dispatcher ended by SIG$signal tells how its command ended" "it exits $status"
  fi
  check_nothing_is_left "a dispatcher ended by SIG$signal, and its command's children"
done

# One that can't end anything itself any more has a guard.
for signal in KILL SEGV; do
  start_family
  kill "-$signal" "$(dispatcher)"
  collect
  if [ "$status" -eq 255 ]; then
    ok "the client of a dispatcher ended by SIG$signal says so"
  else
    not_ok "the client of a dispatcher ended by SIG$signal says so" "it exits $status"
  fi
  check_nothing_is_left "a dispatcher ended by SIG$signal, and its command's children"
done

# ---- a daemon is meant to stay ----

start run local: sh -c "setsid sleep 300 > /dev/null 2>&1 & echo \$! > '$scratch/daemon.new'
  mv '$scratch/daemon.new' '$scratch/daemon'; exec sleep 60"
wait_until "$PATIENCE" test -s "$scratch/daemon"
daemon=$(cat "$scratch/daemon")
# It is a daemon once it has its own session.
wait_until "$PATIENCE" grep -qzx sleep "/proc/$daemon/cmdline"
end KILL
if wait_until "$PATIENCE" only_is_left "$daemon"; then
  ok "a daemon outlives its client, and nothing else does"
else
  not_ok "a daemon outlives its client, and nothing else does" "$(describe_marked)"
fi
kill -KILL "$daemon" 2> /dev/null || true
check_nothing_is_left "nothing stays when the daemon is gone"

# ---- descriptors ----

# shellcheck disable=SC2016 # the command's own shell expands it
start run local: sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do
  [ ! -e "/proc/$$/fd/$fd" ] || printf %s $fd; done'
collect
if [ "$(cat "$scratch/output")" = 012 ]; then
  ok "a command gets three descriptors"
else
  not_ok "a command gets three descriptors" "$(cat "$scratch/output" "$scratch/error")"
fi

# The requests of docs/protocol.md that open something; some can't be carried out.
requests () {
  local -a commands=(
    '\0\0\0\10 1 4true \0\1\0\0\0\0'        # ProcessRun
    '\0\0\0\10 1 6nosuch \0\1\0\0\0\0'      # ProcessRun of no program
    '\0\0\0\12 9/dev/null \0\0'             # Stat
    '\0\0\0\12 7/nosuch \1\1'               # Stat of no file
    '\0\0\0\20 9/dev/null'                  # Download
    '\0\0\0\20 7/nosuch'                    # Download of no file
    '\0\0\0\20 4/tmp'                       # Download of a directory
    '\0\0\0\16 9/dev/null 3abc \0\0\0'      # Upload
    '\0\0\0\16 9/nosuch/x 3abc \0\0\0'      # Upload into no directory
    '\0\0\0\26 4PATH'                       # Getenv
  )
  local command word
  for command in "${commands[@]}"; do
    for word in $command; do
      if [[ $word =~ ^([0-9]+)(.*)$ ]]; then
        printf '\0\0\0\0\0\0\0'
        # shellcheck disable=SC2059 # an octal escape is made here
        printf "\\$(printf %o "${BASH_REMATCH[1]}")"
        printf %s "${BASH_REMATCH[2]}"
      else
        printf %b "$word"
      fi
    done
  done
}

answered () {
  [ "$(stat -c %s "$scratch/answers")" -eq "$1" ]
}

descriptors () {
  find "/proc/$server/fd" -mindepth 1 | wc -l
}

requests > "$scratch/requests"
dispatcher_program=$LONGREACH_DISPATCHER_DIR/longreach-dispatcher
env "$mark" TMPDIR="$scratch/tmp" "$dispatcher_program" < "$scratch/requests" > "$scratch/answers"
size=$(stat -c %s "$scratch/answers")
mkfifo "$scratch/fifo"
: > "$scratch/answers"
env "$mark" TMPDIR="$scratch/tmp" "$dispatcher_program" < "$scratch/fifo" > "$scratch/answers" &
server=$!
exec 3> "$scratch/fifo"
cat "$scratch/requests" >&3
if ! wait_until "$PATIENCE" answered "$size"; then
  not_ok "a dispatcher answers" "$(stat -c %s "$scratch/answers") bytes, not $size"
fi
before=$(descriptors)
for ((round = 0; round < 30; round++)); do
  cat "$scratch/requests" >&3
done
if ! wait_until "$PATIENCE" answered $((31 * size)); then
  not_ok "a dispatcher answers each time alike" "$(stat -c %s "$scratch/answers") bytes, not $((31 * size))"
fi
after=$(descriptors)
if [ "$before" -gt 2 ] && [ "$before" -eq "$after" ]; then
  ok "a dispatcher opens no more descriptors than it closes"
else
  not_ok "a dispatcher opens no more descriptors than it closes" "$before, then $after"
fi
exec 3>&-
wait "$server" || not_ok "a dispatcher exits 0 at the end of its input"
check_nothing_is_left "a dispatcher that was asked much"

exit "$failed"
