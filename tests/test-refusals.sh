#!/bin/bash
# What the system refuses to one end of a conversation, at any call: memory, descriptors, processes, space,
# or that it is done at once and as a whole.  Nobody crashes or hangs, nothing is left or lost, files
# are whole; the client has right answers or one clear error, and only right ones where a call is
# merely to be made again.  The client is one whose dispatcher is there, one that sends it, and one
# of a chain.
#
# LR_FAULTS=all tries each call, which takes a while; else it is a sample, another one each time.
# shellcheck disable=SC2154 # the environment has srcdir and builddir, report.sh the rest
set -eu
# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
LR_FAULTS_PLACE=$scratch
LR_FAULTS_REFUSE=$builddir/tests/faults/.libs/refuse.so
export LR_FAULTS_PLACE LR_FAULTS_REFUSE

step=${LR_FAULTS_STEP:-61}
first=$((RANDOM % step))
if [ "${LR_FAULTS:-}" = all ]; then
  step=1 first=0
fi
echo "# each $step-th call from the $((first + 1))-th on"
refusals=$builddir/tests/faults/.libs/refusals
if LD_PRELOAD=$LR_FAULTS_REFUSE "$refusals" "$step" "$first" 8; then
  ok "a system that refuses anything leaves right answers or one clear error, and nothing behind"
else
  not_ok "a system that refuses anything leaves right answers or one clear error, and nothing behind"
fi
exit "$failed"
