#!/bin/bash
# Holds both dispatchers, this project's and the one in Python, against docs/protocol.md: as this
# user, and if that is root also as an ordinary one.
set -eu
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

start_both () {
  local name=$1 python
  shift
  python=$(find_python "$@")
  start "$name" "$@" "$python" "$scratch/plain_client.py" "$scratch/longreach-dispatcher"
  start "$name-python" "$@" "$python" "$scratch/plain_client.py" \
    "$python" "$scratch/plain_dispatcher.py"
}

for_each_user start_both
report
