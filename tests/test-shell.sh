#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # the shells in the terminal expand it
# Programs that take over the screen, through `longreach shell`, in a terminal that a person could
# sit at: tmux types the keys, and shows what the screen shows.
set -eu

vi=$(command -v vim.tiny || command -v vim || command -v vi) || vi=
if ! command -v tmux > /dev/null || [ -z "$vi" ]; then
  echo "skipped: there is no tmux, or no vi"
  exit 77
fi

PATIENCE=20
ROWS=30
COLUMNS_HERE=100

umask 022
scratch=$(mktemp -d)
socket=longreach-test-$$-$RANDOM
mark=LR_SHELL=$$-$RANDOM$RANDOM
failed=0

terminal () {
  tmux -S "$scratch/$socket" -f /dev/null "$@"
}

# The ids of processes that belong to this test.
marked () {
  local file
  grep -lzxF "$mark" /proc/[0-9]*/environ 2> /dev/null | while IFS=/ read -r _ _ file _; do
    echo "$file"
  done || true
}

clean_up () {
  local pid
  terminal kill-server 2> /dev/null || true
  for pid in $(marked); do
    kill -KILL "$pid" 2> /dev/null || true
  done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

ok () {
  echo "ok $1"
}

not_ok () {
  echo "not ok $1${2:+: $2}"
  failed=1
}

# ---- the screen ----

screen () {
  terminal capture-pane -p -t 0
}

# keys KEY...: as tmux calls them.
keys () {
  terminal send-keys -t 0 "$@"
}

# Type a line, with its end.
type_line () {
  terminal send-keys -t 0 -l "$1"
  keys Enter
}

# wait_for NAME COMMAND...: until the command succeeds.
wait_for () {
  local name=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    if ((SECONDS > deadline)); then
      not_ok "$name" "the screen shows: $(screen)"
      return 1
    fi
    sleep 0.05
  done
}

shows () {
  screen | grep -qF -- "$1"
}

shows_line () {
  screen | grep -qxF -- "$1"
}

# check NAME TEXT: it appears on the screen.
check () {
  if wait_for "$1" shows "$2"; then
    ok "$1"
  fi
}

# check_line NAME LINE: all of a line, so that what was typed is not taken for it.
check_line () {
  if wait_for "$1" shows_line "$2"; then
    ok "$1"
  fi
}

# same NAME EXPECTED GOT
same () {
  if [ "$2" = "$3" ]; then
    ok "$1"
  else
    not_ok "$1" "expected: $2; got: $3"
  fi
}

# What a line "KEY=value" on the screen says.
value_of () {
  screen | sed -n "s/^$1=//p" | tail -n 1
}

# Where nobody else's settings play a part.
start_terminal () {
  printf "PS1='here: '\nHISTFILE=\n" > "$scratch/here"
  terminal new-session -d -x "$COLUMNS_HERE" -y "$ROWS" \
    env "$mark" TERM=screen bash --noprofile --rcfile "$scratch/here"
  terminal set-option -g status off
  terminal resize-window -t 0 -x "$COLUMNS_HERE" -y "$ROWS"
  wait_for "a shell starts here" shows "here:"
}

start_shell () {
  type_line 'clear; longreach shell local:; echo "status=$?"'
  type_line "PS1='far: '; HISTFILE=; clear"
  wait_for "a shell starts there" shows_line "far:"
}

start_terminal
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
check "vi sees a new size" "columns=90"
type_line ":wq"
wait_for "vi ends" shows_line "far:"
same "vi saves a file" "written by hand" "$(cat "$scratch/text")"
type_line 'clear; stty size'
check_line "the shell sees a new size" "20 90"

# ---- a program that draws ----

# In one line with what follows it: when top ends it drops what has been typed and not read.
type_line 'clear; top -d 1; echo "top=$?"'
wait_for "top starts" shows "load average"
ok "top draws"
keys q
check_line "top ends at a key" "top=0"

# ---- keys that are signals ----

start_sleep () {
  type_line 'clear; sh -c "echo be\"\"gun; exec sleep 1000"'
  wait_for "sleep starts" shows_line "begun"
}
start_sleep
keys C-c
type_line 'echo "sleep=$?"'
check_line "Ctrl-C ends a program there" "sleep=130"
start_sleep
keys C-z
type_line 'kill %1; echo "stopped=$?"'
check_line "Ctrl-Z stops a program there" "stopped=0"

# ---- the end ----

type_line 'clear; sleep 1000 & echo "job=$!"'
wait_for "a job starts" shows "job="
job=$(value_of job)
type_line 'exit 7'
check_line "the exit status comes back" "status=7"
ended () {
  ! kill -0 "$1" 2> /dev/null
}
if wait_for "background jobs end with the shell" ended "$job"; then
  ok "background jobs end with the shell"
fi
type_line "stty -g > $scratch/after"
wait_for "settings are there" test -s "$scratch/after"
same "the terminal is as it was" "$(cat "$scratch/before")" "$(cat "$scratch/after")"

# ---- the far side is lost ----

rm "$scratch/after"
start_shell
type_line 'clear; echo "dispatcher=$PPID"'
wait_for "the dispatcher is known" shows_line "far:"
wait_for "the dispatcher is known" shows "dispatcher="
dispatcher=$(value_of dispatcher)
type_line "$vi -u NONE -i NONE -N $scratch/text"
wait_for "vi starts" shows "~"
kill -KILL "$dispatcher"
check_line "a lost dispatcher shows in the status" "status=255"
check "and in a message" "longreach: localhost: the dispatcher is gone: it was ended by signal 9"
type_line "stty -g > $scratch/after"
wait_for "settings are there" test -s "$scratch/after"
same "the terminal is as it was after that too" "$(cat "$scratch/before")" "$(cat "$scratch/after")"

exit "$failed"
