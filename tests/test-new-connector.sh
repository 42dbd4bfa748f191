#!/bin/bash
# shellcheck disable=SC2317 # "said" calls functions by their names
# `longreach new-connector`: the commands that it prints lead to a passing conformance run, and it
# writes all of a folder or nothing.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR

umask 022
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# What is said, and the exit status.
said () {
  local status=0
  "$@" 2>&1 < /dev/null || status=$?
  echo "$status"
}

# What the build tree has, as an installed longreach.pc would say it.
prefix=$scratch/prefix
cat > "$scratch/longreach.pc" << END
prefix=$prefix
plugindir=\${prefix}/lib/longreach/plugins
Name: longreach
Description: the build tree
Version: 0
Libs: -L$builddir/core/.libs -llongreach
Cflags: -I$srcdir/include
END
export PKG_CONFIG_PATH=$scratch

# ---- from nothing to a passing conformance run ----

# The commands are those lines that are indented by two.
commands_of () {
  sed -n 's/^  \([^ ]\)/\1/p' "$1"
}

# follow FOLDER OPTION...: do what is printed, as somebody would who has a shell there.
follow () {
  local folder=$1
  mkdir "$scratch/$folder"
  cd "$scratch/$folder"
  longreach new-connector "${@:2}" > printed && commands_of printed > commands && sh -ex commands
}

follow declared --declared jail > "$scratch/declared.log" 2>&1 &
declared=$!
follow odd odd-place+1.x > "$scratch/odd.log" 2>&1 &
odd=$!
follow compiled jail > "$scratch/compiled.log" 2>&1 &
compiled=$!

# finishes NAME PID LOG COUNT: all that follow does has worked, in COUNT commands with the first.
finishes () {
  if wait "$2" && [ "$(wc -l < "${3%.log}/commands")" = $(($4 - 1)) ]; then
    ok "$1"
  else
    not_ok "$1" "$(cat "$3")"
  fi
}

finishes "a declared connector passes conformance in three commands" "$declared" "$scratch/declared.log" 3
finishes "a connector passes conformance in five commands" "$compiled" "$scratch/compiled.log" 5
finishes "so does one whose schema is no word of C" "$odd" "$scratch/odd.log" 5

jail=$scratch/compiled/jail
same "a folder has these files" "Makefile check.sh jail.c jail.so longreach-jail.7 " \
  "$(cd "$jail" && printf '%s ' *)"
same "no file speaks of the templates" "" \
  "$(grep -ril sample "$scratch/compiled/jail" "$scratch/declared/jail" "$scratch/odd" || true)"
same "its manual page is of today" ".Dd $(LC_ALL=C date '+%B %d, %Y')" "$(grep '^\.Dd' "$jail/longreach-jail.7")"
same "its manual page has no fault" 0 "$(said mandoc -T lint -W warning "$jail/longreach-jail.7")"
same "an option is explained" "    program=path" \
  "$(longreach plugins --plugin-dir="$jail" jail | grep '^ *program=')"
printf '#!/bin/sh\nexit 125\n' > "$scratch/refuses"
chmod +x "$scratch/refuses"
same "an exit status is explained" "longreach: web: env has found something wrong with web
255" "$(said longreach run --plugin-dir="$jail" "jail:web?program=$scratch/refuses" true)"

# ---- what the Makefile does besides ----

installed () {
  (cd "$prefix" 2> /dev/null && find . -type f | LC_ALL=C sort | paste -sd' ')
}

same "make install" 0 "$(said make -s -C "$jail" install)"
same "it installs plugin and manual page" \
  "./lib/longreach/plugins/jail.so ./share/man/man7/longreach-jail.7" "$(installed)"
same "what is installed is used" "web" \
  "$(longreach env --plugin-dir="$prefix/lib/longreach/plugins" jail:web JAIL)"
same "make uninstall" 0 "$(said make -s -C "$jail" uninstall)"
same "it leaves nothing" "" "$(installed)"
same "make install with DESTDIR and PREFIX" 0 \
  "$(said make -s -C "$jail" install DESTDIR="$scratch/stage" PREFIX=/opt/it)"
same "it installs below DESTDIR" \
  "./opt/it/lib/longreach/plugins/jail.so ./opt/it/share/man/man7/longreach-jail.7" \
  "$(cd "$scratch/stage" && find . -type f | LC_ALL=C sort | paste -sd' ')"
same "make uninstall with DESTDIR and PREFIX" 0 \
  "$(said make -s -C "$jail" uninstall DESTDIR="$scratch/stage" PREFIX=/opt/it)"
same "make clean" 0 "$(said make -s -C "$jail" clean)"
same "it leaves what was written" "Makefile check.sh jail.c longreach-jail.7 " \
  "$(cd "$jail" && printf '%s ' *)"

# A test that can't fail is none.
sed -i 's/"JAIL=%s"/"JALI=%s"/' "$jail/jail.c"
same "make check finds what its own test looks for" 2 "$(said make -s -C "$jail" check | tail -n 1)"

# ---- what is refused ----

cd "$scratch"
no_schema='is not a schema: a schema is made of lower-case letters, digits, "+", "-" and ".", a letter first
2'
for name in Jail 1jail jail/ ../jail 'jail:' ''; do
  same "$name is no name for a connector" "longreach: \"$name\" $no_schema" \
    "$(said longreach new-connector "$name")"
done

mkdir mine
echo precious > mine/mine.c
same "a folder that is there is refused" "longreach: mine is there already, and stays as it is
2" "$(said longreach new-connector mine)"
same "and has what it had" "mine.c precious" "$(ls mine) $(cat mine/mine.c)"
ln -s nowhere link
same "so is a link that leads nowhere" "longreach: link is there already, and stays as it is
2" "$(said longreach new-connector link)"

longest=$(printf 'x%.0s' {1..250})
same "where a file can't be written, it is said" \
  "longreach: cannot write $longest/longreach-$longest.7: File name too long
2" "$(said longreach new-connector "$longest")"
same "and nothing is left" "" "$(find . -name 'xxx*')"

# Blocks of 1024 bytes; the source takes more.
full () {
  (trap '' XFSZ && ulimit -f 1 && longreach new-connector full)
}
same "a disk that is full is said" "longreach: cannot write full/full.c: File too large
2" "$(said full)"
same "and leaves nothing" "no" "$([ -e full ] && echo yes || echo no)"

unheard () {
  longreach new-connector unheard > /dev/full
}
same "what can't be printed is said" \
  "longreach: cannot write to standard output: No space left on device
2" "$(said unheard)"
same "and leaves nothing either" "no" "$([ -e unheard ] && echo yes || echo no)"

same "a place where nothing can be made is said" "longreach: cannot make the folder jail: WHY
2" "$(cd /proc && said longreach new-connector jail | sed 's/jail: .*/jail: WHY/')"

same "a schema that somebody serves is warned of" \
  "longreach: there is a connector of the schema local already, in FILE: whichever is found first is used
local holds a connector, which works: change it into yours.
0" "$(said longreach new-connector --declared local | sed 's|in /.*/local.so:|in FILE:|' | sed -n '1,2p; $p')"

exit "$failed"
