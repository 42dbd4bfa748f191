#!/bin/bash
# The connectors that come as declarations, with a stand-in in the place of the program each of them
# runs: it looks at the words it is called with, and runs the command behind them here.
set -eu

# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"

umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir "$scratch/bin" "$scratch/home"
mkdir -m 1777 "$scratch/tmp"

# What it is to be called with, up to the command, is in WANTED, a word on each line; with SAYS it
# says that instead, if it is not empty, and fails, with STATUS if there is one.  When it is killed the command is not, but has nothing more to read.
cat > "$scratch/bin/stand-in" << 'END'
#!/bin/bash
if [ -n "${SAYS+given}" ]; then
  [ -z "$SAYS" ] || printf '%s\n' "$SAYS" >&2
  exit "${STATUS:-1}"
fi
while read -r word; do
  if [ "$word" != "${1-}" ]; then
    echo "called with \"${1-}\" where \"$word\" is right" >&2
    exit 99
  fi
  shift
done <<< "$WANTED"
exec setsid --fork --wait "$@"
END
chmod 755 "$scratch/bin/stand-in"
for program in kubectl incus systemd-run; do
  ln -s stand-in "$scratch/bin/$program"
done
export PATH=$scratch/bin:$PATH HOME=$scratch/home TMPDIR=$scratch/tmp
unset XDG_RUNTIME_DIR

# ---- which words they become ----

# becomes URL WORDS: and the command is run.
becomes () {
  local said
  if said=$(WANTED=${2// /$'\n'} timeout 60 "$longreach" run "$1" -- echo 'one  word' 2>&1 \
    < /dev/null) && [ "$said" = 'one  word' ]; then
    ok "$1 becomes $2"
  else
    not_ok "$1 becomes $2" "$said"
  fi
}

becomes kubectl:web "exec --stdin web --"
becomes 'kubectl:deployment/web?namespace=shop&container=c&context=x&kubeconfig=/k' \
  "--kubeconfig /k --context x --namespace shop exec --stdin --container c deployment/web --"
becomes "kubectl:web?program=env LR_TEST=1 $scratch/bin/stand-in sub" \
  "sub exec --stdin web --"
becomes incus:farm:web "exec --mode non-interactive farm:web --"
becomes 'incus:web?uid=1000&gid=100&cwd=/srv&project=shop' \
  "exec --mode non-interactive --project shop --user 1000 --group 100 --cwd /srv web --"
becomes machinectl:build "--quiet --pipe --wait --collect --machine build --"
becomes machinectl:anna@build "--quiet --pipe --wait --collect --machine build --uid anna --"

# refuses URL SENTENCE
refuses () {
  local said status=0
  said=$(WANTED='' timeout 60 "$longreach" run "$1" -- true 2>&1 < /dev/null) || status=$?
  if [ "$status $said" = "255 longreach: $2" ]; then
    ok "$1 is refused"
  else
    not_ok "$1 is refused" "status $status, and it says: $said"
  fi
}

refuses kubectl:bob@web 'the connector kubectl takes no user: leave out "bob@"'
refuses kubectl:-web 'the name "-web" begins with a "-", as an option does'
refuses 'kubectl:web?namespace=-A' 'kubectl: the namespace "-A" begins with a "-", as an option does'
refuses 'incus:web?uid=root' 'uid=root: the value is a number'

# ---- what is made of the program's words ----

# explains URL WORDS SENTENCE [STATUS]
explains () {
  local said
  said=$(SAYS=$2 STATUS=${4-} timeout 60 "$longreach" run "$1" -- true 2>&1 < /dev/null) || true
  if [ "$said" = "longreach: ${1#*:}: $3${2:+; it said: $2}" ]; then
    ok "$1: $3"
  else
    not_ok "$1: $3" "$said"
  fi
}

explains kubectl:web 'Error from server (NotFound): pods "web" not found' "there is no web"
explains kubectl:web \
  'error: failed to start exec "1": OCI runtime exec failed: exec: "sh": executable file not found' \
  "web lacks the program that was to be run"
explains kubectl:web 'error: container nope is not valid for pod web' \
  "there is no such container in web"
explains kubectl:web 'error: context "nope" does not exist' "there is no such context"
explains kubectl:web 'error: stat /nosuch: no such file or directory' \
  "its configuration can't be read"
explains kubectl:web \
  'The connection to the server localhost:8080 was refused - did you specify the right host or port?' \
  "the cluster can't be reached"
explains incus:web 'Error: Instance not found' "there is no web"
explains incus:web 'Error: Instance is not running' "web is not running"
explains incus:web 'Error: The remote "farm" doesn'\''t exist' "there is no such remote"
explains machinectl:build 'Failed to connect to bus: Host is down' \
  "the machine build does not run, or has no system bus"
explains machinectl:build 'Failed to connect to bus: Permission denied' \
  "you are not allowed to start anything in build"
explains machinectl:build '' "build lacks the program that was to be run, or can't run it" 203
explains machinectl:build '' "there is no such user in build" 217

# ---- the contract ----

names=()
pids=()

# conform NAME URL WORDS
conform () {
  names+=("$1")
  WANTED=${3// /$'\n'} conforms "$1" "$2" > "$scratch/$1.log" 2>&1 &
  pids+=($!)
}

conform kubectl kubectl:web "exec --stdin web --"
conform incus incus:web "exec --mode non-interactive web --"
conform machinectl machinectl:build "--quiet --pipe --wait --collect --machine build --"
for index in "${!pids[@]}"; do
  wait "${pids[index]}" || failed=1
  cat "$scratch/${names[index]}.log"
done
for ((tries = 0; tries < 100; tries++)); do
  left=$(find "$scratch/home" "$scratch/tmp" -mindepth 1)
  [ -n "$left" ] || break
  sleep 0.1
done
if [ -z "$left" ]; then
  ok "nothing is left"
else
  not_ok "nothing is left" "$left"
fi
exit "$failed"
