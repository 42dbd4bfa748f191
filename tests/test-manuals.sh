#!/bin/bash
# The manual pages of section 3 say of the headers what is there, all of it, and nothing else.
set -eu

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# What is said of a copy of headers and pages, with SCRIPT done to FILE of it.
said_after () {
  local status=0 tree=$scratch/tree
  rm -rf "$tree"
  mkdir -p "$tree/docs"
  cp -r "$srcdir/include" "$tree"
  cp "$srcdir"/docs/*.3 "$tree/docs"
  chmod -R u+w "$tree"
  sed -i "$1" "$tree/$2"
  python3 "$srcdir/tests/manuals.py" "$tree" 2>&1 || status=$?
  echo "$status"
}

same "headers and manual pages agree" 0 "$(said_after '' docs/longreach.3)"

library=include/longreach/longreach.h
connector=include/longreach/connector.h
same "a function that a page doesn't have is found" \
  "docs/longreach.3: SYNOPSIS has no lr_future
docs/longreach.3: the function lr_future has no entry
1" "$(said_after 's/^const char \*lr_version (void);/&\nint lr_future (int when);/' $library)"
same "a function that is declared otherwise than it is shown is found" \
  "docs/longreach.3: SYNOPSIS has lr_cancel as int (lr_connection*connection, uint64_t id), the header as int (lr_connection*connection, uint32_t id)
1" "$(said_after 's/lr_cancel (lr_connection \*connection, uint64_t id)/lr_cancel (lr_connection *connection, uint32_t id)/' $library)"
same "a function that is shown, and is not there, is found" \
  "docs/longreach.3: SYNOPSIS has lr_version, which the header does not declare
docs/longreach.3: there is no lr_version in the headers
1" "$(said_after '/^const char \*lr_version (void);/d' $library)"
same "a structure without an entry is found" \
  "docs/longreach.3: struct lr_future has no entry
1" "$(said_after 's/^struct lr_download_result$/struct lr_future { int when; };\n&/' $library)"
same "a member without an entry is found" \
  "docs/longreach-connector.3: the member future of struct lr_option has no entry
1" "$(said_after 's/^  const char \*help;    .*/&\n  const char *future;/' $connector)"
same "an enumerator without an entry is found" \
  "docs/longreach-connector.3: the enumerator LR_FUTURE has no entry
1" "$(said_after 's/^  LR_TAKES_USER = 2,/&\n  LR_FUTURE = 64,/' $connector)"
same "a macro without an entry is found" \
  "docs/longreach-connector.3: the macro LR_FUTURE has no entry
1" "$(said_after 's/^#define LR_ABI .*/&\n#define LR_FUTURE 1/' $connector)"
same "a hook with other parameters than are shown is found" \
  "docs/longreach-connector.3: the hook push is not shown as it is declared
1" "$(said_after 's/^\(  void (\*push) .*\)const char \*directory/\1const char *folder/' $connector)"
same "an operation that the table doesn't have is found" \
  "docs/longreach-connector.3: the operation getenv is not in the table with its arguments
1" "$(said_after '/^.It Va getenv Ta/d' docs/longreach-connector.3)"
same "a structure that is shown otherwise than it is declared is found" \
  "docs/longreach.3: struct lr_error is shown otherwise than it is declared
1" "$(said_after 's/^  int32_t hop;$/  int64_t hop;/' docs/longreach.3)"
same "a name that is mentioned, and is not there, is found" \
  "docs/longreach-connector.3: there is no LR_PAST in the headers
1" "$(said_after 's/^\.Dv LR_ASKS$/.Dv LR_PAST/' docs/longreach-connector.3)"
same "an entry among the examples is none" \
  "docs/longreach.3: the function lr_home_dir has no entry
1" "$(said_after 's/^\.It Fn lr_home_dir$/.It home/' docs/longreach.3)"

exit "$failed"
