#!/bin/bash
# Random requests, many side by side, against what must come of them: through one dispatcher, and
# through two hops.  Nothing is left behind.
#
# LR_SEED takes the requests of a run that has failed, as far as they don't depend on the moment;
# LR_SECONDS is how long each part takes (5).
# shellcheck disable=SC2154 # the environment has srcdir, report.sh the rest
set -eu
# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"
# shellcheck source=tests/marked.sh
. "$(dirname "$0")/marked.sh"

scratch=$(mktemp -d)
trap 'kill_marked; rm -rf "$scratch"' EXIT
seed=${LR_SEED:-$RANDOM$RANDOM}

# shellcheck disable=SC2317 # it is called by its name
nothing_is_left () {
  [ -z "$(marked)" ]
}

for url in local: local:,local:; do
  name="$url: each answer is right, with LR_SEED=$seed"
  mkdir "$scratch/far" "$scratch/near"
  if said=$(env "$mark" PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 \
    "$srcdir/tests/random_requests.py" "$longreach" "$url" "$scratch/far" "$scratch/near" \
    "$seed" "${LR_SECONDS:-5}" 2>&1 < /dev/null); then
    ok "$name, of $said"
  else
    not_ok "$name" "$said"
  fi
  holds "$url: no command and no dispatcher is left" wait_until 20 nothing_is_left
  kill_marked
  same "$url: no part of a file is left" "" \
    "$(find "$scratch/far" -mindepth 2 -not -name 'f[0-5]'; find "$scratch/near" -name '.*')"
  rm -rf "$scratch/far" "$scratch/near"
done
exit "$failed"
