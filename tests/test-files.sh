#!/bin/bash
# Holds the requests about file systems against docs/protocol.md: as this user, who mounts some if
# that is root, and then also as an ordinary one.
set -eu
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

start_client () {
  local name=$1 apart=()
  shift
  if [ "$(id -u)" -eq 0 ] && [ $# -eq 0 ]; then
    apart=(unshare --mount)
  fi
  start "$name" "${apart[@]}" "$@" "$(find_python "$@")" "$scratch/files_client.py" \
    "$scratch/longreach-dispatcher"
}

for_each_user start_client
report
