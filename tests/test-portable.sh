#!/bin/bash
# The portable dispatcher for this machine type: what it is made of, the suites of operations and
# sessions, and what is particular to it.
set -eu
# shellcheck source=tests/portable.sh
. "$(dirname "$0")/portable.sh"
machine=$(setting PORTABLE_MACHINE)
LONGREACH_DISPATCHER_DIR=$builddir/dispatcher/portable/linux-$machine
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

start_client () {
  local name=$1
  shift
  start "$name" "$@" "$(find_python "$@")" "$scratch/portable_client.py" \
    "$scratch/longreach-dispatcher"
}

status=0
check_program "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$(setting PORTABLE_LIBC)" || status=1
for_each_user start_client
LR_BULK_BYTES=8000000 start session "$(find_python)" "$scratch/session_client.py" \
  "$scratch/longreach-dispatcher"
if [ -x "$builddir/tests/test-operations" ]; then
  start_suite operations "$builddir/tests/test-operations"
  start_suite uploads "$builddir/tests/test-uploads"
fi
report || status=1
report_suites || status=1
test "$status" = 0
