#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # the inner shells expand it
# sudo, su and doas, with users who are known only here: what they ask, and who answers, and what ssh
# asks behind other hops; what they say where they refuse; and where a password must not be seen.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"
need sudo su doas python3

umask 022
mkdir -p "$scratch/etc-of-all"
cp -a /etc/. "$scratch/etc-of-all"
mount --bind "$scratch/etc-of-all" /etc
begin_users
# Of words that nothing else says; the hash is crypt(3)'s.
SECRET='Zaehler durch Nenner'
# shellcheck disable=SC2016,SC2034 # these are no variables; add_user takes it
PASSWORD_HASH='$6$longreach$z7gzoHEikKdE.ipNKBg4FQOqSwI1rIxc36d/XJddoCq0OLkHskgY1iLZbM8qaQeOJtvlxi3oH0j8o6DY9mhso1'
for user in ann bob stranger free hasty; do
  add_user "$user" /bin/bash
done
add_user closed /bin/bash
add_user shut /usr/sbin/nologin
shadow=$(sed 's/^closed:\([^:]*\):.*/closed:\1:19000:0:99999:7::19001:/' /etc/shadow)
printf '%s\n' "$shadow" > /etc/shadow
cat > /etc/sudoers << END
Defaults env_reset, lecture=always, !syslog, !mail_no_user, !mail_badpass
Defaults:root use_pty
Defaults:hasty requiretty
root ALL=(ALL:ALL) ALL
ann ALL=(ALL:ALL) ALL
ann ALL=(free) NOPASSWD: ALL
hasty ALL=(ALL) NOPASSWD: ALL
bob ALL=(free) /bin/true
closed ALL=(ALL) ALL
END
chmod 440 /etc/sudoers
rm -rf /etc/sudoers.d
mkdir /etc/sudoers.d
printf '%s\n' 'permit ann' 'permit nopass ann as free' 'permit nopass root' > /etc/doas.conf
sed -i '1i auth sufficient pam_succeed_if.so quiet user = free' /etc/pam.d/su

# as USER COMMAND...
as () {
  local id
  id=$(id -u "$1")
  setpriv --reuid="$id" --regid="$id" --clear-groups \
    env HOME="$scratch/home/$1" USER="$1" XDG_RUNTIME_DIR= "${@:2}"
}

if ! as ann test -x "$longreach"; then
  echo "skipped: the users made here can't run $longreach"
  exit 77
fi

# try USER [ANSWER...] -- ARGUMENT...: run longreach as USER, where there is a terminal if there is
# anything to answer.
try () {
  local user=$1
  local -a answers=()
  shift
  while [ "$1" != -- ]; do
    answers+=("$1")
    shift
  done
  shift
  status=0
  : > "$scratch/shown"
  if [ "${#answers[@]}" = 0 ]; then
    as "$user" timeout 60 setsid --wait "$longreach" "$@" \
      > "$scratch/output" 2> "$scratch/error" < /dev/null || status=$?
  else
    as "$user" timeout 90 python3 "$srcdir/tests/answer.py" "${answers[@]}" -- "$longreach" "$@" \
      > "$scratch/output" 2> "$scratch/error" 3> "$scratch/shown" < /dev/null || status=$?
  fi
  output=$(cat "$scratch/output")
  error=$(cat "$scratch/error")
  shown=$(cat "$scratch/shown")
}

# runs NAME USER WHOM URL [ANSWER QUESTION]...: what runs there is WHOM's, and these questions, and
# no others, are asked.
runs () {
  local name=$1 user=$2 whom=$3 url=$4 expected=
  local -a answers=()
  shift 4
  while [ $# -gt 0 ]; do
    answers+=("$1")
    expected+="longreach: $2"$'\n'
    shift 2
  done
  try "$user" "${answers[@]}" -- run "$@" "$url" -- id -un
  if [ "$status" = 0 ] && [ "$output" = "$whom" ] && [ -z "$error" ] \
    && [ "$shown" = "${expected%$'\n'}" ]; then
    ok "$name"
  else
    not_ok "$name" "status $status: $output; $error; asked: $shown"
  fi
}

# refuses NAME USER URL SENTENCE [ANSWER...]: in one line.
refuses () {
  local name=$1 user=$2 url=$3 sentence=$4
  shift 4
  try "$user" "$@" -- run "$url" -- true
  # shellcheck disable=SC2053 # it is a pattern
  if [ "$status" = 255 ] && [[ $error == "longreach: "$sentence ]] \
    && [ "$(wc -l < "$scratch/error")" = 1 ]; then
    ok "$name"
  else
    not_ok "$name" "status $status: $output; $error; asked: $shown"
  fi
}

begin_sshd
start_sshd web
start_sshd far
start_sshd guarded 'AuthenticationMethods password'
start_sshd interactive 'UsePAM yes' 'AuthenticationMethods keyboard-interactive' \
  'KbdInteractiveAuthentication yes'
ssh="config=$scratch/ssh_config"
chmod 644 "$scratch/ssh/key" # for whoever calls
for user in ann root; do
  mkdir -p "$scratch/keys/$user"
  cp "$scratch/ssh/key" "$scratch/keys/$user/key"
  chown -R "$user" "$scratch/keys/$user"
  chmod 600 "$scratch/keys/$user/key"
done
chmod 600 "$scratch/ssh/key"
web="ssh:ann@web?$ssh"
far="ssh:ann@far?$ssh&identity=$scratch/keys/ann"
guarded="ssh:ann@guarded?$ssh"
cp "$scratch/keys/ann/key" "$scratch/keys/ann/locked"
ssh-keygen -q -p -P '' -N "$SECRET" -f "$scratch/keys/ann/locked" > /dev/null
chown ann "$scratch/keys/ann/locked"

# ---- what holds for every connector, beside all else ----

conformances=()
# conform NAME USER URL
conform () {
  export -f conforms
  as "$2" bash -c 'conforms "$1" "$2"' bash "$1" "$3" > "$scratch/conforms-$1" 2>&1 &
  conformances+=("$1:$!")
}
conform sudo-root root sudo:free
conform sudo-user ann sudo:free
conform su-root root su:free
conform su-user ann su:free
conform doas-root root doas:free
conform doas-user ann doas:free
conform sudo-behind-ssh root "$web,sudo:free"

# ---- passwords ----

ask_sudo='program=sudo -k'
runs "sudo asks once" ann bob "sudo:bob?$ask_sudo" "$SECRET" "bob: [sudo] password for ann: "
runs "sudo to root" ann root "sudo:?$ask_sudo" "$SECRET" "sudo: [sudo] password for ann: "
runs "su asks once" ann bob su:bob "$SECRET" "bob: [su bob] Password: "
host=$(hostname)
runs "doas asks once" ann bob doas:bob "$SECRET" "bob: doas (ann@$host) password: "
runs "sudo that needs no password asks for none" ann free sudo:free
runs "sudo asks behind ssh" root bob "$web,sudo:bob" "$SECRET" \
  "bob (hop 2): [sudo] password for ann: "
runs "su asks behind ssh" root bob "$web,su:bob" "$SECRET" "bob (hop 2): [su bob] Password: "
runs "behind two hosts, one asks after the other" root bob \
  "$web,$far/key,sudo:,su:stranger,su:bob" \
  "$SECRET" "sudo (hop 3): [sudo] password for ann: " \
  "$SECRET" "bob (hop 5): [su bob] Password: "
runs "doas asks behind ssh" root bob "$web,doas:bob" "$SECRET" \
  "bob (hop 2): doas (ann@$host) password: "
runs "doas asks behind local" ann bob local:,doas:bob "$SECRET" \
  "bob (hop 2): doas (ann@$host) password: "
runs "doas that needs no password asks for none behind ssh" root free "$web,doas:free"
runs "ssh asks for a password behind ssh" root ann "$web,$guarded" "$SECRET" \
  "guarded (hop 2): ann@guarded's password: "
runs "ssh asks for a password behind local" ann ann "local:,$guarded" "$SECRET" \
  "guarded (hop 2): ann@guarded's password: "
runs "ssh asks what the server wants to know behind ssh" root ann \
  "$web,ssh:ann@interactive?$ssh" "$SECRET" \
  "interactive (hop 2): (ann@interactive) Password: "
runs "ssh asks for a passphrase behind ssh" root ann "$web,$far/locked" "$SECRET" \
  "far (hop 2): Enter passphrase for key '$scratch/keys/ann/locked': "
runs "ssh and doas ask one after the other, behind ssh" root bob \
  "$web,$guarded,local:,doas:bob" "$SECRET" "guarded (hop 2): ann@guarded's password: " \
  "$SECRET" "bob (hop 4): doas (ann@$host) password: "
export DISPLAY=:7 SSH_ASKPASS=/bin/false SSH_ASKPASS_REQUIRE=force
runs "a display that is there asks nobody" root ann "local:,$guarded" "$SECRET" \
  "guarded (hop 2): ann@guarded's password: "
unset DISPLAY SSH_ASKPASS SSH_ASKPASS_REQUIRE
runs "sudo with a group" ann free "sudo:free?group=free"
[ "$(as ann "$longreach" run sudo:free -- printenv SUDO_USER)" = ann ] \
  || not_ok "sudo says who has called"

refuses "a wrong password for sudo" ann "sudo:bob?$ask_sudo" \
  "bob: the password was wrong: it was asked for again" nonsense
refuses "a wrong password for su" ann su:bob \
  "bob: the password was wrong, or that account has none; su said: *" nonsense
refuses "a wrong password for doas" ann doas:bob \
  "bob: the password was wrong; doas said: *" nonsense
refuses "a wrong password behind ssh" root "$web,sudo:bob" \
  "bob: the password was wrong: it was asked for again" nonsense
refuses "a wrong password for doas behind ssh" root "$web,doas:bob" \
  "bob: the password was wrong; doas said: *" nonsense
refuses "a wrong password for ssh behind ssh" root "$web,$guarded" \
  "guarded: the password was wrong: it was asked for again" nonsense
refuses "a wrong passphrase behind ssh" root "$web,$far/locked" \
  "far: the passphrase was wrong: it was asked for again" nonsense

refuses "sudo without anybody to ask" ann "sudo:bob?$ask_sudo" \
  "bob: a password is needed, and nobody is there to be asked: let sudoers say NOPASSWD *"
refuses "su without anybody to ask" ann su:bob \
  "bob: su asks for a password, and nobody is there to be asked: let longreach ask, *"
refuses "doas without anybody to ask" ann doas:bob \
  "bob: a password is needed, and it can't be asked for: let doas.conf say nopass *"
refuses "su behind ssh without anybody to ask" root "$web,su:bob" \
  "bob: su asks for a password, and nobody is there to be asked: *"
refuses "doas behind ssh without anybody to ask" root "$web,doas:bob" \
  "bob: a password is needed, and it can't be asked for: let doas.conf say nopass *"
refuses "ssh behind ssh without anybody to ask" root "$web,$guarded" \
  "guarded: the server did not let us in; ssh says: *Permission denied (password)."

# ---- other refusals ----

refuses "sudo: an unknown user" ann sudo:nobody9 "nobody9: there is no such user; sudo said: *"
refuses "su: an unknown user" ann su:nobody9 "nobody9: there is no such user; su said: *"
refuses "doas: an unknown user" ann doas:nobody9 "nobody9: there is no such user; doas said: *"
refuses "not in sudoers" stranger sudo:bob \
  "bob: this user may not use sudo there; sudo said: *" "$SECRET"
refuses "not that, by sudoers" bob sudo:free \
  "free: sudoers doesn't let this user do that; sudo said: *" "$SECRET"
refuses "not in doas.conf" stranger doas:bob \
  "bob: doas.conf doesn't let this user do that; doas said: *"
refuses "sudoers wants a terminal" hasty sudo:bob \
  "bob: its sudoers wants a terminal (requiretty), and there is none here; sudo said: *"
refuses "who calls sudo is closed" closed sudo:bob \
  "bob: the account of who calls sudo is closed; sudo said: *" "$SECRET"
refuses "su to a closed account" ann su:closed "closed: that account is closed; su said: *" "$SECRET"
refuses "su to an account without a shell" ann su:shut \
  "shut: that account has no shell for commands; su said: *" "$SECRET"
refuses "an unknown group" ann "sudo:free?group=nobody9" \
  "free: there is no such group; sudo said: *"
refuses "sudo that is not there" ann "sudo:bob?program=$scratch/nowhere" \
  "bob: cannot start $scratch/nowhere: No such file or directory"
refuses "nor behind ssh" root "$web,sudo:bob?program=$scratch/nowhere" \
  "bob: *$scratch/nowhere*No such file or directory*"
refuses "sudo without new privileges" ann "sudo:free?program=setpriv --no-new-privs sudo" \
  "free: processes there can't get other rights, as in a container that was started so; sudo said: *"
refuses "su and the plain protocol" ann "su:bob?protocol=plain" \
  "su: su could take the first request for a password: protocol=plain can't be used here"

# ---- a dispatcher that is not for everybody ----

if [ -d "$LONGREACH_DISPATCHER_DIR/portable" ]; then
  mkdir "$scratch/home/ann/private"
  cp -r "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$LONGREACH_DISPATCHER_DIR/portable" \
    "$scratch/home/ann/private"
  chown -R ann "$scratch/home/ann/private"
  chmod 700 "$scratch/home/ann/private"
  there=$LONGREACH_DISPATCHER_DIR
  export LONGREACH_DISPATCHER_DIR=$scratch/home/ann/private
  for schema in sudo su doas; do
    runs "$schema: what the other user can't run is brought there" ann free "$schema:free"
  done
  export LONGREACH_DISPATCHER_DIR=$there
fi

# ---- where a password must not be ----

mkfifo "$scratch/go"
as ann python3 "$srcdir/tests/answer.py" "$SECRET" "$SECRET" "$SECRET" "$SECRET" -- \
  "$longreach" run --verbose "sudo:?$ask_sudo,su:ann,su:bob,$guarded,doas:bob" \
  -- sh -c 'echo ready; read -r line' \
  > "$scratch/said" 2> "$scratch/log" 3> "$scratch/shown" < "$scratch/go" &
answering=$!
exec 4> "$scratch/go"
is_ready () {
  grep -q ready "$scratch/said"
}
wait_until 20 is_ready || not_ok "it runs behind five hops" "$(cat "$scratch/log")"
# Whoever types it has it in argv.
seen=0
words=(/proc/[0-9]*/cmdline /proc/[0-9]*/environ)
while read -r file; do
  seen=$((seen + 1))
  [ "$(cat "${file%/*}/comm")" = python3 ] \
    || not_ok "no process has the password among its words" "$(tr '\0' ' ' < "$file")"
done < <(grep -la --fixed-strings --file=- "${words[@]}" 2> /dev/null <<< "$SECRET")
if [ "$seen" = 1 ]; then
  ok "no process but the one who types it has the password among its words"
else
  not_ok "the words of all processes are looked at" "$seen have the password"
fi
# The command, and the dispatchers of five hops.
remembered=$(python3 "$srcdir/tests/remembers.py" longreach longreach-dispa <<< "$SECRET")
if [ "$remembered" = "6 looked at" ]; then
  ok "neither the command nor a dispatcher has it in its memory"
else
  not_ok "neither the command nor a dispatcher has it in its memory" "$remembered"
fi
if grep -rl --fixed-strings --file=- /run <<< "$SECRET"; then
  not_ok "no file has the password"
else
  ok "no file, log or error has the password"
fi
grep -q 'sudo: starting' "$scratch/log" || not_ok "the log is there" "$(cat "$scratch/log")"
exec 4>&-
wait "$answering" || true

# ---- and in the end ----

for conformance in "${conformances[@]}"; do
  wait "${conformance#*:}" || failed=1
  cat "$scratch/conforms-${conformance%:*}"
done

expect_nothing_left "in the end"

exit "$failed"
