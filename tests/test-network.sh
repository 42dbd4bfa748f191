#!/bin/bash
# shellcheck disable=SC2317,SC2329 # functions are called by their names
# shellcheck disable=SC2030,SC2031 # and each case has its own $client, $home, $here and $link
# shellcheck disable=SC2016 # shells at the far side expand it
# shellcheck disable=SC2154 # network.sh and those before it set what is used here
# Real networks that fail under real ssh: a link is cut, for good or for a moment, loses packets, or is
# slow; a connection is reset; nobody answers.  The client ends in the time that was promised, with
# one error that tells what and where; the far side ends in its own; and what goes on is right.
#
# The cases run side by side, each behind a link of its own: mostly they wait.
set -eu

if [ -z "${LR_NETWORK:-}" ] && [ "$(id -u)" = 0 ]; then
  LR_NETWORK=1 exec unshare --net "$0" "$@"
fi
# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
# shellcheck source=tests/network.sh
. "$(dirname "$0")/network.sh"
need ip iptables nsenter

umask 022
cases=()
relay=$builddir/bench/relay
begin_network
begin_users
begin_sshd
cat >> "$scratch/ssh_config" << END
Host web watchful slow
  HostName $SERVER
Host behind
  HostName $BEHIND
Host cut-off
  HostName $CUT_OFF
Host slow
  ProxyCommand sh -c 'echo \$\$ > $scratch/cases/%r/relay; exec "\$@"' sh '$relay' 150 20000 %h %p
END
start_sshd web "ListenAddress $SERVER" "ListenAddress $BEHIND" "ListenAddress $CUT_OFF" 'MaxStartups 200'
# It gives up who says nothing for two seconds.
start_sshd watchful "ListenAddress $SERVER" 'ClientAliveInterval 1' 'ClientAliveCountMax 2'
cat >> "$scratch/ssh_config" << END
Host behind cut-off slow
  Port ${sshd_port[web]}
  HostKeyAlias web
END
clean_up () {
  kill "${sshd_pid[@]}" 2> /dev/null || true
  wait "${sshd_pid[@]}" || true
  end_isolation
  rm -rf "$scratch"
}
trap clean_up EXIT

# What is put and got: too much for what is under way to end it.
head -c 120000000 /dev/urandom > "$scratch/large"
head -c 300000 "$scratch/large" > "$scratch/small"
chmod 644 "$scratch/large" "$scratch/small"

# A second of silence, and another, is the end for the client, and three seconds are for the far
# side.  SLACK is what a busy machine may take besides.
LIFE=(--keep-alive=1 --lease=3)
SILENT=2000
LEAST=500 # what was heard last may have been before the cut
MOST=6000
# The same where a cut of less than that must be survived.
PATIENT=(--keep-alive=8 --lease=30)

count () {
  local i
  for ((i = 0; i < 100; i++)); do
    echo "line $i"
  done
}
count > "$scratch/counted"
counting='i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i + 1)); sleep 0.02; done'
silence="there was no sign of life from the dispatcher for $SILENT milliseconds"

# expect_counted NAME: what came of what was counted is right, as far as it came.
expect_counted () {
  expect_same "$1" "$here/output" <(head -c "$(stat -c %s "$here/output")" "$scratch/counted")
}

# ---- a link that is cut, and stays so ----

# Nobody waits for an answer then: it is told with the next request.
case_idle () {
  begin_requests "${LIFE[@]}"
  ask 1
  await_words result
  cut
  sleep 3
  ask 2
  await_words '^{"id":2,"error":.*'"web: $silence" \
    || not_ok "a request on an idle connection that was cut" "$(cat "$here/output")"
  ask 3
  await_words '^{"id":3,"error":.*'"web: $silence" \
    || not_ok "another request" "$(cat "$here/output")"
  end_requests
  collect
  if [ "$status" = 255 ] && [ "$took" -lt 6000 ]; then
    ok "an idle connection that was cut"
  else
    not_ok "an idle connection that was cut" "status $status after $took ms: $(cat "$here/error")"
  fi
  expect_nothing_far_away "an idle connection"
}

# begin_requests OPTION...: start one that takes them.
begin_requests () {
  mkfifo "$here/requests"
  input=$here/requests start batch "$@" "$(far web)"
  exec 9> "$here/requests"
}

# ask NUMBER: a short request.
ask () {
  echo '{"id":'"$1"',"op":"getenv","key":"HOME"}' >&9
}

# What reads the requests comes to their end.
end_requests () {
  exec 9>&-
}

case_run () {
  start run "${LIFE[@]}" "$(far web)" -- sh -c "(trap '' HUP; exec sleep 100 < /dev/null > /dev/null 2>&1) &
    $counting; sleep 100"
  await_words 'line 5$'
  cut
  expect_lost "a command that prints" "$LEAST" "$MOST" "web: $silence"
  expect_counted "what a command printed before the cut"
  expect_nothing_far_away "a command that prints"
  mend
  expect_way "the next connection, when the link is back"
}

case_wait () {
  start run "${LIFE[@]}" "$(far web)" -- sh -c 'echo waits; sleep 100'
  await_words waits
  cut
  expect_lost "a call that waits" "$LEAST" "$MOST" "web: $silence"
  expect_nothing_far_away "a call that waits"
}

# start_put FILE OPTION... URL: begin a put that takes the place of another file.
start_put () {
  cp "$scratch/small" "$home/file"
  chown "$client" "$home/file"
  start put "${@:2}" "$scratch/$1" "$home/file"
  await_bytes 3000000
}

# start_get FILE OPTION... URL: begin a get that takes the place of another file.
start_get () {
  cp "$scratch/small" "$here/file"
  start get "${@:2}" "$scratch/$1" "$here/file"
  await_bytes 3000000
}

# expect_lost_put NAME [HOST]
expect_lost_put () {
  expect_lost "$1" "$LEAST" "$MOST" "${2:-web}: $silence"
  expect_nothing_far_away "$1"
  expect_same "$1: the target is what it was" "$home/file" "$scratch/small"
}

# expect_lost_get NAME [HOST]
expect_lost_get () {
  expect_lost "$1" "$LEAST" "$MOST" "${2:-web}: $silence"
  expect_nothing_far_away "$1"
  expect_same "$1: the target is what it was" "$here/file" "$scratch/small"
}

case_put () {
  start_put large "${LIFE[@]}" "$(far web)"
  cut
  expect_lost_put "a put"
}

case_get () {
  start_get large "${LIFE[@]}" "$(far web)"
  cut
  expect_lost_get "a get"
}

# Without a lease it is the server that gives up.
case_server () {
  start run --keep-alive=1 "$(far watchful)" -- sh -c 'echo waits; sleep 100'
  await_words waits
  cut
  expect_lost "no lease" "$LEAST" "$MOST" "watchful: $silence"
  expect_nothing_far_away "no lease, and a server with ClientAliveInterval"
}

# ---- on the way there ----

# What a dispatcher is begun with has come in parts.
case_open () {
  filter far --match quota --quota 60000 --jump ACCEPT
  filter far --jump DROP
  start run --connect-timeout=3 "$(far watchful)" -- true
  expect_lost "a cut while the dispatcher is brought" 3000 7000 \
    "watchful: no dispatcher has answered within 3000 milliseconds*"
  expect_nothing_far_away "a cut while the dispatcher is brought"
}

case_handshake () {
  filter far --match quota --quota 1500 --jump ACCEPT
  filter far --jump DROP
  start run --connect-timeout=2 "$(far web)" -- true
  expect_lost "a cut while ssh opens its connection" 2000 6000 \
    "web: no dispatcher has answered within 2000 milliseconds*"
}

case_connect () {
  filter far --protocol tcp --dport "${sshd_port[web]}" --jump DROP
  start run --connect-timeout=1 "$(far web)" -- true
  expect_lost "a port that is filtered" 1000 5000 \
    "web: no dispatcher has answered within 1000 milliseconds*"
  start run --connect-timeout=30 -o option=ConnectTimeout=1 "$(far web)" -- true
  expect_lost "a port that is filtered, and ssh gives up itself" 1000 5000 \
    "web: the host does not answer; ssh says: *"
  start run "ssh:$SERVER:1" -- true
  expect_lost "a port where nobody listens" 0 4000 "$SERVER: nothing listens at that port; ssh says: *"
  filter near --jump DROP
  filter far --protocol tcp --dport 1 --jump REJECT --reject-with icmp-host-unreachable
  inside iptables --flush
  start run "ssh:$SERVER:1" -- true
  expect_lost "a host that is not reached" 0 4000 "$SERVER: no way leads there; ssh says: *"
  ip -n "$client" route del default
  start run "$(far web)" -- true
  expect_lost "a network that is not reached" 0 4000 "web: no way leads there; ssh says: *"
}

# ---- through another host ----

# chain HOST: the URL of a user at the host behind the server.
chain () {
  others=$client-2
  cp "$scratch/ssh/key" "$home/key"
  chown "$client" "$home/key"
  way="$(far web),ssh:$others@$1?config=$scratch/ssh_config&identity=$home/key"
}

case_chain () {
  chain behind
  start run "${LIFE[@]}" "$way" -- sh -c 'echo waits; sleep 100'
  await_words waits
  cut
  expect_lost "the first link of a chain" "$LEAST" "$MOST" "web: $silence"
  expect_nothing_far_away "the first link of a chain"
}

case_chain_end () {
  chain cut-off
  start run "${LIFE[@]}" "$way" -- sh -c 'echo waits; sleep 100'
  await_words waits
  iptables --wait --append INPUT --in-interface lo --destination "$CUT_OFF" --jump DROP
  since=$EPOCHREALTIME
  expect_lost "the second link of a chain" "$LEAST" "$MOST" "cut-off: $silence"
  expect_nothing_far_away "the second link of a chain"
}

# ---- a link that comes back ----

interrupt () {
  cut
  sleep 0.7
  mend
}

case_put_again () {
  start_put large "${PATIENT[@]}" "$(far web)"
  interrupt
  expect_success "a put over a link that comes back"
  expect_same "its bytes are right" "$home/file" "$scratch/large"
}

case_get_again () {
  start_get large "${PATIENT[@]}" "$(far web)"
  interrupt
  expect_success "a get over a link that comes back"
  expect_same "its bytes are right" "$here/file" "$scratch/large"
}

case_run_again () {
  start run "${PATIENT[@]}" "$(far web)" -- sh -c "$counting"
  await_words 'line 5$'
  interrupt
  expect_success "a command over a link that comes back"
  expect_same "all its lines come once" "$here/output" "$scratch/counted"
}

case_feed_again () {
  input=$scratch/large start run "${PATIENT[@]}" "$(far web)" -- cat
  await_bytes 3000000
  interrupt
  expect_success "a command's input and output over a link that comes back"
  expect_same "their bytes are right" "$here/output" "$scratch/large"
}

# ---- packets that are lost, some or all, and connections that are reset ----

# lose_some PROBABILITY: what is one packet here is dozens on a real line, of which each can be lost.
lose_some () {
  ip link set "$link" gso_max_segs 1
  ip -n "$client" link set near gso_max_segs 1
  filter near --match statistic --mode random --probability "$1" --jump DROP
  filter far --match statistic --mode random --probability "$1" --jump DROP
}

expect_losses () {
  local near far
  near=$(lost near) far=$(lost far)
  if ((near + far > 0)); then
    ok "there were such packets"
  else
    not_ok "there were such packets"
  fi
  echo "# $near and $far packets were lost"
}

case_loss () {
  start run "${PATIENT[@]}" "$(far web)" -- cat "$scratch/small"
  lose_some 0.05
  expect_success "a command over a link that loses packets"
  expect_same "its output is right" "$here/output" "$scratch/small"
  start put "${PATIENT[@]}" "$(far web)" "$scratch/small" "$home/file"
  expect_success "a put over it"
  expect_same "what was put is right" "$home/file" "$scratch/small"
  start get "${PATIENT[@]}" "$(far web)" "$scratch/small" "$here/file"
  expect_success "a get over it"
  expect_same "what was got is right" "$here/file" "$scratch/small"
  expect_losses
}

case_much_loss () {
  begin_requests "${PATIENT[@]}"
  ask 1
  await_words result
  lose_some 0.2
  for id in 2 3 4 5 6; do
    echo '{"id":'"$id"',"op":"run","command":["seq","'"$id"'","2000"]}' >&9
  done
  end_requests
  expect_success "requests over a link that loses every fifth packet"
  expect_losses
  for id in 2 3 4 5 6; do
    jq -r 'select(.id == '"$id"') | .result.stdout' "$here/output" | grep . > "$here/answer"
    seq "$id" 2000 | cmp - "$here/answer"
  done
  if [ "$(jq .id "$here/output" | sort | tr -d '\n')" = 123456 ]; then
    ok "each is answered once, and right"
  else
    not_ok "each is answered once, and right" "$(head -c 2000 "$here/output")"
  fi
}

case_answers_put () {
  start_put large "${LIFE[@]}" "$(far web)"
  filter near --jump DROP
  expect_lost_put "a put whose answers are lost"
}

case_answers_run () {
  start run "${LIFE[@]}" "$(far web)" -- sh -c "$counting; sleep 100"
  await_words 'line 5$'
  filter near --jump DROP
  expect_lost "a command whose output is lost" "$LEAST" "$MOST" "web: $silence"
  expect_counted "what came before that"
  expect_nothing_far_away "a command whose output is lost"
}

case_requests_get () {
  start_get large "${LIFE[@]}" "$(far web)"
  filter far --jump DROP
  expect_lost_get "a get whose requests are lost"
}

case_requests_run () {
  start run "${LIFE[@]}" "$(far web)" -- sh -c 'echo waits; sleep 100'
  await_words waits
  filter far --jump DROP
  expect_lost "a command whose client is not heard" "$LEAST" "$MOST" "web: $silence"
  expect_nothing_far_away "a command whose client is not heard"
}

case_reset () {
  start run "${LIFE[@]}" "$(far web)" -- sh -c "$counting; sleep 100"
  await_words 'line 5$'
  filter far --protocol tcp --jump REJECT --reject-with tcp-reset
  expect_lost "a connection that is reset" 0 1900 "web: the connection was lost; ssh says: *"
  expect_counted "what came before the reset"
  expect_nothing_far_away "a connection that is reset"
}

case_reset_put () {
  start_put large "${LIFE[@]}" "$(far web)"
  filter far --protocol tcp --jump REJECT --reject-with tcp-reset
  expect_lost "a put that is reset" 0 1900 "web: the connection was lost; ssh says: *"
  expect_nothing_far_away "a put that is reset"
  expect_same "the target of a put that is reset" "$home/file" "$scratch/small"
}

# ---- slow lines ----

# Who only listens keeps its lease.
case_lease () {
  start run --lease=1 "$(far web)" -- sh -c "$counting"
  expect_success "a command that prints for longer than a lease"
  expect_same "all that it printed has come" "$here/output" "$scratch/counted"
}

relay () {
  kill "-$1" "$(cat "$here/relay")"
}

# What waits on a line is no silence: 20 kB come each second for a while.
slow_down () {
  relay USR1
  sleep 6
  kill -0 "$started" || not_ok "it goes on while the line is slow"
  relay USR1
}

case_slow_put () {
  start_put large --keep-alive=2 "$(far slow)"
  slow_down
  expect_success "a put over a line that gets slow"
  expect_same "what was put over it" "$home/file" "$scratch/large"
}

case_slow_get () {
  start_get large --keep-alive=2 "$(far slow)"
  slow_down
  expect_success "a get over a line that gets slow"
  expect_same "what was got over it" "$here/file" "$scratch/large"
}

case_slow_feed () {
  input=$scratch/large start run --keep-alive=2 --lease=6 "$(far slow)" -- sh -c 'exec cat > file'
  await_bytes 3000000
  slow_down
  expect_success "a command's input over a line that gets slow"
  expect_same "what was fed over it" "$home/file" "$scratch/large"
}

case_stall () {
  start_put large "${LIFE[@]}" "$(far slow)"
  relay STOP
  since=$EPOCHREALTIME
  expect_lost_put "a put through a relay that stalls" slow
  relay KILL
}

for name in chain chain_end; do
  add_user "${name/_/-}-2" /bin/sh
done
# The longest come first; with arguments it is only those that are named.
if [ $# = 0 ]; then
  set -- slow_put slow_get slow_feed get server requests_get stall open idle run wait put handshake \
    connect chain chain_end put_again get_again run_again feed_again loss much_loss answers_put \
    answers_run requests_run reset reset_put lease
fi
for name in "$@"; do
  run_case "$name"
done
collect_cases
exit "$failed"
