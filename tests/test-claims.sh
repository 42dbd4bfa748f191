#!/bin/bash
# Each claim of docs/security.md names a test, which is there.
set -eu

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# What is said of a page in which SCRIPT was done.
said_after () {
  local status=0 part
  mkdir -p "$scratch/docs"
  for part in tests conformance fuzz; do
    ln -sfn "$(realpath "$srcdir")/$part" "$scratch/$part"
  done
  sed "$1" "$srcdir/docs/security.md" > "$scratch/docs/security.md"
  python3 "$srcdir/tests/claims.py" "$scratch" 2>&1 || status=$?
  echo "$status"
}

same "all that is claimed is tested" 0 "$(said_after '')"
same "a test that is not there is found" \
  "docs/security.md: there is no test-url.c: nothing_of_the_kind
1" "$(said_after 's/what_begins_as_an_option_does_is_refused/nothing_of_the_kind/')"
same "a check that is not there is found" \
  "docs/security.md: there is no conformance: upload/nothing
1" "$(said_after 's|upload/no_temporaries|upload/nothing|')"
same "a target that is not there is found" \
  "docs/security.md: there is no fuzz-nothing
1" "$(said_after 's/fuzz-url/fuzz-nothing/')"
same "a claim without a test is found" \
  "docs/security.md: no test is named for: any bytes are parsed without harm
1" "$(said_after 's/ .fuzz-url. / /')"

exit "$failed"
