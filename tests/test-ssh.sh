#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # shells at the far side expand it
# The connector ssh, against servers that are started here: every login shell, far sides that make
# it hard for a dispatcher, and what is said where there is no way.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"
begin_users
begin_sshd

# ---- login shells ----

add_user ann /bin/bash
start_sshd web

# ---- what holds for every connector ----

cp "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$scratch/dispatcher"
declare -A targets=([ann]=ann@web [root]=root@web
  [plain]="ann@web?protocol=plain&dispatcher=$scratch/dispatcher")
conformances=()
for name in "${!targets[@]}"; do
  conforms "$name" "ssh:${targets[$name]}" -o config="$scratch/ssh_config" \
    > "$scratch/conforms-$name" &
  conformances+=("$name:$!")
done
for conformance in "${conformances[@]}"; do
  wait "${conformance#*:}" || failed=1
  cat "$scratch/conforms-${conformance%:*}"
done
expect_nothing_left "after the conformance suite"

# ---- more login shells ----

make_shell ash << 'END'
#!/bin/sh
exec busybox ash "$@"
END

for shell in /bin/sh /bin/dash /bin/bash "$scratch/shells/ash" /bin/ksh /bin/mksh /bin/zsh \
  /usr/bin/yash /usr/bin/fish /bin/tcsh /bin/bsd-csh; do
  name=user-$(basename "$shell")
  add_user "$name" "$shell"
  expect_run "the login shell $(basename "$shell")" "$name@web"
done

make_shell noisy << 'END'
#!/bin/sh
echo "Welcome to the far side"
echo "and mind the gap" >&2
printf "LR-HERE without a newline"
exec /bin/bash "$@"
END
add_user noisy "$scratch/shells/noisy"
expect_run "a login shell that prints on both outputs" noisy@web

add_user echoes /bin/bash
echo 'echo "this is .bashrc"; echo "and so is this" >&2' > "$scratch/home/echoes/.bashrc"
expect_run "a .bashrc that echoes" echoes@web

add_user reads /bin/bash
echo 'read -r line' > "$scratch/home/reads/.bashrc"
expect_failure "a .bashrc that reads a line" "start-up file" ssh:reads@web

add_user eats /bin/bash
echo 'cat > /dev/null' > "$scratch/home/eats/.bashrc"
expect_failure "a .bashrc that reads everything" "start-up file" ssh:eats@web --connect-timeout 3

add_user closed /usr/sbin/nologin
expect_failure "an account that takes no commands" "not available" ssh:closed@web

expect_nothing_left "after all these shells"

# ---- far sides that make it hard ----

noexec_tmp () {
  mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp
  mount -t tmpfs -o noexec,mode=1777 tmpfs "$scratch/home/ann/.cache"
}
start_sshd_in noexec_tmp noexec
expect_run "a /tmp that is noexec" ann@noexec

# Everything there is, read-only.
read_only () {
  local place
  while read -r _ place _; do
    case $place in
      /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;;
      # Another suite's may go meanwhile.
      *) mount -o remount,bind,ro "$place" || [ ! -e "$place" ] ;;
    esac
  done < /proc/mounts
}
only_shm () {
  read_only
  mount -t tmpfs -o exec,mode=1777 tmpfs /dev/shm
}
export -f read_only
start_sshd_in only_shm readonly
expect_run "a read-only system, but for /dev/shm" ann@readonly

nowhere () {
  read_only
  mount -t tmpfs -o noexec,mode=1777 tmpfs /dev/shm
}
start_sshd_in nowhere nowhere
expect_failure "nothing that is both writable and runs programs" "no directory that is writable" \
  ssh:ann@nowhere

full () {
  local place
  for place in "$scratch/home/ann" /tmp /var/tmp /dev/shm; do
    mount -t tmpfs -o size=64k,mode=1777 tmpfs "$place"
  done
}
start_sshd_in full full
expect_failure "disks that are full" "room for" ssh:ann@full

mkdir "$scratch/few"
for program in chmod dd id mkdir rm sh uname wc; do
  ln -s "$(command -v "$program")" "$scratch/few/$program"
done
start_sshd few "SetEnv PATH=$scratch/few"
expect_run "a far side without head and mktemp" ann@few

mkdir "$scratch/fewer"
for program in chmod mkdir rm sh; do
  ln -s "$(command -v "$program")" "$scratch/fewer/$program"
done
start_sshd fewer "SetEnv PATH=$scratch/fewer"
expect_failure "a far side with nothing to store a file" "neither head nor dd" ssh:ann@fewer

start_sshd forced "ForceCommand echo You are not to be here"
expect_failure "a forced command" "You are not to be here" ssh:ann@forced

# ---- the way there ----

expect_failure "a name that is none" "there is no host of this name; ssh says: " \
  ssh:no-such-host.invalid

expect_failure "a port where nobody listens" "nothing listens at that port; ssh says: " \
  ssh:ann@127.0.0.1:1

mv "$scratch/ssh/known_hosts" "$scratch/ssh/known_hosts.kept"
expect_failure "a host's key that is not known" "the host's key is not known yet" ssh:ann@web
ssh-keygen -q -t ed25519 -N '' -f "$scratch/ssh/other_key"
echo "web $(cat "$scratch/ssh/other_key.pub")" > "$scratch/ssh/known_hosts"
expect_failure "a host's key that has changed" \
  "the host's key is not the one that is known" ssh:ann@web
mv "$scratch/ssh/known_hosts.kept" "$scratch/ssh/known_hosts"

# configure NAME LINE...: another configuration.
configure () {
  local name=$1
  shift
  printf '%s\n' "$@" "HostName 127.0.0.1" "Port ${sshd_port[web]}" "HostKeyAlias web" \
    "UserKnownHostsFile $scratch/ssh/known_hosts" "IdentitiesOnly yes" > "$scratch/$name"
}

configure other_config "IdentityFile $scratch/ssh/other_key"
ssh_config=$scratch/other_config expect_failure "a key that the server does not know" \
  "the server did not let us in; ssh says: ann@127.0.0.1: Permission denied (publickey" ssh:ann@web

cp "$scratch/ssh/key" "$scratch/ssh/open_key"
chmod 644 "$scratch/ssh/open_key"
configure open_config
ssh_config=$scratch/open_config expect_failure "a key that others can read" \
  "ssh does not use a key that others can read" ssh:ann@web -o identity="$scratch/ssh/open_key"
ssh_config=$scratch/open_config expect_failure "a key that is not there" \
  "the key that was named is not there" ssh:ann@web -o identity="$scratch/ssh/no_key"
ssh_config=$scratch/open_config expect_run "a key that is named" ann@web \
  -o identity="$scratch/ssh/no_key" -o identity="$scratch/ssh/key"

expect_failure "an option that ssh does not know" "Bad configuration option" \
  'ssh:ann@web?option=NoSuch=thing'
ssh_config=$scratch/no_config expect_failure "a configuration file that is not there" \
  "Can't open user config file" ssh:ann@web

expect_failure "no algorithm in common" "ssh and the server have no algorithm in common" \
  'ssh:ann@web?option=Ciphers=aes128-cbc'

exit "$failed"
