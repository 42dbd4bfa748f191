#!/bin/bash
# Every code block of README, manual pages and docs is run or compiled; see tests/document_blocks.py.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
export srcdir builddir

for program in jq script vi; do
  if ! command -v "$program" > /dev/null; then
    echo "skipped: $program is missing"
    exit 77
  fi
done

cd "$srcdir"
mapfile -t documents < <(find . \( -name 'build*' -o -name .git -o -name 'longreach-[0-9]*' -o -name tests \
  -o -name fuzz \) -prune -o \( -name '*.md' -o -name '*.[1-8]' \) -printf '%P\n' | sort)
exec env PYTHONDONTWRITEBYTECODE=1 python3 tests/document_world.py "${documents[@]}"
