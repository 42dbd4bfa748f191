#!/bin/sh
# Whether the connector does all that one has to; `make check` runs this.
set -eu
cd "$(dirname "$0")"
longreach=${LONGREACH:-longreach}

# What is particular about this connector: say here what yours promises.
said=$("$longreach" env --plugin-dir="$PWD" sample:test SAMPLE)
if [ "$said" != test ]; then
  echo "sample:test has the variable SAMPLE as \"$said\"" >&2
  exit 1
fi

# What is promised of all connectors, with a target that exists here.
"$longreach" conformance --plugin-dir="$PWD" sample:test
