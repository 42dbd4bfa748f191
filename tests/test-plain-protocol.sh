#!/bin/bash
# The suites of the operations once more, through the plain protocol.
set -u
status=0
for suite in operations uploads; do
  LR_TEST_PROTOCOL=plain "${builddir:?}/tests/test-$suite" "$@" || status=1
done
exit "$status"
