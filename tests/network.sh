# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # ssh.sh and servers.sh set what is used here; who sources it does
# shellcheck disable=SC2030,SC2031 # each case has its own $client, $home, $here and $link
# Networks for the tests: servers in this name space, and clients in others, each of them at the end
# of a link of its own, to which anything can happen.  Sourced, behind ssh.sh, by a test that is in
# a network name space of its own.

SERVER=10.99.0.1 # however a client gets there
BEHIND=10.99.0.2 # the same machine, for who goes on from the server
CUT_OFF=10.99.0.3

begin_network () {
  local address
  ip link set lo up
  for address in "$SERVER" "$BEHIND" "$CUT_OFF"; do
    ip address add "$address/32" dev lo
  done
  links=0
}

# add_client NAME: a name space with a link to this one, and a user of that name whose home is empty.
add_client () {
  links=$((links + 1))
  add_user "$1" /bin/sh
  ip netns add "$1"
  ip link add "far$links" type veth peer name near netns "$1"
  ip address add "10.9.$links.1/24" dev "far$links"
  ip link set "far$links" up
  ip -n "$1" link set lo up
  ip -n "$1" address add "10.9.$links.2/24" dev near
  ip -n "$1" link set near up
  ip -n "$1" route add default via "10.9.$links.1"
}

# ---- a case: what happens to one client ----

# run_case NAME: run the function case_NAME behind a link of its own, beside all others.
run_case () {
  local name=${1//_/-}
  add_client "$name"
  mkdir -p "$scratch/cases/$name"
  (
    set -e
    client=$name link=far$links home=$scratch/home/$name here=$scratch/cases/$name
    trap 'not_ok "the case runs to its end" "line ${BASH_LINENO[*]}: $(cat "$here/error")"' EXIT
    began=$EPOCHREALTIME
    "case_$1"
    trap - EXIT
    echo "# took $(milliseconds_since "$began") ms"
  ) > "$scratch/cases/$name/report" 2>&1 &
  cases+=("$name:$!")
}

# Wait for the cases, and say how each went.
collect_cases () {
  local case name
  for case in "${cases[@]}"; do
    name=${case%:*}
    wait "${case#*:}" || failed=1
    grep -v '^\(not \)\?ok \|^#' "$scratch/cases/$name/report" | sed "s/^/# $name: /" || true
    sed -n "s/^\(ok\|not ok\|#\) /\1 $name: /p" "$scratch/cases/$name/report"
    if grep -q '^not ok' "$scratch/cases/$name/report"; then
      failed=1
    fi
  done
  cases=()
}

# milliseconds_since WHEN, as $EPOCHREALTIME had it
milliseconds_since () {
  local now=$EPOCHREALTIME
  echo $(((${now/[.,]/} - ${1/[.,]/}) / 1000))
}

# ---- the client ----

inside () {
  nsenter --net="/run/netns/$client" -- "$@"
}

# far NAME: the URL of this case's user at the server of that name
far () {
  echo "ssh:$client@$1?config=$scratch/ssh_config"
}

# start WORD...: run longreach in the background; its outputs go to $here/output and $here/error.
start () {
  : > "$here/output"
  since=$EPOCHREALTIME
  inside setsid --wait timeout --kill-after=5 60 "$longreach" "$@" \
    > "$here/output" 2> "$here/error" < "${input:-/dev/null}" &
  started=$!
}

# Wait for what was started: its status goes to $status, and to $took how many milliseconds it has
# lived since it was started, or since something was done to the link.
collect () {
  status=0
  wait "$started" || status=$?
  took=$(milliseconds_since "$since")
}

has_said () {
  grep -q "${1:-.}" "$here/output"
}

# await_words [WORDS]: what was started has said them.
await_words () {
  wait_until 15 has_said "$@"
}

# How many bytes the link has carried, in both directions.
carried () {
  awk -v name="$link:" '$1 == name { print $2 + $10 }' /proc/net/dev
}

has_carried () {
  [ "$(carried)" -ge "$1" ]
}

# await_bytes COUNT: that many have gone over the link.
await_bytes () {
  wait_until 15 has_carried "$1"
}

# ---- the link ----

cut () {
  ip link set "$link" down
  since=$EPOCHREALTIME
}

mend () {
  ip link set "$link" up
}

# filter near|far RULE...: append to what is done with packets that come in at that end.
filter () {
  if [ "$1" = near ]; then
    inside iptables --wait --append INPUT --in-interface near "${@:2}"
  else
    iptables --wait --append INPUT --in-interface "$link" "${@:2}"
  fi
  since=$EPOCHREALTIME
}

# lost near|far: how many packets have been dropped, or refused, there.
lost () {
  if [ "$1" = near ]; then
    inside iptables --wait --list INPUT --verbose --numeric --exact
  else
    iptables --wait --list INPUT --verbose --numeric --exact
  fi | awk -v link="$([ "$1" = near ] && echo near || echo "$link")" \
    '($3 == "DROP" || $3 == "REJECT") && $6 == link { sum += $1 } END { print sum + 0 }'
}

# ---- what has to hold ----

# expect_lost NAME LEAST MOST WORDS: what was started ends within those milliseconds, with
# one line that has the WORDS, a pattern.
expect_lost () {
  local name=$1 least=$2 most=$3 words=$4
  collect
  # shellcheck disable=SC2053 # it is a pattern
  if [ "$status" = 255 ] && [ "$(wc -l < "$here/error")" = 1 ] \
    && [[ $(cat "$here/error") == longreach:\ $words ]]; then
    ok "$name: one error says it"
  else
    not_ok "$name: one error says it" "status $status: $(cat "$here/error")"
  fi
  if ((took >= least && took <= most)); then
    ok "$name: in time"
  else
    not_ok "$name: in time" "$took ms, not from $least to $most"
  fi
}

expect_success () {
  collect
  if [ "$status" = 0 ] && [ ! -s "$here/error" ]; then
    ok "$1"
  else
    not_ok "$1" "status $status: $(cat "$here/error")"
  fi
}

expect_same () {
  if cmp "$2" "$3" > /dev/null; then
    ok "$1"
  else
    not_ok "$1" "$(cmp "$2" "$3" 2>&1)"
  fi
}

# The processes of this case's users; sshd's own are not ours.
processes () {
  # shellcheck disable=SC2009 # their state is needed, too
  ps -u "$client${others:+,$others}" -o pid=,stat=,comm=,args= \
    | grep -v '^ *[0-9]* *[^ ]* *sshd\|^ *[0-9]* *Z' || true
}

nothing_runs () {
  [ -z "$(processes)" ]
}

files () {
  find "$home" ${others:+"$scratch/home/$others"} -name '.?*' ! -name .cache
}

no_files () {
  [ -z "$(files)" ]
}

# expect_nothing_far_away NAME: of this case, within a lease, and what the end takes.
expect_nothing_far_away () {
  if ! wait_until 12 nothing_runs; then
    not_ok "$1: no process is left" "$(processes)"
  elif ! wait_until 2 no_files; then
    not_ok "$1: no file is left" "$(files)"
  else
    ok "$1: nothing is left at the far side"
  fi
}

# expect_way NAME: the next connection works.
expect_way () {
  start run "$(far web)" -- echo here
  expect_success "$1"
  has_said '^here$' || not_ok "$1" "$(cat "$here/output")"
}
