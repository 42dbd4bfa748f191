#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# podman, whose containers are in a place of the test's own.
set -eu

engine=podman
# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
need podman runc busybox unshare
isolate "$@"
scratch=$(mktemp -d)
# shellcheck source=tests/containers.sh
. "$(dirname "$0")/containers.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"

service=
clean_up () {
  [ -z "$service" ] || kill "$service"
  stop_podman
  end_isolation
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

umask 022
start_podman
make_root "$scratch/shell"
make_bare_root "$scratch/bare"
start_container podman shell "$scratch/shell"
start_container podman bare "$scratch/bare"
start_container podman memory "$scratch/bare" --tmpfs /tmp
start_container podman fixed "$scratch/bare" --read-only --read-only-tmpfs=false
start_container podman users "$scratch/bare" --user 1234
start_container podman paused "$scratch/shell"
podman pause paused > /dev/null
COMMAND=/bin/true start_container podman stopped "$scratch/shell"

leaves_no_file "with a shell no file is left" shell run_in_a_container
nothing_is_left "with a shell nothing runs in the end" shell
leaves_no_file "without a shell no file is left" bare run_without_a_shell
nothing_is_left "without a shell nothing runs in the end" bare
conform
carry_files
run_what_is_there
refuse_names

# ---- podman's own ways ----

refuses "an unknown container" \
  'nobody: there is no such container; podman said: *"nobody"*' nobody
refuses "a container that is stopped" "stopped: the container is not running; podman said: *" stopped
refuses "one that is paused" "paused: the container is not running; podman said: *" paused
refuses "an unknown user" \
  "shell: there is no such user in the container; podman said: *unable to find user nobody9*" \
  nobody9@shell
refuses "an unknown user where there is no shell" \
  "bare: there is no such user in the container; podman said: *" nobody9@bare
refuses "an unknown group" \
  "shell: there is no such group in the container; podman said: *" anna%3Anobody9@shell
refuses "a service that is not there" "shell: the Podman service can't be reached; podman said: *" \
  "shell?url=unix://$scratch/none"
refuses "an unknown connection" "shell: there is no such Podman connection; podman said: *" \
  "shell?connection=nowhere"
check "an empty connection" 255 "longreach: podman: connection= has no value" \
  "$longreach" run "podman:shell?connection=" -- id

# Whoever is in the container must not be able to change what root will run there.
cat > "$scratch/watch" << END
#!/bin/sh
podman "\$@"
status=\$?
[ "\$1" != cp ] || find "$(root_of podman users)/" -maxdepth 2 -name longreach-dispatcher \\
  -printf '%U %m\n' >> "$scratch/owners"
exit \$status
END
chmod 755 "$scratch/watch"
run_as_both () {
  runs "without a shell the container's own user runs commands" "uid=1234(anna)*" users id
  runs "and so does root" "uid=0(root)*" "root@users?program=$scratch/watch" id
}
leaves_no_file "no file is left of either" users run_as_both
same "what root runs is root's" "0 755" "$(cat "$scratch/owners")"

# Ctrl-P and Ctrl-Q, each in a piece of its own, are the keys that detach.
cat > "$scratch/typing" << 'END'
#!/usr/bin/env python3
import os, re, subprocess, sys, time
podman = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
while data := os.read(0, 65536):
    for piece in re.split(b"([\020\021])", data):
        if piece in (b"\020", b"\021"):
            time.sleep(0.05)
        os.write(podman.stdin.fileno(), piece)
        if piece in (b"\020", b"\021"):
            time.sleep(0.05)
podman.stdin.close()
sys.exit(podman.wait())
END
chmod 755 "$scratch/typing"
typed=$(printf '<\020\021>' | timeout 30 "$longreach" run \
  "podman:shell?dispatcher=/dispatcher&program=$scratch/typing podman" -- cat 2>&1) || true
same "keys that detach are only bytes" $'<\020\021>' "$typed"

# Where the service's connection breaks off as a program is found missing, the status is another.
cat > "$scratch/breaking" << 'END'
#!/bin/sh
podman "$@"
status=$?
[ "$status" != 127 ] || exit 125
exit "$status"
END
chmod 755 "$scratch/breaking"
runs "a missing shell is known by what podman says of it" "uid=0*" \
  "bare?program=$scratch/breaking" id

podman system service --time 0 "unix://$scratch/service" > "$scratch/service.log" 2>&1 < /dev/null &
service=$!
is_served () {
  [ -S "$scratch/service" ]
}
wait_until "$PATIENCE" is_served || not_ok "a service starts" "$(cat "$scratch/service.log")"
runs "a service leads to its containers" "uid=0*" "shell?url=unix://$scratch/service" id
runs "and to those without a shell" "uid=0*" "bare?url=unix://$scratch/service" id

lose_things

exit "$failed"
