#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2154 # ssh.sh sets $scratch and $longreach
# Targets of several hops through real servers: what they lead to, what they say when a hop can't be
# reached, and what they leave behind.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
need docker dockerd runc busybox unshare chroot
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"

clean_up () {
  stop_dockerd
  end_isolation
  rm -rf "$scratch"
}
umask 022
begin_users
# Root lives here for once, so that nothing else is found among what is left.
mkdir -p "$scratch/home/root/.cache"
passwd=$(sed "s|^root:\(.*\):/root:|root:\1:$scratch/home/root:|" /etc/passwd)
echo "$passwd" > /etc/passwd
begin_sshd
start_sshd one
start_sshd two
start_dockerd
trap clean_up EXIT

make_root "$scratch/shell"
make_bare_root "$scratch/bare"
start_container docker shell "$scratch/shell"
start_container docker bare "$scratch/bare"
# One with docker in it, which is this machine's.
mkdir -p "$scratch"/host/{etc,tmp,usr,run}
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$scratch/host"
start_container docker host "$scratch/host" --volume /usr:/usr:ro --volume "$scratch:$scratch"
mkdir -p "$scratch/root"
cp -a "$scratch/shell/." "$scratch/root"
mkdir -p "$scratch"/root/{dev,proc}
mount --bind /dev "$scratch/root/dev"
mount --bind /dev/pts "$scratch/root/dev/pts"
mount --bind /proc "$scratch/root/proc"

ssh=config=$scratch/ssh_config
daemon=host=$DOCKER_HOST
three="ssh:one?$ssh,docker:shell?$daemon,exec:chroot /"

# ---- what holds for every connector ----

declare -A targets=(
  [ssh-docker-exec]=$three
  [docker-docker]="docker:host,docker:bare?$daemon"
  [ssh-ssh-local]="ssh:one?$ssh,ssh:two?$ssh,local:"
  [local-chroot]="local:,chroot:$scratch/root"
)
conformances=()
for name in "${!targets[@]}"; do
  conforms "$name" "${targets[$name]}" > "$scratch/conforms-$name" &
  conformances+=("$name:$!")
done

# ---- which hop it is ----

# refuses NAME SENTENCE URL: there is no connection, and one line that says why.
refuses () {
  local said got=0
  said=$(timeout 60 "$longreach" run "$3" -- true 2>&1 < /dev/null) || got=$?
  # shellcheck disable=SC2053 # it is a pattern
  if [ "$got" = 255 ] && [[ $said == "longreach: "$2 ]]; then
    ok "$1"
  else
    not_ok "$1" "status $got, and it says: $said"
  fi
}

refuses "the first hop is not there" "127.0.0.1: nothing listens at that port; ssh says: *" \
  "ssh:127.0.0.1:1?$ssh,docker:shell,local:"
refuses "the second hop is not there" "nobody: there is no such container; docker said: *" \
  "ssh:one?$ssh,docker:nobody?$daemon,exec:chroot /"
refuses "the last hop is not there" "chroot: the dispatcher is gone: *" \
  "ssh:one?$ssh,docker:shell?$daemon,exec:chroot /nowhere"
refuses "the program of a hop is where the hop starts" "bare: it has no shell, *; it said: cannot run docker: *" \
  "docker:shell,docker:bare"
refuses "a user is of one hop" "shell: there is no such user in the container; *" \
  "ssh:one?$ssh,docker:nobody9@shell?$daemon,local:"

for conformance in "${conformances[@]}"; do
  wait "${conformance#*:}" || failed=1
  cat "$scratch/conforms-${conformance%:*}"
done

# ---- what is left ----

staged () {
  local place
  for place in "$(root_of docker shell)" "$(root_of docker bare)" "$(root_of docker host)" \
    "$scratch/root" "$scratch/home/root"; do
    find "$place"/ -xdev -maxdepth 3 -name '.lr-*'
  done
}

nothing_staged () {
  [ -z "$(staged)" ]
}

nothing_runs () {
  ! pgrep -x longreach-dispa > /dev/null
}

# expect_nothing NAME
expect_nothing () {
  if ! wait_until 15 nothing_runs; then
    not_ok "$1: no process is left" "$(ps -ef)"
  elif ! wait_until 5 nothing_staged; then
    not_ok "$1: no dispatcher is left" "$(staged)"
  else
    ok "$1: nothing is left"
  fi
}
expect_nothing "after all that"

exit "$failed"
