# shellcheck shell=bash
# shellcheck disable=SC2154 # whoever sources it sets $scratch
# shellcheck disable=SC2034 # and looks at what is set here
# Servers for the tests, with all that they have below $scratch.  Sourced.

# need PROGRAM...: or skip this test.
need () {
  local program
  PATH=$PATH:/usr/sbin:/sbin
  for program in "$@"; do
    if ! command -v "$program" > /dev/null; then
      echo "skipped: there is no $program"
      exit 77
    fi
  done
}

# Go on in this test's own namespaces of processes and mounts, with a /run of its own, so that
# whatever is started here ends with the test, however that ends.  Called first, as
# `isolate "$@"`.
isolate () {
  local enter
  if [ "$(id -u)" != 0 ]; then
    echo "skipped: only root can start servers like these"
    exit 77
  fi
  # Programs enter a container at the root of its namespace, which in a chroot is not its own: there
  # the directory that is the root here has to become that of the namespace.
  # shellcheck disable=SC2016 # the inner shell expands it
  enter='mount --make-rslave / && here=$(pwd -P) && if [ "$here" != / ]; then
    mount --rbind "$here" "$here" && cd "$here" && pivot_root . . && umount -l .
  fi && exec chroot . "$@"'
  if [ -z "${LR_ISOLATED:-}" ]; then
    LR_ISOLATED=$PWD exec unshare --mount --propagation unchanged --pid --fork --kill-child \
      nsenter --mount=/proc/self/ns/mnt --wd=/ sh -c "$enter" sh bash "$(realpath "$0")" "$@"
  fi
  cd "$LR_ISOLATED" || exit
  unset LR_ISOLATED
  mount -t proc none /proc
  mount -t tmpfs -o mode=755 none /run
}

# Before $scratch is removed: give whatever still runs a second, and no more; unmount what is mounted
# there.
end_isolation () {
  local process place tries=0
  local -a processes=(/proc/[0-9]*)
  while [ $$ = 1 ] && ((${#processes[@]} > 1 && tries < 100)); do
    if ((++tries > 20)); then
      for process in "${processes[@]}"; do
        [ "$process" = /proc/1 ] || kill -KILL "${process#/proc/}" 2> /dev/null || true
      done
    fi
    sleep 0.05
    processes=(/proc/[0-9]*)
  done
  while read -r _ place _; do
    case $place in
      "$scratch"/*) umount --lazy "$place" || true ;;
    esac
  done < <(tac /proc/self/mounts)
}

# ---- containers ----

# make_root DIRECTORY: a small system, with a shell and users.
make_root () {
  local applet
  mkdir -p "$1"/{bin,etc,root,tmp,var/tmp}
  chmod 1777 "$1/tmp" "$1/var/tmp"
  cp "$(command -v busybox)" "$1/bin/busybox"
  for applet in $(busybox --list); do
    [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
  done
  make_users "$1"
}

# make_bare_root DIRECTORY: a program with some names, and none of them a shell's.
make_bare_root () {
  local name
  mkdir -p "$1"/{bin,etc,tmp}
  chmod 1777 "$1/tmp"
  cp "$(command -v busybox)" "$1/bin/sleep"
  for name in cat chmod id ln mkdir mkfifo rm touch true; do
    ln "$1/bin/sleep" "$1/bin/$name"
  done
  make_users "$1"
}

make_users () {
  printf '%s\n' root:x:0:0:root:/root:/bin/sh anna:x:1234:1234::/tmp:/bin/sh \
    nobody:x:65534:65534::/:/bin/false > "$1/etc/passwd"
  printf '%s\n' root:x:0: adm:x:4:root anna:x:1234: friends:x:77:anna nobody:x:65534: > "$1/etc/group"
  (umask 077 && printf '%s\n' 'root:!:20000:::::' 'anna:!:20000:::::' > "$1/etc/shadow")
}

# Start dockerd, for which $DOCKER_HOST is set.  Everything it has goes into $scratch/docker.
start_dockerd () {
  local place=$scratch/docker driver
  mkdir -p "$place" /etc/docker
  mount -t tmpfs none /etc/docker # it writes a key there
  export DOCKER_HOST=unix://$place/socket DOCKER_CONFIG=$place/config
  for driver in overlay2 vfs; do
    dockerd --host "$DOCKER_HOST" --data-root "$place/data" \
      --exec-root "$place/exec" --pidfile "$place/pid" --storage-driver "$driver" \
      --bridge=none --iptables=false --ip6tables=false --shutdown-timeout 1 \
      > "$place/log" 2>&1 < /dev/null &
    dockerd=$!
    while kill -0 "$dockerd" 2> /dev/null; do
      if docker version > "$place/version" 2>&1; then
        return
      fi
      sleep 0.05
    done
  done
  echo "dockerd does not start:"
  tail -n 20 "$place/log"
  exit 1
}

# Remove the containers, whose control groups would stay, and end dockerd.
stop_dockerd () {
  local ids
  mapfile -t ids < <(docker ps --all --quiet 2> /dev/null)
  [ ${#ids[@]} = 0 ] || docker rm --force "${ids[@]}" > /dev/null 2>&1 || true
  kill "$dockerd" 2> /dev/null || true
  wait "$dockerd" || true
}

# Have podman keep everything in $scratch/podman.
start_podman () {
  local place=$scratch/podman
  mkdir -p "$place/roots"
  export CONTAINERS_CONF=$place/containers.conf CONTAINERS_STORAGE_CONF=$place/storage.conf
  cat > "$CONTAINERS_CONF" << END
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "$place/static"
tmp_dir = "$place/tmp"
volume_path = "$place/volumes"
[network]
network_config_dir = "$place/networks"
[containers]
default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]
END
  cat > "$CONTAINERS_STORAGE_CONF" << END
[storage]
driver = "vfs"
graphroot = "$place/graph"
runroot = "$place/run"
END
}

stop_podman () {
  podman rm --all --force --time 0 > /dev/null 2>&1 || true
}

# start_container ENGINE NAME ROOT [OPTION]...: run a container that does nothing, on a copy of ROOT;
# with COMMAND set, one that does that.
start_container () {
  local engine=$1 name=$2 root=$3 image
  local -a command=(/bin/sleep 1000000)
  shift 3
  [ -z "${COMMAND:-}" ] || read -r -a command <<< "$COMMAND"
  if [ "$engine" = docker ]; then
    image=test-$(basename "$root")
    docker image inspect "$image" > /dev/null 2>&1 \
      || tar -C "$root" -c . | docker import - "$image" > /dev/null
    docker run --detach --network none --name "$name" "$@" "$image" "${command[@]}" > /dev/null
  else
    cp -a "$root" "$scratch/podman/roots/$name"
    podman run --detach --network none --name "$name" "$@" \
      --rootfs "$scratch/podman/roots/$name" "${command[@]}" > /dev/null
  fi
}

# root_of ENGINE NAME: where this machine sees what the container NAME has as its root.
root_of () {
  echo "/proc/$("$1" inspect --format '{{.State.Pid}}' "$2")/root"
}

# processes_in ENGINE NAME: the ids, here, of the processes in it but its first, zombies included.
processes_in () {
  local first namespace pid
  first=$("$1" inspect --format '{{.State.Pid}}' "$2")
  namespace=$(readlink "/proc/$first/ns/pid")
  for pid in $(ps -e -o pid=); do
    if [ "$pid" != "$first" ] && { [ "$(readlink "/proc/$pid/ns/pid" 2> /dev/null)" = "$namespace" ] \
      || [ "$(ps -o ppid= -p "$pid" 2> /dev/null | tr -d ' ')" = "$first" ]; }; then
      echo "$pid"
    fi
  done
}

# ---- users of this machine ----

# The hash of "far side", as crypt(3) writes it.
PASSWORD='far side'
# shellcheck disable=SC2016 # these are no variables
PASSWORD_HASH='$6$longreach$MCNyDDhzJAdSgQr8UZup55F3LtqIcx9qy6uaJ.LkLBEH.O.J08q7zxS66eOqtRiqpGFvqSkUD/q5eW0Nqd0701'

# Let there be users who are known only here.
begin_users () {
  local file
  mkdir -p "$scratch/etc" "$scratch/home" "$scratch/shells"
  for file in passwd group shadow; do
    cp -p "/etc/$file" "$scratch/etc/$file"
    mount --bind "$scratch/etc/$file" "/etc/$file"
  done
  next_id=61000
}

# add_user NAME SHELL: with the password above, and a home directory of their own.
add_user () {
  local home=$scratch/home/$1
  echo "$1:x:$next_id:$next_id::$home:$2" >> /etc/passwd
  echo "$1:x:$next_id:" >> /etc/group
  echo "$1:$PASSWORD_HASH:19000:0:99999:7:::" >> /etc/shadow
  mkdir -p "$home/.cache"
  chown -R "$next_id:$next_id" "$home"
  next_id=$((next_id + 1))
}

# make_shell NAME: a login shell, the script on standard input.
make_shell () {
  cat > "$scratch/shells/$1"
  chmod 755 "$scratch/shells/$1"
}

# ---- sshd ----
#
# Every server has a name, which $scratch/ssh_config knows: `reach NAME` goes there.

begin_sshd () {
  mkdir -p /run/sshd "$scratch/ssh"
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/ssh/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/ssh/key"
  cp "$scratch/ssh/key.pub" "$scratch/ssh/authorized_keys"
  chmod 644 "$scratch/ssh/authorized_keys"
  : > "$scratch/ssh/known_hosts"
  declare -gA sshd_port=() sshd_pid=()
  cat > "$scratch/ssh_config" << END
IdentityFile $scratch/ssh/key
IdentitiesOnly yes
UserKnownHostsFile $scratch/ssh/known_hosts
GlobalKnownHostsFile /dev/null
END
}

sshd_has_begun () {
  grep -q 'Server listening\|Cannot bind' "$scratch/ssh/$1.log" || ! kill -0 "$2" 2> /dev/null
}

# start_sshd NAME [CONFIGURATION-LINE]...
start_sshd () {
  start_sshd_in true "$@"
}

# start_sshd_in FUNCTION NAME [CONFIGURATION-LINE]...: with mounts of its own, which FUNCTION makes.
start_sshd_in () {
  local prepare=$1 name=$2 port log=$scratch/ssh/$2.log
  shift 2
  [ "$prepare" = true ] || export -f "${prepare?}"
  for ((tries = 0; tries < 20; tries++)); do
    port=$((20000 + RANDOM % 12000))
    {
      printf '%s\n' "$@"
      cat << END
Port $port
ListenAddress 127.0.0.1
HostKey $scratch/ssh/host_key
AuthorizedKeysFile $scratch/ssh/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PidFile none
PrintMotd no
END
    } > "$scratch/ssh/$name.conf"
    : > "$log"
    scratch=$scratch unshare --mount --propagation private bash -euc \
      "$prepare; exec /usr/sbin/sshd -D -e -f \"\$scratch/ssh/$name.conf\"" 2> "$log" &
    sshd_pid[$name]=$!
    if wait_until 20 sshd_has_begun "$name" "${sshd_pid[$name]}" \
      && grep -q 'Server listening' "$log"; then
      sshd_port[$name]=$port
      cat >> "$scratch/ssh_config" << END
Host $name
  HostName 127.0.0.1
  Port $port
  HostKeyAlias $name
END
      echo "$name $(cat "$scratch/ssh/host_key.pub")" >> "$scratch/ssh/known_hosts"
      return
    fi
    kill "${sshd_pid[$name]}" 2> /dev/null || true
    wait "${sshd_pid[$name]}" 2> /dev/null || true
  done
  echo "no sshd could be started: $(cat "$log")"
  exit 1
}
