# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources it looks at $failed, $said and $longreach
# What suites in shell share: what has passed and what has failed, and the command that is tried.
# Sourced.

failed=0

# Not the script that libtool wraps around a program: its process would be another, and a random
# moment would often fall into it.  Some suites need no command.
longreach=$(command -v longreach || true)
if [ -x "$(dirname "$longreach")/.libs/longreach" ]; then
  longreach=$(dirname "$longreach")/.libs/longreach
fi

ok () {
  echo "ok $1"
}

not_ok () {
  echo "not ok $1${2:+: $2}"
  failed=1
}

# same NAME EXPECTED GOT
same () {
  if [ "$2" = "$3" ]; then
    ok "$1"
  else
    not_ok "$1" "$(diff -u --label expected --label got <(echo "$2") <(echo "$3") || true)"
  fi
}

# holds NAME COMMAND...: what it says is shown if it fails.
holds () {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    ok "$name"
  else
    not_ok "$name" "$output"
  fi
}

# check NAME STATUS OUTPUT COMMAND...: the command ends with that status, and all that it says,
# which is left in $said, matches the pattern OUTPUT.
check () {
  local name=$1 status=$2 pattern=$3 got=0
  shift 3
  said=$(timeout 30 "$@" 2>&1 < /dev/null | tr '\0' ' '; exit "${PIPESTATUS[0]}") || got=$?
  # shellcheck disable=SC2053 # it is a pattern
  if [ "$got" = "$status" ] && [[ $said == $pattern ]]; then
    ok "$name"
  else
    not_ok "$name" "status $got, and it says: $said"
  fi
}

# wait_until SECONDS COMMAND...
wait_until () {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > deadline)); then
      return 1
    fi
    sleep 0.05
  done
}
