#!/bin/bash
# The portable dispatcher for the other machine type, in an emulator: what it is made of, the suites
# of the operations, and what is particular to it.
set -eu
# shellcheck source=tests/portable.sh
. "$(dirname "$0")/portable.sh"
machine=$(setting PORTABLE_OTHER_MACHINE)
LONGREACH_DISPATCHER_DIR=$builddir/dispatcher/portable/linux-$machine
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

status=0
check_program "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$(setting PORTABLE_OTHER_LIBC)" \
  || status=1
emulator=$(type -p "qemu-$machine-static")
mv "$scratch/longreach-dispatcher" "$scratch/$machine"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$emulator" "$scratch/$machine" >"$scratch/longreach-dispatcher"
chmod 755 "$scratch/longreach-dispatcher"

start_client () {
  local name=$1
  shift
  start "$name" "$@" "$(find_python "$@")" "$scratch/portable_client.py" \
    "$emulator" "$scratch/$machine"
}

for_each_user start_client
# The emulator has signals, descriptors and an environment of its own.
not_emulated='!(getenv/gives_the_*|limits/of_descriptors_*|run/gives_a_command_the_dispatchers_environment_*|run/*_default_signals*)'
if [ -x "$builddir/tests/test-operations" ]; then
  start_suite operations "$builddir/tests/test-operations" --filter "$not_emulated"
  start_suite uploads "$builddir/tests/test-uploads"
fi
report || status=1
report_suites || status=1
test "$status" = 0
