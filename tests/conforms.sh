# shellcheck shell=bash
# The conformance suite, for the tests of connectors.  Sourced.

# conforms NAME URL [OPTION]...: what URL leads to conforms; or say in what it doesn't, as NAME, and
# return 1.
conforms () {
  local name=$1 status=0 output
  output=$(timeout 120 longreach conformance --tap "${@:3}" "$2" < /dev/null 2>&1) || status=$?
  sed -e '/^1\.\.[0-9]*$/d' \
    -e "s|^# |# $name: |" -e "s|^Bail out!|not ok $name:|" \
    -e "s|^ok [0-9]* - \(.*\) # SKIP \(.*\)|# $name: \1 does not apply: \2|" \
    -e "s;^ok [0-9]* - ;ok $name: ;" -e "s;^not ok [0-9]* - ;not ok $name: ;" <<< "$output"
  if [ "$status" -gt 1 ]; then
    echo "not ok $name: the suite exits $status"
  fi
  [ "$status" -eq 0 ]
}
