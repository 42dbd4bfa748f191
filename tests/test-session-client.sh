#!/bin/bash
# Holds the dispatcher's sessions against docs/protocol.md: as this user, and if that is root also
# as an ordinary one.
set -eu
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

start_client () {
  local name=$1
  shift
  start "$name" "$@" "$(find_python "$@")" "$scratch/session_client.py" \
    "$scratch/longreach-dispatcher"
}

for_each_user start_client
report
