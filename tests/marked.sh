# shellcheck shell=bash
# What belongs to a test has $mark in its environment, also when nobody knows any more who started it:
# only that is looked at, and only that is killed.  Sourced.

mark=LR_TEST=$$-$RANDOM$RANDOM$RANDOM

# The ids of the marked processes, zombies excepted: those have no environment any more.
marked () {
  local file
  grep -lzxF "$mark" /proc/[0-9]*/environ 2> /dev/null | while IFS=/ read -r _ _ file _; do
    echo "$file"
  done || true
}

kill_marked () {
  local pid
  for pid in $(marked); do
    kill -KILL "$pid" 2> /dev/null || true
  done
}
