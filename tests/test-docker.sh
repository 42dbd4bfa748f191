#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# docker, against a daemon of the test's own.
set -eu

engine=docker
# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
need docker dockerd runc busybox unshare
isolate "$@"
scratch=$(mktemp -d)
chmod 755 "$scratch"
# shellcheck source=tests/containers.sh
. "$(dirname "$0")/containers.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"

clean_up () {
  stop_dockerd
  end_isolation
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

umask 022
start_dockerd
make_root "$scratch/shell"
make_bare_root "$scratch/bare"
start_container docker shell "$scratch/shell"
start_container docker bare "$scratch/bare"
start_container docker memory "$scratch/bare" --tmpfs /tmp
start_container docker fixed "$scratch/bare" --read-only
cp -a "$scratch/shell" "$scratch/kept"
chmod 755 "$scratch/kept/tmp" "$scratch/kept/var/tmp"
start_container docker kept "$scratch/kept"
start_container docker sealed "$scratch/kept" --read-only
start_container docker paused "$scratch/shell"
docker pause paused > /dev/null
COMMAND=/bin/true start_container docker stopped "$scratch/shell"
COMMAND=/bin/true start_container docker restarting "$scratch/shell" --restart always

leaves_no_file "with a shell no file is left" shell run_in_a_container
nothing_is_left "with a shell nothing runs in the end" shell
leaves_no_file "without a shell no file is left" bare run_without_a_shell
nothing_is_left "without a shell nothing runs in the end" bare
refuses "what is put beneath a file system of memory is missed" \
  "memory: it has no shell, and the dispatcher that was put into its /tmp could not be run; *" \
  "memory?directory=/tmp"
leaves_no_file "what is put where the user may not write is removed" kept \
  runs "a user who may write nowhere runs commands" "uid=1234(anna)*" anna@kept id
refuses "so does nobody where nothing can be put" \
  "sealed: it has no directory that is writable and runs programs, among *, and the dispatcher could not be put into its / (*), nor into its /var/tmp*" \
  anna@sealed
refuses "nor in a directory of theirs" \
  "sealed: its directory /tmp is not there, not writable, or runs no programs, and the dispatcher could not be put into its /tmp; *" \
  "anna@sealed?directory=/tmp"
conform
carry_files
run_what_is_there
refuse_names

# ---- docker's own words ----

refuses "an unknown container" \
  "nobody: there is no such container; docker said: *No such container: nobody" nobody
refuses "a container that is stopped" "stopped: the container is not running; docker said: *" stopped
refuses "one that is paused" "paused: the container is paused; docker said: *" paused
is_restarting () {
  [ "$(docker inspect --format '{{.State.Restarting}}' restarting)" = true ]
}
wait_until "$PATIENCE" is_restarting || not_ok "a container is restarting"
refuses "one that is restarting" "restarting: the container is restarting; docker said: *" restarting
refuses "an unknown user" \
  "shell: there is no such user in the container; docker said: *unable to find user nobody9*" \
  nobody9@shell
refuses "an unknown user where there is no shell" \
  "bare: there is no such user in the container; docker said: *" nobody9@bare
refuses "an unknown group" \
  "shell: there is no such group in the container; docker said: *" anna%3Anobody9@shell

refuses "a daemon that is not there" "shell: the Docker daemon can't be reached; docker said: *" \
  "shell?host=unix://$scratch/none"
refuses "a daemon behind a port where nobody listens" \
  "shell: the Docker daemon can't be reached; docker said: *" "shell?host=tcp://127.0.0.1:1"
refuses "a daemon that is not ours to use" \
  "shell: you are not allowed to use the Docker daemon; docker said: *" \
  "shell?program=setpriv --reuid=65534 --regid=65534 --clear-groups docker"
python3 -c 'import signal, socket, sys
mute = socket.socket(socket.AF_UNIX)
mute.bind(sys.argv[1])
mute.listen()
signal.pause()' "$scratch/mute" &
mute=$!
wait_until "$PATIENCE" test -S "$scratch/mute" || not_ok "a daemon that says nothing starts"
check "a daemon that says nothing" 255 \
  "longreach: shell: no dispatcher has answered within 1000 milliseconds: *" \
  "$longreach" run --connect-timeout=1 "docker:shell?host=unix://$scratch/mute" -- /bin/true
kill "$mute"
refuses "an unknown context" "shell: there is no such Docker context; docker said: *" \
  "shell?context=nowhere"
check "an empty host" 255 "longreach: docker: host= has no value" \
  "$longreach" run "docker:shell?host=" -- id

daemon=$DOCKER_HOST
unset DOCKER_HOST
docker context create far --docker "host=$daemon" > /dev/null 2>&1
runs "a context leads to the daemon" "uid=0*" "shell?context=far" id
runs "a host does" "uid=0*" "shell?host=$daemon" id
export DOCKER_HOST=$daemon

# ---- the same in a few lines of text ----

mkdir "$scratch/connectors"
cat > "$scratch/connectors/box.connector" << 'END'
[connector]
schema = box
description = a container of Docker, through docker exec
target = [user@]name
command = docker exec --interactive [--user {user}] -- {name} {command}
push = docker cp -- - {name}:{directory}
explain = No such container => there is no container {name}
END
export LONGREACH_PLUGIN_PATH=$scratch/connectors:$LONGREACH_PLUGIN_PATH
# declared COMMAND...
declared () {
  # shellcheck disable=SC2034 # what the functions of containers.sh begin URLs with
  local engine=box
  "$@"
}
[ "$(wc -l < "$scratch/connectors/box.connector")" -lt 10 ] || not_ok "a connector has few lines"
declared runs "a declared connector leads there" "uid=0(root)*" shell id
declared runs "as a user" "uid=1234(anna)*" anna@shell id
declared runs "and to where there is no shell" "uid=1234(anna)*" anna@bare id
declared refuses "it has its own words for an end" \
  "nobody: there is no container nobody; it said: *No such container: nobody" nobody
conforms declared box:bare || failed=1

lose_things

exit "$failed"
