# shellcheck shell=bash
# shellcheck disable=SC2154 # whoever sources it sets $engine and $scratch
# shellcheck disable=SC2034 # and looks at $failed
# What holds for containers of docker and of podman alike.  Sourced by their tests, behind
# servers.sh.

# A dispatcher kills what is left of its commands after five seconds.
PATIENCE=15

# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# runs NAME OUTPUT TARGET COMMAND...
runs () {
  check "$1" 0 "$2" "$longreach" run "$engine:$3" -- "${@:4}"
}

# refuses NAME SENTENCE TARGET: there is no connection, and one line that says why.
refuses () {
  check "$1" 255 "longreach: $2" "$longreach" run "$engine:$3" -- /bin/true
  case $said in
    *$'\n'*) not_ok "$1" "in more than one line" ;;
  esac
}

runs_in () {
  [ -n "$(processes_in "$engine" "$1")" ]
}

nothing_runs_in () {
  ! runs_in "$1"
}

# is_running_in CONTAINER PROGRAM
is_running_in () {
  local pid
  for pid in $(processes_in "$engine" "$1"); do
    [ "$(cat "/proc/$pid/comm" 2> /dev/null)" != "$2" ] || return 0
  done
  return 1
}

# nothing_is_left NAME CONTAINER
nothing_is_left () {
  local pid
  if wait_until "$PATIENCE" nothing_runs_in "$2"; then
    ok "$1"
    return
  fi
  not_ok "$1" "these processes are left:"
  for pid in $(processes_in "$engine" "$2"); do
    ps -o pid,stat,args -p "$pid" | tail -n 1
  done
}

# list_files CONTAINER: all in it that is on a disk, or in a file system of memory.
list_files () {
  local root
  root=$(root_of "$engine" "$1")
  find "$root/" -path "$root/proc" -prune -o -path "$root/sys" -prune -o -printf '%P %m %U\n' | sort
}

# leaves_no_file NAME CONTAINER COMMAND...
leaves_no_file () {
  local name=$1 container=$2 before
  shift 2
  before=$(list_files "$container")
  "$@"
  same "$name" "$before" "$(list_files "$container")"
}

# Start `sleep` in the container "shell", through longreach; $client is it.
start_sleep () {
  "$longreach" run "$engine:shell" -- sleep 1000 > "$scratch/said" 2>&1 < /dev/null &
  client=$!
  wait_until "$PATIENCE" is_running_in shell sleep || not_ok "a command starts"
}

# ---- what is held ----

# What holds for every connector: with a shell and without one, as root and as a user.  The first
# process of "reaping" waits for what others leave behind, as that of a real container does.
conform () {
  local name
  local -a started=()
  local -A targets=([root]=reaping [anna]=anna@reaping [bare]=bare [anna-bare]=anna@bare
    [plain]='reaping?protocol=plain&dispatcher=/dispatcher')
  cp -a "$scratch/shell" "$scratch/reaping"
  cat > "$scratch/reaping/bin/reap" << 'END'
#!/bin/sh
while :; do
  sleep 1
done
END
  chmod 755 "$scratch/reaping/bin/reap"
  COMMAND=/bin/reap start_container "$engine" reaping "$scratch/reaping"
  "$engine" cp "$LONGREACH_DISPATCHER_DIR/portable/linux-$(uname -m)/longreach-dispatcher" \
    reaping:/dispatcher
  for name in "${!targets[@]}"; do
    conforms "$name" "$engine:${targets[$name]}" > "$scratch/conforms-$name" &
    started+=("$name:$!")
  done
  for name in "${started[@]}"; do
    wait "${name#*:}" || failed=1
    cat "$scratch/conforms-${name%:*}"
  done
  nothing_is_left "after the conformance suite nothing runs where there is no shell" bare
  for name in bare reaping; do
    same "after the conformance suite no dispatcher is left in $name" "" \
      "$(list_files "$name" | grep -F .lr- || true)"
  done
  "$engine" kill reaping > /dev/null
  "$engine" rm --force reaping > /dev/null
}

run_in_a_container () {
  runs "root runs commands" "uid=0(root) gid=0(root)*" shell id
  runs "a user has groups" "uid=1234(anna) gid=1234(anna) groups=*77(friends)*" anna@shell id
  runs "a user has no others" "uid=1234(anna) gid=77(friends)*" anna%3Afriends@shell id
  runs "a user may be a number" "uid=4321 gid=0(root)*" 4321@shell id
  check "the host is called as the container is" 0 shell "$longreach" hostname "$engine:shell"
  check "variables are the container's" 0 /root "$longreach" env "$engine:shell" HOME
  check "commands can have a terminal" 0 "/dev/pts/*" \
    "$longreach" run -t "$engine:shell" -- readlink /proc/self/fd/0
  check "users are the container's" 0 "*anna*" "$longreach" user "$engine:shell" anna
}

carry_files () {
  head -c 3000000 /dev/urandom > "$scratch/sent"
  check "files go there" 0 "*" "$longreach" put "$engine:shell" "$scratch/sent" /tmp/file
  check "files come back" 0 "*" "$longreach" get "$engine:shell" /tmp/file "$scratch/received"
  if cmp "$scratch/sent" "$scratch/received"; then
    ok "files are whole"
  else
    not_ok "files are whole"
  fi
  check "files can be removed" 0 "" "$longreach" run "$engine:shell" -- rm /tmp/file
}

run_without_a_shell () {
  runs "without a shell root runs commands" "uid=0*" bare id
  runs "without a shell a user does" "uid=1234(anna) gid=1234(anna) groups=*77(friends)*" anna@bare id
  runs "without a shell a number does" "uid=4321 gid=0*" 4321@bare id
  runs "it is put where it was asked to" "uid=0*" "bare?directory=/tmp" id
  refuses "no such directory" "bare: *could not be put into its /nowhere*" "bare?directory=/nowhere"
  runs "a file system of memory is no hindrance" "uid=0*" memory id
  refuses "nothing can be put into what can't be written to" "fixed: it has no shell, and the dispatcher could not be put into its / (*), nor into its /var/tmp*" \
    fixed
}

# With the dispatcher in the container already.
run_what_is_there () {
  local target="shell?dispatcher=/dispatcher"
  "$engine" cp "$LONGREACH_DISPATCHER_DIR/portable/linux-$(uname -m)/longreach-dispatcher" \
    shell:/dispatcher
  runs "a dispatcher that is there is run" "uid=0*" "$target" id
  runs "in the plain protocol too" "uid=1234(anna)*" "anna@$target&protocol=plain" id
  refuses "in which a container is missed too" "nobody: there is no such container; $engine said: *" \
    "nobody?dispatcher=/dispatcher&protocol=plain"
  refuses "a dispatcher that is not there" \
    "shell: the dispatcher that is to be there could not be run; it said: *" "shell?dispatcher=/none"
}

refuse_names () {
  local name
  for name in a%2Fb .. shell:80 a%20b; do
    check "$name is no name" 255 "longreach: $engine: * is no name of a container: *" \
      "$longreach" run "$engine:$name" -- id
  done
  check "an option is no name" 255 "longreach: the name * begins with a *" \
    "$longreach" run "$engine:-x" -- id
  check "a program that is not there" 255 "longreach: shell: cannot start nowhere: *" \
    "$longreach" run "$engine:shell?program=nowhere" -- id
  runs "another program can be named" "uid=0*" "shell?program=env LR_TEST=1 $engine" id
}

lose_things () {
  start_sleep
  kill -KILL "$client"
  wait "$client" 2> /dev/null || true
  nothing_is_left "nothing runs after the client was killed" shell

  start_sleep
  kill -KILL "$(pgrep -P "$client" -x "$engine")"
  wait "$client" || true
  same "a killed $engine is an error" "longreach: shell: the dispatcher is gone: it was ended by signal 9" \
    "$(cat "$scratch/said")"
  nothing_is_left "nothing runs after $engine was killed" shell

  start_sleep
  "$engine" kill shell > /dev/null
  wait "$client" || true
  same "a killed container is an error" \
    "longreach: shell: the dispatcher was killed, as all that runs in a container is when that stops" \
    "$(cat "$scratch/said")"
  "$engine" start shell > /dev/null
}
