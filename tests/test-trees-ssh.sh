#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# put -r and get -r over ssh, with the dispatcher that is brought along.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
# shellcheck source=tests/ssh.sh
. "$(dirname "$0")/ssh.sh"
begin_users
begin_sshd
add_user ann /bin/bash
start_sshd web

trees () {
  python3 "$srcdir/tests/trees.py" "$@"
}

# round_trip NAME TREE OWNER [owners]: to there and back.
round_trip () {
  local name=$1 tree=$2 owner=$3 found
  local -a options=(-r)
  shift 3
  [ $# = 0 ] || options+=(-p)
  reach put "${options[@]}" "ssh:$owner@web" "$tree" "$scratch/home/ann/sent"
  if [ "$status$error" != 0 ]; then
    not_ok "$name: put -r" "status $status: $error"
  elif ! found=$(trees compare "$tree" "$scratch/home/ann/sent" "$@"); then
    not_ok "$name: put -r" "$found"
  else
    ok "$name: put -r"
  fi
  reach get "${options[@]}" "ssh:$owner@web" sent "$scratch/fetched"
  [ "$owner" = ann ] || reach get "${options[@]}" "ssh:$owner@web" "$scratch/home/ann/sent" "$scratch/fetched"
  if [ "$status$error" != 0 ]; then
    not_ok "$name: get -r" "status $status: $error"
  elif ! found=$(trees compare "$tree" "$scratch/fetched" "$@"); then
    not_ok "$name: get -r" "$found"
  else
    ok "$name: get -r"
  fi
  rm -rf "$scratch/home/ann/sent" "$scratch/fetched"
}

trees make "$scratch/tree"
round_trip "all that a tree can have" "$scratch/tree" root
chown -R 61000:61000 "$scratch/tree"
round_trip "with owners" "$scratch/tree" root owners
# What nobody but root can read.
chmod 600 "$scratch/tree/mode 000"
round_trip "by another user" "$scratch/tree" ann
trees many "$scratch/many" 3000
round_trip "many files" "$scratch/many" ann
expect_nothing_left "after trees"

# ---- an end in the middle ----

mkdir "$scratch/huge" "$scratch/home/ann/huge"
chown ann "$scratch/home/ann/huge"
head -c 300M /dev/zero > "$scratch/huge/file"
"$longreach" put -r -o config="$scratch/ssh_config" ssh:ann@web "$scratch/huge" "$scratch/home/ann" \
  > "$scratch/output" 2> "$scratch/error" < /dev/null &
pid=$!
# As long as it isn't whole, a file has no name, or a temporary one.
unfinished () {
  find "$scratch/home/ann" -name '.longreach*'
  find /proc/[0-9]*/fd -lname "$scratch/home/ann/*(deleted)" 2> /dev/null || true
}
begun () {
  [ -n "$(unfinished)" ]
}
gone () {
  [ -z "$(unfinished)" ]
}
wait_until 20 begun || not_ok "nothing is sent"
kill -KILL "$pid" || not_ok "it ended before it was killed"
wait "$pid" 2> /dev/null || true
if wait_until 15 gone && [ ! -e "$scratch/home/ann/huge/file" ]; then
  ok "a client that is killed leaves no part of a file there"
else
  not_ok "a client that is killed leaves no part of a file there" "$(find "$scratch/home/ann")"
fi
expect_nothing_left "after that"

exit "$failed"
