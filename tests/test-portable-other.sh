#!/bin/bash
# The portable dispatcher for the other machine type, in an emulator: what it is made of, a suite of
# operations, that of sessions, and what is particular to it.
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

for client in portable session; do
  LR_BULK_BYTES=8000000 start "$client" "$(find_python env)" "$scratch/${client}_client.py" \
    "$emulator" "$scratch/$machine"
done
if [ -x "$builddir/tests/test-uploads" ]; then
  start_suite uploads "$builddir/tests/test-uploads"
fi
report || status=1
report_suites || status=1
test "$status" = 0
