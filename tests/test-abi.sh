#!/bin/bash
# shellcheck disable=SC2317 # "check" calls functions by their names
# What programs and plugins that are built rely on: the library's symbols, and the layout of the
# structures in the headers.  Both are held against records, to which may be added.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
frozen=$srcdir/tests/frozen

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# ---- symbols ----

nm -D --defined-only "$builddir/core/.libs/liblongreach.so" \
  | sed -n 's/^[0-9a-f]* [^A] \([^@]*\)\(@@*\(.*\)\)*$/\1 \3/p' | LC_ALL=C sort > "$scratch/symbols"
grep -v '^#' "$frozen/symbols" | LC_ALL=C sort > "$scratch/recorded"
same "no symbol of the library is gone, nor has another version" "" \
  "$(LC_ALL=C comm -13 "$scratch/symbols" "$scratch/recorded")"
same "each symbol of the library is in tests/frozen/symbols: add what is new" "" \
  "$(LC_ALL=C comm -23 "$scratch/symbols" "$scratch/recorded")"

# ---- layout ----

if [ "$(getconf LONG_BIT)" != 64 ]; then
  echo "skip the layout: it is recorded for 64 bits"
  exit "$failed"
fi

# The copy of the headers and of the record, with SCRIPT done to connector.h.
layout_after () {
  local status=0 tree=$scratch/tree
  rm -rf "$tree"
  mkdir -p "$tree/tests/frozen"
  cp -r "$srcdir/include" "$tree"
  cp "$frozen/layout" "$tree/tests/frozen"
  chmod -R u+w "$tree"
  sed -i "$1" "$tree/include/longreach/connector.h"
  python3 "$srcdir/tests/layout.py" "$tree" 2>&1 || status=$?
  echo "$status"
}

same "the structures are laid out as they are recorded" 0 "$(layout_after '')"
same "a member that is appended is to be recorded" \
  "not recorded yet: struct lr_connector has more: future
What is new is at its end, where it may be.  Record it: tests/layout.py . --update
1" "$(layout_after 's/^  int (\*could_not_run) .*/&\n  void *future;/')"
same "a member in another's place is found" \
  "what is built would break: struct lr_option: type was 4 bytes at 8 and is 4 bytes at 12
what is built would break: struct lr_option: flags was 4 bytes at 12 and is 4 bytes at 8
1" "$(layout_after 's/^  uint32_t type;  .*/  uint32_t flags;/; t
    s/^  uint32_t flags;  *\/\* enum lr_option_flags.*/  uint32_t type;/')"
same "a member that is gone is found" \
  "what is built would break: struct lr_connector: could_not_run is gone
what is built would break: struct lr_connector was 264 bytes and is 256
1" "$(layout_after '/^  int (\*could_not_run) /d')"
same "an enumerator with another value is found" \
  "what is built would break: enum lr_connector_flags: LR_TAKES_USER was 2 and is 64
1" "$(layout_after 's/LR_TAKES_USER = 2/LR_TAKES_USER = 64/')"

exit "$failed"
