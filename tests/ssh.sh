# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # who sources it looks at $output, and sets $srcdir
# shellcheck disable=SC2016 # the far side expands it
# What the tests of the connector ssh share.  Sourced, behind servers.sh.

isolate "$@"
trap 'exit 1' HUP INT TERM # which the first process of a name space would ignore
need ssh sshd pgrep

# In a /run of the test's own.  Not below /tmp, which a server may hide.
scratch=/run/test
mkdir "$scratch"
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# reach SUBCOMMAND TARGET...: run longreach with the configuration $ssh_config, or the one that knows
# the servers; its outputs go to $output and $error, its status to $status.
reach () {
  local subcommand=$1
  shift
  status=0
  timeout 60 setsid --wait "$longreach" "$subcommand" -o config="${ssh_config:-$scratch/ssh_config}" \
    "$@" > "$scratch/output" 2> "$scratch/error" < /dev/null || status=$?
  output=$(cat "$scratch/output")
  error=$(cat "$scratch/error")
}

# expect_run NAME TARGET [OPTION]...: what is run there prints what it should, and nothing else is
# printed.
expect_run () {
  local name=$1 target=$2
  shift 2
  reach run "$@" "ssh:$target" -- sh -c 'echo "it is $(id -un)"; echo "to $0" >&2; exit 7' stderr
  if [ "$status" = 7 ] && [ "$output" = "it is ${target%%@*}" ] && [ "$error" = "to stderr" ]; then
    ok "$name"
  else
    not_ok "$name" "status $status: $output; $error"
  fi
}

# expect_failure NAME WORDS TARGET [OPTION]...: the only thing said is a sentence with the words.
expect_failure () {
  local name=$1 words=$2 target=$3
  shift 3
  reach run "$@" "$target" -- true
  if [ "$status" = 255 ] && [ "$(wc -l < "$scratch/error")" = 1 ] && [[ $error == *"$words"* ]]; then
    ok "$name"
  else
    not_ok "$name" "status $status: $output; $error"
  fi
}

no_dispatchers () {
  ! pgrep -x longreach-dispa > /dev/null
}

staged () {
  find "$scratch/home" -name '.lr-*'
}

nothing_staged () {
  [ -z "$(staged)" ]
}

# expect_nothing_left NAME: of what was put on a far side, or started there.
expect_nothing_left () {
  if ! wait_until 15 no_dispatchers; then
    not_ok "$1: no process is left" "$(ps -ef)"
  elif ! wait_until 5 nothing_staged; then
    not_ok "$1: no file is left" "$(staged)"
    rm -rf "$scratch"/home/*/.cache/.lr-*
  else
    ok "$1: nothing is left"
  fi
}
