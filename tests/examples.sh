# shellcheck shell=bash
# shellcheck disable=SC2154 # what is installed, and how that is told, is test-install.sh's
# shellcheck disable=SC2317 # "holds" calls functions by their names
# The examples, built and run against an installed longreach.  Sourced by test-install.sh.

# ---- the examples, as whoever starts from them builds them ----

build_examples () {
  mkdir "$scratch/examples" \
    && env -u PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH="$prefix/lib/pkgconfig" \
      make -s -C "$scratch/examples" -f "$scratch/source/examples/Makefile" CC="${CC:-cc}" \
      CFLAGS='-Wall -Wextra -Werror'
}

# No function, for then $! would not be the example's.
example=(env -i PATH="$PATH" HOME=/)
glib=("${example[@]}" "$scratch/examples/glib-loop")

holds "the examples are built by their own Makefile" build_examples

# The labels, and the values of three of them.
inventory=$("${example[@]}" "$scratch/examples/inventory" local: local:other 2>&1 || true)
facts="host kernel system memory user home shell path accounts"
same "inventory reports on each host" "$facts $facts" \
  "$(awk 'NF && $1 != "group" { print $1 }' <<< "$inventory" | paste -sd' ')"
same "inventory tells what is so" "localhost $(uname -srm) $(id -un) other $(uname -srm) $(id -un)" \
  "$(sed -nE 's/^(host|kernel|user) +//p' <<< "$inventory" | paste -sd' ')"
status=0
"${example[@]}" "$scratch/examples/inventory" nosuch: > "$scratch/log" 2>&1 || status=$?
same "inventory says who can't be reached" '255 inventory: no connector has the schema "nosuch"' \
  "$status $(cut -d';' -f1 "$scratch/log")"
same "the example connector is used" 10 \
  "$(installed run --plugin-dir="$scratch/examples" nice: nice || true)"

# The connector that does all by itself, with a tree that passes for a host.
mkdir -p "$scratch/tree/etc"
echo "ann:x:1000:100:Ann:/home/ann:/bin/sh" > "$scratch/tree/etc/passwd"
pretended () {
  installed "$1" --plugin-dir="$scratch/examples" "pretend:$scratch/tree" "${@:2}" || true
}
same "the pretended host has a user" "/home/ann" "$(pretended user ann | awk '/^home:/ { print $2 }')"
same "the pretended host takes a file" "" "$(pretended put "$scratch/program.c" /etc/new)"
holds "it is the file" cmp "$scratch/program.c" "$scratch/tree/etc/new"
same "what a tree does not have is one clear error" \
  "longreach: $scratch/tree: the connector pretend has no getenv" "$(pretended env HOME)"

same "embed has connectors of its own, and another registry doesn't" \
  "our connectors:
  local: not really this machine (built-in)
  greet: answers every question with a greeting (built-in)
  nice: this machine, at a low priority (program)
  nice:, 6 options
  greet:embed: hello, SHELL, from embed
  local:: only pretending
another registry's:
  local: this machine (installed)
  local:: not set" \
  "$("${example[@]}" "$scratch/examples/embed" "$scratch/examples" 2>&1 \
    | sed -e '/^  \(jail\|pretend\): /d' -e '/^  local: /!{/ (installed)$/d}')"

# await FILE TEXT: wait until it is in there.
await () {
  for ((i = 0; i < 200; i++)); do
    grep -qF -- "$2" "$1" 2> /dev/null && return
    sleep 0.05
  done
  echo "there is no \"$2\" in: $(cat "$1")"
  return 1
}

# A dispatcher that comes up when somebody opens the gate, and one that never does.
mkfifo "$scratch/gate"
cat > "$scratch/late" << END
#!/bin/sh
read -r line < "$scratch/gate"
exec "$prefix/libexec/longreach/longreach-dispatcher" "\$@"
END
cat > "$scratch/never" << END
#!/bin/sh
exec sleep 60
END
chmod +x "$scratch/late" "$scratch/never"

ask_glib () {
  "${glib[@]}" local:one "local:two?dispatcher=$scratch/late" > "$scratch/answers" 2> "$scratch/ticks" &
  local pid=$!
  await "$scratch/ticks" "answers to come: 2" && echo open > "$scratch/gate" && wait "$pid"
}

interrupt_glib () {
  local status=0
  "${glib[@]}" "local:?dispatcher=$scratch/never" > /dev/null 2> "$scratch/more-ticks" &
  local pid=$!
  await "$scratch/more-ticks" "answers to come: 2"
  kill -INT "$pid"
  wait "$pid" || status=$?
  await "$scratch/more-ticks" "the connection was closed" && [ "$status" = 1 ]
}

if [ -x "$scratch/examples/glib-loop" ]; then
  holds "glib-loop asks while GLib's timer ticks" ask_glib
  same "glib-loop prints who has answered" "$(uname -sr | sed 's/.*/one: runs &;two: runs &/')" \
    "$(sed -n 's/^local:\([a-z]*\)[^ ]* runs /\1: runs /p' "$scratch/answers" | sort | paste -sd';')"
  same "glib-loop prints what it has found" "2" "$(grep -c "has accounts in $(stat -c %s /etc/passwd) bytes" \
    "$scratch/answers")"
  holds "an interrupt ends glib-loop with all that is under way" interrupt_glib
elif [ -n "${CI:-}" ]; then
  not_ok "glib-loop is built" "GLib is missing"
else
  echo "skip glib-loop is built: GLib is missing"
fi

status=0
seq -f local:%03g 100 \
  | "${example[@]}" "$scratch/examples/many-hosts" - > "$scratch/hosts" 2>&1 || status=$?
same "many-hosts asks a hundred hosts" "0 100 hosts, 0 failed" "$status $(tail -n 1 "$scratch/hosts")"
same "many-hosts reports in the order of its list" \
  "$(seq -f local:%03g 100 | sed "s/\$/ $(uname -sr)/")" \
  "$(sed -n 's/^\(local:[0-9]*\) *\(.*\), load [0-9.]*$/\1 \2/p' "$scratch/hosts")"
status=0
"${example[@]}" "$scratch/examples/many-hosts" local:one "local:two?dispatcher=/bin/false" nosuch: \
  > "$scratch/hosts" 2>&1 || status=$?
same "many-hosts says who has failed, and why" \
  '1 local:two?dispatcher=/bin/false FAILED: two: ; nosuch: FAILED: no connector has the schema "nosuch" ; 3 hosts, 2 failed' \
  "$status $(sed -n '2,$p' "$scratch/hosts" | sed 's/ two: .*/ two: /; s/"nosuch";.*/"nosuch"/; s/  */ /g' | paste -sd'@' | sed 's/ *@/ ; /g')"

follow_file () {
  local log=$scratch/followed shown=yes status=0
  echo one > "$log"
  "${example[@]}" "$scratch/examples/follow" "$log" local: > "$scratch/lines" 2>&1 &
  local pid=$!
  { await "$scratch/lines" "local:: one" && echo two >> "$log" && await "$scratch/lines" "local:: two"; } \
    || shown=no
  kill -INT "$pid"
  wait "$pid" || status=$?
  ! pgrep -f "tail.*$log" && [ "$shown $status" = "yes 0" ]
}

holds "follow shows lines as they are written, and ends its command" follow_file

dd if=/dev/urandom of="$scratch/large" bs=1M count=5 2> /dev/null
echo old > "$scratch/copy"
chmod 640 "$scratch/copy"
relay=("${example[@]}" "$scratch/examples/relay")
holds "relay copies a file" "${relay[@]}" local: "$scratch/large" local:other "$scratch/copy"
holds "the copy is the file" cmp "$scratch/large" "$scratch/copy"
same "the copy keeps the mode of what it replaces" 640 "$(stat -c %a "$scratch/copy")"
status=0
"${relay[@]}" local: "$scratch/is-not-there" local: "$scratch/copy" > "$scratch/log" 2>&1 || status=$?
same "relay says why it can't" "1 relay: localhost: file: no such file: $scratch/is-not-there" \
  "$status $(cat "$scratch/log")"
holds "what relay could not replace is as it was" cmp "$scratch/large" "$scratch/copy"

mkdir "$scratch/fetched"
fetch=("${example[@]}" "$scratch/examples/fetch")
chmod 640 "$scratch/large"
touch -d '2020-02-02 20:20:20' "$scratch/large"
status=0
"${fetch[@]}" local: "$scratch/is-not-there" "$scratch/large" "$scratch/fetched" > "$scratch/log" 2>&1 \
  || status=$?
same "fetch says what it can't fetch, and fetches the rest" \
  "1 fetch: $scratch/is-not-there: localhost: file: no such file: $scratch/is-not-there
$scratch/fetched/large: 5242880 bytes" "$status $(cat "$scratch/log")"
holds "it is the file" cmp "$scratch/large" "$scratch/fetched/large"
same "with its mode and time" "$(stat -c '%a %Y' "$scratch/large")" \
  "$(stat -c '%a %Y' "$scratch/fetched/large")"
status=0
"${fetch[@]}" local: "$scratch/program.c" "$scratch/large" "$scratch/fetched" > "$scratch/log" 2>&1 \
  || status=$?
same "fetch writes over nothing" "1 fetch: $scratch/fetched/large: File exists" \
  "$status $(sed -n '/exists/p' "$scratch/log")"

# Slow enough for its progress to be seen.
mkfifo "$scratch/slow"
fetch_slowly () {
  (
    for piece in 1234 5678 90; do
      printf '%s' "$piece"
      sleep 0.3
    done
  ) > "$scratch/slow" &
  "${example[@]}" FETCH_PROGRESS=yes "$scratch/examples/fetch" local: "$scratch/slow" "$scratch/fetched" \
    2> "$scratch/progress" \
    && grep -q 'slow: 8 bytes' "$scratch/progress" && [ "$(cat "$scratch/fetched/slow")" = 1234567890 ]
}
holds "fetch shows its progress" fetch_slowly

# ---- a connector as a project of its own, built three ways ----

declare -A ways=(
  [makefile]='make -s check install'
  [meson]='meson setup build; meson test -C build; meson install -C build'
  [autotools]='autoreconf -i; ./configure -q; make -s check install'
)

# build_way WAY: build the project, let it pass conformance, and install it below a DESTDIR.
build_way () {
  cp -r "$scratch/source/examples/nice-$1" "$scratch/nice-$1" \
    && cd "$scratch/nice-$1" \
    && env -i PATH="$prefix/bin:$PATH" HOME=/ PKG_CONFIG_PATH="$prefix/lib/pkgconfig" \
      DESTDIR="$scratch/nice-$1/stage" sh -exc "${ways[$1]}" > "$scratch/nice-$1.log" 2>&1
}

declare -A builders
for way in "${!ways[@]}"; do
  build_way "$way" &
  builders[$way]=$!
done
for way in "${!ways[@]}"; do
  if wait "${builders[$way]}"; then
    ok "nice-$way builds, and conforms"
  else
    not_ok "nice-$way builds, and conforms" "$(cat "$scratch/nice-$way.log")"
  fi
  same "nice-$way installs its plugin where longreach looks" "./nice.so" \
    "$(cd "$scratch/nice-$way/stage$prefix/lib/longreach/plugins" && find . -type f)"
  same "what nice-$way has installed is used" 12 \
    "$(installed run --plugin-dir="$scratch/nice-$way/stage$prefix/lib/longreach/plugins" \
      'nice:?level=12' nice || true)"
done

