# shellcheck shell=bash
# Sourced by the tests of portable dispatchers.

builddir=${builddir:?}

# What `make` was told.
setting () {
  sed -n "s/^$1 = //p" "$builddir/Makefile"
}

# check_program FILE LIBC: it is static and, with musl, within its size.
check_program () {
  local headers size
  headers=$(readelf --program-headers --wide "$1")
  if grep -Eq 'INTERP|DYNAMIC' <<<"$headers"; then
    echo "not ok $1 is not static"
    return 1
  fi
  size=$(stat --format %s "$1")
  if [ "$2" = musl ] && [ "$size" -gt 163840 ]; then
    echo "not ok $1 has $size bytes, and may have 163840"
    return 1
  fi
  echo "ok $1 is static and has $size bytes"
}

# start_suite NAME PROGRAM [ARG...]: a suite of Criterion, with the dispatcher in $scratch.
start_suite () {
  local log=${scratch:?}/$1.log
  echo "+ ${*:2}" >"$log"
  LONGREACH_DISPATCHER_DIR=$scratch "${@:2}" </dev/null >>"$log" 2>&1 &
  suites+=("$1")
  suite_pids+=($!)
}
suites=()
suite_pids=()

# Wait for the suites.
report_suites () {
  local failed=0 index log
  for index in "${!suites[@]}"; do
    log=$scratch/${suites[index]}.log
    if wait "${suite_pids[index]}" && grep -q 'Tested: [1-9]' "$log"; then
      grep 'Synthesis' "$log"
    else
      cat "$log"
      failed=1
    fi
  done
  return "$failed"
}
