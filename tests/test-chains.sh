#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2154 # ssh.sh sets $scratch and $longreach
# Targets of several hops through real servers: what they lead to, what they say when a hop can't be
# reached, and what they leave behind.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
need docker dockerd runc busybox unshare chroot sudo doas python3
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
busy=$builddir/tests/busy
[ ! -x "$builddir/tests/.libs/busy" ] || busy=$builddir/tests/.libs/busy
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
# One with this machine's programs, docker and sudo among them, and with users of its own.
mkdir -p "$scratch"/host/{etc/pam.d,root,tmp,usr,run}
chmod 1777 "$scratch/host/tmp"
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$scratch/host"
make_users "$scratch/host"
printf '%s required pam_permit.so\n' auth account session > "$scratch/host/etc/pam.d/sudo"
printf 'root ALL=(ALL:ALL) ALL\n' > "$scratch/sudoers"
install --mode 440 "$scratch/sudoers" "$scratch/host/etc/sudoers"
printf 'auth required pam_unix.so\n%s required pam_permit.so\n%s required pam_permit.so\n' \
  account session > "$scratch/host/etc/pam.d/doas"
echo 'permit root' > "$scratch/host/etc/doas.conf"
echo "root:$PASSWORD_HASH:20000::::::" > "$scratch/host/etc/shadow"
start_container docker host "$scratch/host" --hostname localhost --volume /usr:/usr:ro --volume "$scratch:$scratch"
chown root:root "$scratch/sudoers"
chmod 440 "$scratch/sudoers"
mount --bind "$scratch/sudoers" /etc/sudoers
mkdir -p "$scratch/root"
cp -a "$scratch/shell/." "$scratch/root"
mkdir -p "$scratch"/root/{dev,proc}
mount --bind /dev "$scratch/root/dev"
mount --bind /dev/pts "$scratch/root/dev/pts"
mount --bind /proc "$scratch/root/proc"

ssh=config=$scratch/ssh_config
daemon=host=$DOCKER_HOST
three="ssh:one?$ssh,docker:host?$daemon,sudo:"

# ---- what holds for every connector ----

declare -A targets=(
  [ssh-docker-sudo]=${three}anna
  [docker-docker]="docker:host,docker:bare?$daemon"
  [ssh-ssh-local]="ssh:one?$ssh,ssh:two?$ssh,local:"
  [sudo-chroot]="sudo:,chroot:$scratch/root"
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
refuses "the program of a hop is where the hop starts" "bare: on the hop before: cannot run docker: No such file or directory" \
  "docker:shell,docker:bare"
refuses "a user is of one hop" "shell: there is no such user in the container; *" \
  "ssh:one?$ssh,docker:nobody9@shell?$daemon,local:"

# What is asked in a container is asked here.
asked=$(timeout 90 python3 "$srcdir/tests/answer.py" "$PASSWORD" -- "$longreach" run \
  "ssh:one?$ssh,docker:host?$daemon,doas:anna" -- id -un 3> "$scratch/shown" 2>&1 < /dev/null) || true
shown=$(cat "$scratch/shown")
if [ "$asked" = anna ] && [ "$shown" = "longreach: anna (hop 3): doas (root@localhost) password: " ]; then
  ok "doas asks in a container behind ssh"
else
  not_ok "doas asks in a container behind ssh" "$asked; asked: $shown"
fi

for conformance in "${conformances[@]}"; do
  wait "${conformance#*:}" || failed=1
  cat "$scratch/conforms-${conformance%:*}"
done

# ---- what is left ----

staged () {
  local place
  for place in "$(root_of docker shell)" "$(root_of docker bare)" "$(root_of docker host)" \
    "$scratch/root" "$scratch/home/root"; do
    find "$place"/ -xdev -maxdepth 3 \( -name '.lr-*' -o -name '.put.*' \)
  done
}

nothing_staged () {
  [ -z "$(staged)" ]
}

# Of what a chain has on its way, and of what $busy has started.  A container's first process is no
# help to what is left to it: what has ended may wait there.
running () {
  # shellcheck disable=SC2009 # their state is needed, too
  ps -e -o pid=,stat=,args= | grep -v '^ *[0-9]* Z' \
    | grep -E ' (/\S*/)?(longreach-\S*|ssh|docker .*exec|sudo|sleep 27182) ' || true
}

nothing_runs () {
  [ -z "$(running)" ]
}

# expect_nothing NAME
expect_nothing () {
  if ! wait_until 15 nothing_runs; then
    not_ok "$1: no process is left" "$(running)"
  elif ! wait_until 5 nothing_staged; then
    not_ok "$1: no file is left" "$(staged)"
  else
    ok "$1: nothing is left"
  fi
}
expect_nothing "after the conformance suite"

parent_of () {
  ps -o ppid= -p "$1" | tr -d ' '
}

# dispatcher_of NAME: the dispatcher that was started by a program of that name.
dispatcher_of () {
  local pid
  for pid in $(pgrep -x longreach-dispa); do
    [[ $(cat "/proc/$(parent_of "$pid")/comm") != $1* ]] || echo "$pid"
  done
}

# ---- how much is kept on the way ----

# Kibibytes that the process has ever had resident.
peak_of () {
  sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

has_arrived () {
  [ -n "$(dispatcher_of sudo)" ]
}

# expect_little NAME: no hop has kept more than 2 MiB, and $client not 8 MiB more than when it was idle.
expect_little () {
  local hop peaks='' few=1
  for hop in sshd containerd-shim sudo; do
    peaks+=" $(peak_of "$(dispatcher_of "$hop")")"
  done
  for hop in $peaks; do
    ((hop <= 2048)) || few=0
  done
  if [ "$(wc -w <<< "$peaks")" = 3 ] && ((few && $(peak_of "$client") <= idle + 8192)); then
    ok "$1: little is kept on the way, $((SIZE >> 20)) MiB of it"
  else
    not_ok "$1: little is kept on the way" \
      "KiB at the hops:$peaks; here, where it was $idle: $(peak_of "$client")"
  fi
}

SIZE=67108864
mkfifo "$scratch/bytes"
"$longreach" put "$three" - /tmp/many < "$scratch/bytes" &
client=$!
exec 9> "$scratch/bytes"
wait_until 30 has_arrived || not_ok "three hops are there"
idle=$(peak_of "$client")
head -c "$SIZE" /dev/zero >&9
expect_little "put"
exec 9>&-
wait "$client" || not_ok "put ends"
[ "$(stat -c %s "$(root_of docker host)/tmp/many")" = "$SIZE" ] || not_ok "all is put"
"$longreach" get "$three" /dev/zero - > "$scratch/bytes" &
client=$!
exec 9< "$scratch/bytes"
head -c "$SIZE" <&9 > /dev/null
expect_little "get"
exec 9<&-
wait "$client" || true
expect_nothing "after that"

# ---- whatever is killed ----

# From here to the end: what it is, how it is found, and what is said when it is killed.
parts=(
  "the ssh client|pgrep -P \$client -x ssh|0: one: the dispatcher is gone: it was ended by signal 9"
  "sshd's process|parent_of \$(dispatcher_of sshd)|0: one: the connection was lost; ssh says: *"
  "the first dispatcher|dispatcher_of sshd|0: one: * nothing was said: what ran there was killed, *"
  "docker's client|pgrep -P \$(dispatcher_of sshd) -x docker|1: host: the dispatcher is gone: it was ended by signal 9"
  "the second dispatcher|dispatcher_of containerd-shim|1: host: the dispatcher was killed, as all that runs in a container *"
  "sudo|pgrep -P \$(dispatcher_of containerd-shim) -x sudo|2: sudo: the dispatcher is gone: it was ended by signal 9"
  "the last dispatcher|dispatcher_of sudo|2: sudo: the dispatcher is gone: it was ended by signal 9"
)

# lose NAME FIND SENTENCE: kill what FIND finds, while a call, a command and transfers are under way.
# All of them, and a later one, end with that sentence.
lose () {
  local name=$1 sentence=$3 victim said what begun expected=
  : > "$scratch/said"
  "$busy" "$three" /tmp sleep 27182 > "$scratch/said" 2>&1 < /dev/null &
  client=$!
  wait_until 30 grep -q . "$scratch/said" || true
  victim=$(eval "$2") || true
  begun=$SECONDS
  kill -KILL "${victim:-$client}" || true
  wait "$client" || true
  said=$(sort "$scratch/said")
  for what in call command get "new call" put; do
    expected+="$what io of hop $sentence"$'\n'
  done
  # shellcheck disable=SC2053 # it is a pattern
  if [[ $said == ${expected}ready ]] && ((SECONDS - begun <= 10)) \
    && [ "$(grep -o 'hop .*' "$scratch/said" | sort -u | wc -l)" = 1 ]; then
    ok "all that is under way fails alike when $name is killed"
  else
    not_ok "all that is under way fails alike when $name is killed" \
      "after $((SECONDS - begun)) s, $victim: $said"
  fi
  expect_nothing "$name is killed"
}
for part in "${parts[@]}"; do
  IFS='|' read -r name find sentence <<< "$part"
  lose "$name" "$find" "$sentence"
done

exit "$failed"
