#!/bin/bash
# Holds the requests about file systems, and those for trees of files, against docs/protocol.md: as
# this user, who mounts some if that is root, and then also as an ordinary one.
set -eu
# shellcheck source=tests/clients.sh
. "$(dirname "$0")/clients.sh"

start_clients () {
  local name=$1 apart=() python
  shift
  if [ "$(id -u)" -eq 0 ] && [ $# -eq 0 ]; then
    apart=(unshare --mount)
  fi
  python=$(find_python "$@")
  start "$name" "${apart[@]}" "$@" "$python" "$scratch/files_client.py" \
    "$scratch/longreach-dispatcher"
  start "$name-trees" "$@" "$python" "$scratch/trees_client.py" "$scratch/longreach-dispatcher"
}

for_each_user start_clients
report
