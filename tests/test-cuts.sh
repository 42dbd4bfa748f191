#!/bin/bash
# Whatever happens to the line between a client and a dispatcher, behind any byte of a conversation:
# it is closed, wholly or in one direction, loses what comes, takes nothing more, pauses, or has a bit
# flipped.  Both ends end in bounded time, the client with right answers or one clear error, and the
# dispatcher leaves nothing behind: no process, no temporary file, no part of a file under its name,
# nothing beside the tree that it copies.
#
# The dispatcher is there already, or is sent through that line, or the line is one between two hops.
#
# LR_FAULTS=all tries each byte, which takes a while; else it is a sample, another one each time.
# shellcheck disable=SC2154 # the environment has srcdir and builddir, report.sh the rest
set -eu
# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
LR_FAULTS_PLACE=$scratch
LR_FAULTS_LINE=$builddir/tests/faults/line
export LR_FAULTS_PLACE LR_FAULTS_LINE

step=${LR_FAULTS_STEP:-97}
first=$((RANDOM % step))
if [ "${LR_FAULTS:-}" = all ]; then
  step=1 first=0
fi
echo "# each $step-th case from $first on"
if "$builddir/tests/faults/cuts" "$step" "$first" 12; then
  ok "a line that fails anywhere leaves right answers or one clear error, and nothing behind"
else
  not_ok "a line that fails anywhere leaves right answers or one clear error, and nothing behind"
fi
exit "$failed"
