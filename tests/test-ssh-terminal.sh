#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # the shells in the terminal expand it
# ssh at a terminal that a person could sit at: what it asks, and keys that are signals.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
# shellcheck source=tests/screen.sh
. "$srcdir/tests/screen.sh"
need tmux
begin_users
begin_sshd
add_user ann /bin/bash
start_sshd web
start_sshd guarded 'AuthenticationMethods password'

PATIENCE=20

# shows_times TEXT COUNT: so many lines with it, and no more.
shows_times () {
  [ "$(screen | grep -cF -- "$1")" = "$2" ]
}

# start COMMAND: what is typed at the shell here, on a screen that shows nothing else.
count=0
start () {
  count=$((count + 1))
  type_line "clear; echo \"start $count\"; $1"
  wait_for "$1" shows_line "start $count" || true
}

# Only for what does not end by SIGINT, with which all of the line would.
finish='; echo "status=$?"'
longreach_run="longreach run -o config=$scratch/ssh_config"

no_clients () {
  ! pgrep -x ssh && ! pgrep -x longreach-askpa
}

PATH=$(dirname "$longreach"):$PATH
start_terminal 150 40
type_line "stty -a > $scratch/before; clear"
wait_until "$PATIENCE" test -s "$scratch/before"

# as_before NAME: the terminal's settings.
as_before () {
  rm -f "$scratch/after"
  type_line "stty -a > $scratch/after.new; mv $scratch/after.new $scratch/after"
  wait_until "$PATIENCE" test -e "$scratch/after"
  if cmp -s "$scratch/before" "$scratch/after"; then
    ok "$1: the terminal is as it was"
  else
    not_ok "$1: the terminal is as it was" "$(diff "$scratch/before" "$scratch/after")"
  fi
}

# ---- passwords ----

start "$longreach_run ssh:ann@guarded -- id -un$finish"
comes "a password is asked for, and whose" shows_line \
  "longreach: guarded: ann@guarded's password:"
type_line "$PASSWORD"
comes "the right password lets in" shows_line "ann"
comes "that is no failure" shows_line "status=0"
if shows "$PASSWORD"; then
  not_ok "a password is not shown" "$(screen)"
else
  ok "a password is not shown"
fi
as_before "after a password"

start "echo input | $longreach_run ssh:ann@guarded -- sed s/in/out/ 2>&1 | tr a-z A-Z"
comes "a password is asked for where neither input nor output is the terminal" shows "password:"
type_line "$PASSWORD"
comes "what comes through pipes goes through pipes" shows_line OUTPUT

start "$longreach_run ssh:ann@guarded true$finish"
for number in 1 2 3; do
  comes "question $number of three" shows_times "'s password:" "$number"
  type_line "wrong $number"
done
comes "three wrong passwords are too many" shows_line "status=255"
comes "three wrong passwords have a sentence" shows "guarded: the server did not let us in; ssh says: ann@127.0.0.1: Permission denied (password)."

start "$longreach_run ssh:ann@guarded true$finish"
comes "a password is asked for" shows "password:"
keys C-d
comes "Ctrl-D refuses" shows_line "status=255"
comes "what was refused is not asked again" shows_times "'s password:" 1
as_before "after Ctrl-D"

start "$longreach_run ssh:ann@guarded true"
comes "a password is asked for" shows "password:"
terminal send-keys -t 0 -l "half a pass"
keys C-c
comes "Ctrl-C gives up" shows_line "here:"
type_line 'echo "status=$?"'
comes "Ctrl-C is the end of the command" shows_line "status=130"
comes "Ctrl-C ends ssh too" no_clients
as_before "after Ctrl-C"

start "$longreach_run ssh:ann@guarded -- id -un"
comes "a password is asked for" shows "password:"
terminal send-keys -t 0 -l "half a pass"
keys C-z
comes "Ctrl-Z stops the command" shows "Stopped"
as_before "while it is stopped"
start fg
comes "the question comes again" shows "password:"
type_line "$PASSWORD"
comes "the answer after that is whole" shows_line ann
as_before "after that"

start "$longreach_run ssh:ann@guarded true$finish"
comes "a password is asked for" shows "password:"
pkill -TERM -x longreach
comes "a signal ends who waits for an answer" shows_line "status=143"
comes "a signal ends ssh too" no_clients
as_before "after a signal"

# ---- host keys and passphrases ----

mv "$scratch/ssh/known_hosts" "$scratch/ssh/known_hosts.kept"
start "$longreach_run ssh:ann@web true$finish"
comes "a host's key is asked for" shows "(yes/no/[fingerprint])?"
comes "a host's key is shown by its fingerprint" shows \
  "$(ssh-keygen -l -f "$scratch/ssh/host_key.pub" | cut -d' ' -f2)"
type_line "no"
comes "a host's key that nobody confirms ends it" shows_line "status=255"
comes "a host's key that nobody confirms has a sentence" shows \
  "web: the host's key is not known yet, and nobody has confirmed it; ssh says: Host key verification failed."
start "$longreach_run ssh:ann@web -- id -un"
comes "a host's key is asked for again" shows "(yes/no/[fingerprint])?"
type_line "yes"
comes "a host's key that is confirmed lets in" shows_line "ann"
comes "what is typed then can be seen" shows "(yes/no/[fingerprint])? yes"
if grep -q '^web ' "$scratch/ssh/known_hosts"; then
  ok "a host's key that is confirmed is known"
else
  not_ok "a host's key that is confirmed is known" "$(cat "$scratch/ssh/known_hosts")"
fi
mv "$scratch/ssh/known_hosts.kept" "$scratch/ssh/known_hosts"

# Behind another hop the same is asked, and the terminal there shows nothing of it.
known=$scratch/home/ann/known
later="longreach run 'ssh:ann@web?config=$scratch/ssh_config,"
later+="ssh:ann@guarded?config=$scratch/ssh_config&option=UserKnownHostsFile=$known'"
start "$later -- true$finish"
comes "a host's key is asked for at the second hop" shows "(yes/no/[fingerprint])?"
comes "and whose" shows "longreach: guarded (hop 2): The authenticity of host 'guarded"
comes "and shown by its fingerprint" shows \
  "$(ssh-keygen -l -f "$scratch/ssh/host_key.pub" | cut -d' ' -f2)"
type_line "no"
comes "a host's key that nobody confirms there ends it" shows_line "status=255"
comes "a host's key that nobody confirms there has a sentence" shows \
  "guarded: the host's key is not known yet, and nobody has confirmed it; ssh says: Host key verification failed."
start "$later -- id -un$finish"
comes "a host's key is asked for there again" shows "(yes/no/[fingerprint])?"
type_line "maybe"
comes "what is no answer is asked for in other words" shows "Please type 'yes', 'no' or the fingerprint:"
type_line "yes"
comes "what is typed then can be seen" shows "fingerprint: yes"
comes "then the password is asked for" shows "guarded (hop 2): ann@guarded's password:"
type_line "$PASSWORD"
comes "both let in" shows_line "ann"
comes "that is no failure either" shows_line "status=0"
if shows "$PASSWORD" || shows_times "(yes/no" 2; then
  not_ok "what was typed comes back from nowhere" "$(screen)"
else
  ok "what was typed comes back from nowhere"
fi
if grep -q '^guarded ' "$known"; then
  ok "the host's key is known there"
else
  not_ok "the host's key is known there" "$(cat "$known")"
fi
start "$later -- id -un$finish"
comes "the password is asked for, and nothing else" shows "password:"
keys C-d
comes "Ctrl-D refuses it there too" shows "guarded: nobody has answered what was asked on the way there"
as_before "after Ctrl-D at a later hop"
start "$later -- id -un"
comes "a password is asked for there" shows "password:"
keys C-c
comes "Ctrl-C gives that up" shows_line "here:"
comes "Ctrl-C ends both" no_clients
as_before "after Ctrl-C at a later hop"

cp "$scratch/ssh/key" "$scratch/ssh/locked_key"
ssh-keygen -q -p -P '' -N 'open it' -f "$scratch/ssh/locked_key" > /dev/null
sed "s,$scratch/ssh/key,$scratch/ssh/locked_key," "$scratch/ssh_config" > "$scratch/locked_config"
start "longreach run -o config=$scratch/locked_config ssh:ann@web -- id -un"
comes "a passphrase is asked for" shows "Enter passphrase for key '$scratch/ssh/locked_key':"
type_line "open it"
comes "a passphrase opens the key" shows_line ann

# ---- keys that are signals ----

start "$longreach_run ssh:ann@web -- sh -c 'trap \"echo interrupted; exit 5\" INT; echo begun; while :; do sleep 0.1; done'$finish"
comes "a command begins" shows_line "begun"
keys C-c
comes "Ctrl-C reaches the remote command, and its answer comes back" shows "interrupted"
comes "Ctrl-C leaves the end to the remote command" shows_line "status=5"

start "$longreach_run ssh:ann@web -- sh -c 'trap \"\" INT; echo begun; sleep 2; echo still th\"\"ere'$finish"
comes "a command begins that ignores Ctrl-C" shows_line "begun"
keys C-c
comes "Ctrl-C does not end the connection" shows "still there"
comes "Ctrl-C that was ignored is no failure" shows_line "status=0"

start "longreach shell -o config=$scratch/ssh_config ssh:ann@web$finish"
type_line 'PS1="far: "; clear'
comes "a shell starts at the far side" shows_line "far:"
type_line "sh -c 'echo be\"\"gun; exec sleep 1000'"
comes "a program begins" shows_line "begun"
keys C-c
type_line 'echo "sleep=$?"'
comes "Ctrl-C ends it, and not the shell" shows_line "sleep=130"
type_line 'exit 6'
comes "the shell's status comes back" shows_line "status=6"
as_before "at the end"

terminal kill-server
expect_nothing_left "after all this"
exit "$failed"
