# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources it looks at $failed and $longreach
# What has passed and what has failed, and the command that is tried.  Sourced.

failed=0

# Not the script that libtool wraps around a program: its process would be another, and a random
# moment would often fall into it.
longreach=$(command -v longreach)
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
