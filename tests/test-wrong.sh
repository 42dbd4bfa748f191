#!/bin/bash
# Each check of the conformance suite can fail: it notices a far side that is wrong in what the check is
# about.  tests/wrong/table pairs them.
# shellcheck disable=SC2154 # the environment has srcdir and builddir, report.sh the rest
set -eu
# shellcheck source=tests/report.sh
. "$(dirname "$0")/report.sh"

ordinary=65534
at_once=6
umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

# Copies in a place that any user can reach.
cp "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "$scratch/dispatcher"
cp "$builddir/tests/wrong/wrong" "$scratch/wrong"

# What the table has, by check.
declare -A faults=() users=() patterns=()
while read -r fault check user pattern; do
  faults[$check]=$fault users[$check]=$user patterns[$check]=$pattern
done < <(grep -v '^#' "$srcdir/tests/wrong/table")

# hold FAULT USER CHECK...: as TAP in $scratch/said.FAULT.USER.
hold () {
  local fault=$1 user=$2 url=local: words='' check
  local -a only=()
  shift 2
  for check; do
    only+=(--only "$check")
  done
  if [ "$user" = user ] && [ "$(id -u)" = 0 ]; then
    words="setpriv --reuid $ordinary --regid $ordinary --clear-groups env HOME=/ "
  fi
  case $fault in
    blocking | renaming | lenient)
      url=$fault:
      words+=$scratch/dispatcher
      ;;
    *) words+="$scratch/wrong $fault $scratch/dispatcher" ;;
  esac
  mkdir -m 1777 "$scratch/in.$fault.$user"
  (
    cd "$scratch/in.$fault.$user"
    WRONG_LOCK=$scratch/lock.$fault.$user timeout 60 "$longreach" conformance --tap --patience=1 \
      --plugin-dir="$builddir/tests/wrong/.libs" --directory="$PWD" -o "dispatcher=$words" \
      "${only[@]}" "$url" < /dev/null > "$scratch/said.$fault.$user" 2>&1 || true
  )
}

# Those of one fault and user go together.  The slowest come first.
declare -A groups=()
for check in "${!faults[@]}"; do
  user=${users[$check]}
  if [ "$user" = any ]; then
    user=root
  elif [ "$user" = root ] && [ "$(id -u)" != 0 ]; then
    continue
  fi
  groups["${faults[$check]} $user"]+=" $check"
done
mapfile -t order < <(printf '%s\n' "${!groups[@]}" \
  | awk '{ print ($1 == "ends-late" || $1 == "cancel-lost" ? 0 : 1), $0 }' | sort | cut -d' ' -f2-)
hold none root run stat users &
for group in "${order[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do
    wait -n
  done
  # shellcheck disable=SC2086 # words
  hold $group ${groups[$group]} &
done
wait

# expect_failure CHECK
expect_failure () {
  local check=$1 fault=${faults[$1]} user=${users[$1]} said
  if [ "$user" = root ] && [ "$(id -u)" != 0 ]; then
    echo "# $check is tried as root"
    return
  fi
  [ "$user" != any ] || user=root
  said=$(grep -A1 "^not ok [0-9]* - $check\$" "$scratch/said.$fault.$user" | sed -n '2s/^# //p')
  # shellcheck disable=SC2053 # it is a pattern
  if [ -n "$said" ] && [[ $said == ${patterns[$check]} ]]; then
    ok "$check notices $fault"
  else
    not_ok "$check notices $fault" "it says: ${said:-$(grep -e "- $check" -e '^longreach' -e '^Bail' "$scratch/said.$fault.$user" || true)}"
  fi
}

# ---- the table is whole ----

while IFS=: read -r check _; do
  if [ -n "${faults[$check]:-}" ]; then
    expect_failure "$check"
    unset "faults[$check]"
  else
    not_ok "$check can fail" "tests/wrong/table has no fault for it"
  fi
done < <("$longreach" conformance --list)
for check in "${!faults[@]}"; do
  not_ok "there is a check $check" "tests/wrong/table has it"
done

# ---- what is not wrong passes ----

if grep -q '^ok ' "$scratch/said.none.root" && ! grep -q -e '^not ok' -e '^Bail' "$scratch/said.none.root"; then
  ok "without a fault the checks hold"
else
  not_ok "without a fault the checks hold" "$(grep -A1 -e '^not ok' -e '^Bail' "$scratch/said.none.root" || true)"
fi
left=$(find "$scratch"/in.* -name 'longreach-conformance-*')
if [ -z "$left" ]; then
  ok "nothing is left, whatever is wrong"
else
  not_ok "nothing is left, whatever is wrong" "$left"
fi
exit "$failed"
