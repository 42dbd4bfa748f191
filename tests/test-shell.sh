#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # the shells in the terminal expand it
# Programs that take over the screen, through `longreach shell`, in a terminal that a person could
# sit at.
set -eu

vi=$(command -v vim.tiny || command -v vim || command -v vi) || vi=
if ! command -v tmux > /dev/null || [ -z "$vi" ]; then
  echo "skipped: there is no tmux, or no vi"
  exit 77
fi

PATIENCE=20

umask 022
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
scratch=$(mktemp -d)
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"
# shellcheck source=tests/marked.sh
. "$srcdir/tests/marked.sh"
# shellcheck source=tests/screen.sh
. "$srcdir/tests/screen.sh"

clean_up () {
  terminal kill-server 2> /dev/null || true
  kill_marked
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# What a line "KEY=value" on the screen says.
value_of () {
  screen | sed -n "s/^$1=//p" | tail -n 1
}

has_value () {
  [ -n "$(value_of "$1")" ]
}

start_shell () {
  type_line 'clear; longreach shell local:; echo "status=$?"'
  type_line "PS1='far: '; HISTFILE=; clear"
  wait_for "a shell starts there" shows_line "far:"
}

start_terminal 100 30 "$mark"
type_line 'stty -g > '"$scratch/before"
wait_for "settings are kept" test -s "$scratch/before"
start_shell
ok "a shell starts"

# ---- an editor ----

type_line "$vi -u NONE -i NONE -N $scratch/text"
wait_for "vi starts" shows "~"
keys i
terminal send-keys -t 0 -l "written by hand"
keys Escape
terminal resize-window -t 0 -x 90 -y 20
type_line ":set columns?"
comes "vi sees a new size" shows "columns=90"
type_line ":wq"
wait_for "vi ends" shows_line "far:"
same "vi saves a file" "written by hand" "$(cat "$scratch/text")"
type_line 'clear; stty size'
comes "the shell sees a new size" shows_line "20 90"

# ---- a program that draws ----

# In one line with what follows it: when top ends it drops what has been typed and not read.
type_line 'clear; top -d 1; echo "top=$?"'
wait_for "top starts" shows "load average"
ok "top draws"
keys q
comes "top ends at a key" shows_line "top=0"

# ---- keys that are signals ----

start_sleep () {
  type_line 'clear; sh -c "echo be\"\"gun; exec sleep 1000"'
  wait_for "sleep starts" shows_line "begun"
}
start_sleep
keys C-c
type_line 'echo "sleep=$?"'
comes "Ctrl-C ends a program there" shows_line "sleep=130"
start_sleep
keys C-z
type_line 'kill %1; echo "stopped=$?"'
comes "Ctrl-Z stops a program there" shows_line "stopped=0"

# ---- the end ----

type_line 'clear; sleep 1000 & echo "job=$!"'
wait_for "a job starts" has_value job
job=$(value_of job)
type_line 'exit 7'
comes "the exit status comes back" shows_line "status=7"
ended () {
  ! kill -0 "$1" 2> /dev/null
}
comes "background jobs end with the shell" ended "$job"
type_line "stty -g > $scratch/after"
wait_for "settings are there" test -s "$scratch/after"
same "the terminal is as it was" "$(cat "$scratch/before")" "$(cat "$scratch/after")"

# ---- the far side is lost ----

rm "$scratch/after"
start_shell
type_line 'clear; echo "dispatcher=$PPID"'
wait_for "the dispatcher is known" has_value dispatcher
dispatcher=$(value_of dispatcher)
type_line "$vi -u NONE -i NONE -N $scratch/text"
wait_for "vi starts" shows "~"
kill -KILL "$dispatcher"
comes "a lost dispatcher shows in the status" shows_line "status=255"
comes "and in a message" shows "longreach: localhost: the dispatcher is gone: it was ended by signal 9"
type_line "stty -g > $scratch/after"
wait_for "settings are there" test -s "$scratch/after"
same "the terminal is as it was after that too" "$(cat "$scratch/before")" "$(cat "$scratch/after")"

exit "$failed"
