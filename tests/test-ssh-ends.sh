#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2016 # shells at the far side expand it
# ssh and what is around a connection: shared ones, jump hosts, many at once; servers that fail in the
# midst of it; and that nothing stays at the far side, however it ends.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
need python3
begin_users
begin_sshd
add_user ann /bin/bash
start_sshd web

PATIENCE=15

# ---- other ways there ----

start_sshd bastion
start_sshd inner
sed -i '/^Host inner$/a\  ProxyJump ann@bastion' "$scratch/ssh_config"
expect_run "a jump host of the configuration" ann@inner
grep -q 'Accepted publickey for ann' "$scratch/ssh/bastion.log" \
  || not_ok "the jump host was on the way" "$(cat "$scratch/ssh/bastion.log")"
expect_run "jump hosts as an option" "ann@inner?option=ProxyJump=ann@bastion%2Cann@web"
expect_failure "a jump host from where no way leads on" \
  "the jump host can't reach it; ssh says: channel 0: open failed: connect failed: Connection refused" \
  "ssh:ann@127.0.0.1:1?option=ProxyJump=ann@bastion"

# What a URL brings into ssh's configuration is run by a shell there.
printf 'Host *\n  ProxyCommand echo %%h %%r; exit 1\n' > "$scratch/proxy_config"
mkdir "$scratch/here"
cd "$scratch/here"
for part in '-oProxyCommand=touch%20hole' ';touch%20hole;' '$(touch%20hole)' '`touch%20hole`' \
  'a%0Atouch%20hole' '|touch%20hole' "'" '%27;touch%20hole;%27'; do
  ssh_config=$scratch/proxy_config reach run "ssh:$part" -- true
  [ "$status" = 255 ] || not_ok "ssh:$part" "status $status: $error"
  ssh_config=$scratch/proxy_config reach run "ssh:$part@web" -- true
  [ "$status" = 255 ] || not_ok "ssh:$part@web" "status $status: $error"
  reach run "ssh:ann@web?dispatcher=$part" -- true
  reach run "ssh:ann@web?directory=/$part" -- true
  reach run "ssh:ann@web" -- "$part" || true
done
cd - > /dev/null
if find "$scratch" -name hole | grep .; then
  not_ok "parts of a URL are never run"
else
  ok "parts of a URL are never run"
fi

# ---- a dispatcher that is there ----

mkdir "$scratch/far"
cp "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$scratch/far/dispatcher"
expect_run "a dispatcher that is installed there" "ann@web?dispatcher=$scratch/far/dispatcher"
mkdir "$scratch/far/of ann's! \$x"
cp "$scratch/far/dispatcher" "$scratch/far/of ann's! \$x/dispatcher"
for name in bash fish bsd-csh; do
  add_user "user-$name" "$(command -v "$name")"
  expect_run "its path passes the login shell $name" \
    "user-$name@web?dispatcher=$scratch/far/of%20ann's!%20\$x/dispatcher"
done
echo "far away" > "$scratch/home/ann/file"
reach get "ssh:ann@web?protocol=plain&dispatcher=$scratch/far/dispatcher" "$scratch/home/ann/file" -
if [ "$status" = 0 ] && [ "$output" = "far away" ]; then
  ok "the plain protocol"
else
  not_ok "the plain protocol" "status $status: $error"
fi
reach run "ssh:ann@web?dispatcher=/nosuch/dispatcher" -- true
if [ "$status" = 255 ] && [[ $error == *"could not be run"* ]]; then
  ok "a dispatcher that is not there"
else
  not_ok "a dispatcher that is not there" "status $status: $error"
fi

# ---- shared connections ----

start_sshd shared
cat > "$scratch/shared_config" << END
ControlMaster auto
ControlPath $scratch/ssh/control-%C
ControlPersist 60
Include $scratch/ssh_config
END
ssh_config=$scratch/shared_config
for number in 1 2 3; do
  expect_run "run $number of three through one connection" ann@shared
done
if [ "$(grep -c 'Accepted publickey' "$scratch/ssh/shared.log")" = 1 ]; then
  ok "one connection is shared"
else
  not_ok "one connection is shared" "$(cat "$scratch/ssh/shared.log")"
fi
expect_nothing_left "a connection that stays"
ssh -F "$ssh_config" -O exit ann@shared 2> /dev/null

start_sshd narrow "MaxSessions 1"
(
  timeout 60 "$longreach" run -o config="$ssh_config" ssh:ann@narrow -- cat > /dev/null
) < <(sleep 3) &
narrow=$!
wait_until "$PATIENCE" pgrep -x longreach-dispa > /dev/null
expect_run "no session is left in the connection (MaxSessions): another is made" ann@narrow
wait "$narrow" || not_ok "the connection that is shared" "status $?"
ssh -F "$ssh_config" -O exit ann@narrow 2> /dev/null || true
unset ssh_config

start_sshd none "MaxSessions 0"
expect_failure "a server that opens no session" \
  "the server opens no session (its MaxSessions, or a rule); ssh says: " ssh:ann@none

# ---- many at once ----

# many TARGET: 60 at once; how many came through goes to $came, and what else was said is left in
# $scratch/many.
many () {
  local number
  local -a clients=()
  rm -rf "$scratch/many"
  mkdir "$scratch/many"
  for ((number = 0; number < 60; number++)); do
    timeout 60 "$longreach" run -o config="$scratch/ssh_config" "$1" -- echo through \
      > "$scratch/many/$number" 2>&1 < /dev/null &
    clients+=($!)
  done
  wait "${clients[@]}" || true
  came=$(grep -lx through "$scratch/many"/* | wc -l)
  sed -i '/^through$/d' "$scratch/many"/*
}

start_sshd busy "MaxStartups 100"
many ssh:ann@busy
if [ "$came" = 60 ]; then
  ok "60 connections at once"
else
  not_ok "60 connections at once" "$came, and: $(sort -u "$scratch/many"/*)"
fi

start_sshd crowded "MaxStartups 3"
many ssh:ann@crowded
said=$(cat "$scratch/many"/* | grep -v "MaxStartups), or .*; ssh says: kex_" || true)
if [ "$came" -gt 0 ] && [ "$came" -lt 60 ] && [ -z "$said" ]; then
  ok "more than a server takes at once (MaxStartups), $came came through"
else
  not_ok "more than a server takes at once (MaxStartups)" "$came, and: $said"
fi
expect_nothing_left "many at once"

# ---- servers that fail ----

# listen PROGRAM: a server in Python, for which s is a connection; its port goes to $port.
listen () {
  rm -f "$scratch/port"
  python3 -c "
import os, socket, time
l = socket.socket()
l.bind(('127.0.0.1', 0))
l.listen()
with open('$scratch/port.new', 'w') as f:
    f.write(str(l.getsockname()[1]))
os.rename('$scratch/port.new', '$scratch/port')
s, _ = l.accept()
$1
" &
  listener=$!
  wait_until "$PATIENCE" test -s "$scratch/port"
  port=$(cat "$scratch/port")
}

listen 'time.sleep(60)'
SECONDS=0
expect_failure "a server that accepts and never answers" "within 2000 milliseconds" \
  "ssh:ann@127.0.0.1:$port" --connect-timeout 2
if ((SECONDS > 15)); then
  not_ok "a server that never answers is given up in time" "$SECONDS seconds"
fi
kill "$listener"
listen 'time.sleep(60)'
expect_failure "a server that never answers, and ssh's own patience" \
  "the host does not answer; ssh says: Connection timed out during banner exchange" \
  "ssh:ann@127.0.0.1:$port?option=ConnectTimeout=1"
kill "$listener"
listen 'time.sleep(60)'
"$longreach" run -o config="$scratch/ssh_config" "ssh:ann@127.0.0.1:$port" -- true \
  > "$scratch/output" 2> "$scratch/error" < /dev/null &
client=$!
wait_until "$PATIENCE" pgrep -x ssh > /dev/null
kill -TERM "$client"
status=0
wait "$client" 2> /dev/null || status=$?
no_ssh () {
  ! pgrep -x ssh > /dev/null
}
if wait_until 5 no_ssh && [ "$status" = 143 ]; then
  ok "who gives up while it connects takes ssh along"
else
  not_ok "who gives up while it connects takes ssh along" "status $status: $(ps -ef)"
fi
kill "$listener"
listen 's.close()'
expect_failure "a server that hangs up at once" "kex_exchange_identification: " \
  "ssh:ann@127.0.0.1:$port"
listen "s.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n' + b'<html>\\n' * 2000)"
expect_failure "a server that is none" "what answers there is no SSH server; ssh says: " \
  "ssh:ann@127.0.0.1:$port"

# The head of this far side kills the sshd of its session when it has read a little.
mkdir "$scratch/dying"
for program in $(compgen -c | grep -x '[a-z]*' | sort -u); do
  path=$(type -P "$program") || continue
  ln -s "$path" "$scratch/dying/$program" 2> /dev/null || true
done
rm "$scratch/dying/head"
cat > "$scratch/dying/head" << 'END'
#!/bin/bash
/usr/bin/head -c 1000
kill -KILL "$(ps -o ppid= -p "$PPID")"
exec /usr/bin/head "$@"
END
chmod 755 "$scratch/dying/head"
start_sshd dying "SetEnv PATH=$scratch/dying"
expect_failure "a server that dies while a dispatcher is being put there" "; ssh says: " ssh:ann@dying
expect_nothing_left "a server that died"

# ---- however it ends ----

# begin_client SIGNALS: a command with children, one of which ignores the signals.
begin_client () {
  rm -f "$scratch/home/ann/ready"
  "$longreach" run -o config="$scratch/ssh_config" ssh:ann@web -- sh -c \
    "sleep 1000 & (trap '' $1; exec sleep 1000) & touch ready.new; mv ready.new ready; wait" \
    > "$scratch/output" 2> "$scratch/error" < /dev/null &
  client=$!
  if ! wait_until "$PATIENCE" test -e "$scratch/home/ann/ready"; then
    not_ok "a command begins" "$(cat "$scratch/error")"
  fi
}

no_sleep () {
  ! pgrep -x sleep > /dev/null
}

# expect_all_gone NAME STATUS
expect_all_gone () {
  local status=0
  wait "$client" 2> /dev/null || status=$?
  if [ "$status" != "$2" ]; then
    not_ok "$1: the status" "$status: $(cat "$scratch/error")"
  elif ! wait_until "$PATIENCE" no_sleep; then
    not_ok "$1: no command is left" "$(ps -ef)"
  fi
  expect_nothing_left "$1"
}

begin_client HUP
kill -TERM "$client"
expect_all_gone "a client that is ended" 143

begin_client "HUP TERM"
kill -KILL "$client"
expect_all_gone "a client that is killed" 137

begin_client "HUP TERM"
pkill -KILL -x ssh
expect_all_gone "a killed ssh" 255
if grep -q 'ended by signal 9' "$scratch/error"; then
  ok "a killed ssh is told of"
else
  not_ok "a killed ssh is told of" "$(cat "$scratch/error")"
fi

begin_client "HUP TERM"
pkill -KILL -u ann -x sshd
expect_all_gone "a killed server" 255
if grep -q 'ssh says: ' "$scratch/error"; then
  ok "a killed server has its sentence"
else
  not_ok "a killed server has its sentence" "$(cat "$scratch/error")"
fi

# At any moment, also while a dispatcher is being put there.
for ((round = 0; round < 24; round++)); do
  (timeout 60 "$longreach" run -o config="$scratch/ssh_config" ssh:ann@web -- sleep 1000 || true) \
    > /dev/null 2>&1 < /dev/null &
  client=$!
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  case $((round % 3)) in
    0) pkill -KILL -x longreach || true ;;
    1) pkill -KILL -x ssh || true ;;
    2) pkill -KILL -u ann -x sshd || true ;;
  esac
  pkill -KILL -x longreach || true
  wait "$client"
done
wait_until "$PATIENCE" no_sleep || not_ok "no command is left at any moment" "$(ps -ef)"
expect_nothing_left "killed at any moment"

exit "$failed"
