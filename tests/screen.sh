# shellcheck shell=bash
# shellcheck disable=SC2154 # who sources it sets $scratch, and $PATIENCE in seconds
# A terminal that a person could sit at: tmux types the keys, and shows what the screen shows.
# Sourced, behind report.sh.

terminal () {
  tmux -S "$scratch/tmux" -f /dev/null "$@"
}

# start_terminal COLUMNS ROWS [NAME=VALUE]...: with a shell in it, where nobody else's settings play a
# part.
start_terminal () {
  printf "PS1='here: '\nHISTFILE=\n" > "$scratch/here"
  terminal new-session -d -x "$1" -y "$2" env "${@:3}" bash --noprofile --rcfile "$scratch/here"
  terminal set-option -g status off
  terminal resize-window -t 0 -x "$1" -y "$2"
  comes "a shell starts here" shows "here:"
}

# Its lines, each as a whole.
screen () {
  terminal capture-pane -p -J -t 0 | sed 's/ *$//'
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

shows () {
  screen | grep -qF -- "$1"
}

# shows_line LINE: all of a line, so that what was typed is not taken for it.
shows_line () {
  screen | grep -qxF -- "$1"
}

# wait_for NAME COMMAND...: until the command succeeds.
wait_for () {
  if ! wait_until "$PATIENCE" "${@:2}"; then
    not_ok "$1" "the screen shows: $(screen)"
    return 1
  fi
}

# comes NAME COMMAND...: the command succeeds at last.
comes () {
  if wait_for "$@"; then
    ok "$1"
  fi
}
