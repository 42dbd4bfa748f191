#!/bin/bash
# shellcheck disable=SC2016 # they are patterns
# Each claim of docs/security.md names a test, which is there; docs/architecture.md names each source.
set -eu

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

for folder in protocol tree core dispatcher plugins cli askpass conformance tests fuzz bench; do
  ln -s "$(realpath "$srcdir")/$folder" "$scratch/$folder"
done
mkdir "$scratch/docs"

# What is said of the pages, in one or all of which SCRIPT was done.
said_after () {
  local status=0 page
  for page in security architecture; do
    sed "$1" "$srcdir/docs/$page.md" > "$scratch/docs/$page.md"
  done
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
same "a source that the page doesn't have is found" \
  "docs/architecture.md: core/flow.c has no place
docs/architecture.md: core/flow.h has no place
1" "$(said_after 's/ `flow.c` / /')"
same "a source that is not there is found" \
  "docs/architecture.md: there is no tree/nothing.c
1" "$(said_after 's/`links.\[ch\]`/& `nothing.c`/')"
same "a folder that the page doesn't have is found" \
  "docs/architecture.md: askpass/ has no place
1" "$(said_after 's/^In `askpass/What `askpass/')"

# A source that includes what is above it.
rm "$scratch/protocol"
cp -r "$srcdir/protocol" "$scratch/protocol"
chmod -R u+w "$scratch/protocol"
sed -i '1i #include "core/text.h"' "$scratch/protocol/frame.c"
same "an arrow upward is found" \
  "docs/architecture.md: protocol/frame.c includes core/
1" "$(said_after '')"

exit "$failed"
