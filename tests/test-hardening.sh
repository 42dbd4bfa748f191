#!/bin/bash
# shellcheck disable=SC2317 # "holds" calls functions by their names
# What makes mistakes harder to exploit, looked up in the files that were built: what configure chose
# is in each of them, and a build that nobody has told otherwise has all of it.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
unset MAKEFLAGS MFLAGS MAKELEVEL

# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# The value of a variable of the build tree's Makefile.
variable () {
  make -s --no-print-directory -C "$builddir" --eval="show-variable: ; @echo '\$($1)'" show-variable
}

# Where libtool keeps the program itself.
program () {
  local file=$builddir/$1
  local kept=${file%/*}/.libs/${file##*/}
  if [ -x "$kept" ]; then echo "$kept"; else echo "$file"; fi
}

chosen=" $(variable HARDENING_CFLAGS) $(variable HARDENING_LDFLAGS) "
programs=("$(program cli/longreach)" "$(program dispatcher/longreach-dispatcher)" \
  "$(program askpass/longreach-askpass)")
libraries=("$builddir/core/.libs/liblongreach.so" "$builddir"/plugins/.libs/*.so)
mapfile -t portables < <(find "$builddir/dispatcher/portable" -type f -name longreach-dispatcher 2>/dev/null)

# ---- what is chosen ----

if [ "$(variable CFLAGS)" = "-g -O2" ] && [ -z "$(variable LDFLAGS)$(variable CPPFLAGS)" ]; then
  for flag in -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 \
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack; do
    holds "a build that nobody has told otherwise has $flag" grep -qF -e " $flag " <<<"$chosen"
  done
fi

# The last of two flags that contradict each other is the one that counts.
users_come_last () {
  make -n --no-print-directory -C "$builddir" V=1 -W "$srcdir/core/text.c" core/text.lo \
    CFLAGS=-fthis-is-the-users >"$1"
  grep -qE -e '-fstack-protector-strong.* -fthis-is-the-users' "$1"
}

if [[ $chosen == *" -fstack-protector-strong "* ]]; then
  commands=$(mktemp)
  trap 'rm -f "$commands"' EXIT
  holds "CFLAGS of the user stand behind ours" users_come_last "$commands"
fi

# ---- what is built ----

segments () {
  readelf -lW "$1"
}

has_no_executable_stack () {
  segments "$1" | grep -qE 'GNU_STACK .* RW '
}

has_nothing_writable_and_executable () {
  ! segments "$1" | grep -E 'LOAD .* RWE '
}

has_no_text_relocations () {
  ! readelf -dW "$1" | grep TEXTREL
}

is_position_independent () {
  readelf -hW "$1" | grep -qE 'Type: +DYN '
}

has_read_only_relocations () {
  segments "$1" | grep -q GNU_RELRO && readelf -dW "$1" | grep -qE '\((FLAGS|FLAGS_1|BIND_NOW)\).*NOW'
}

imports () {
  nm -D --undefined-only "$1" | grep -qE " $2(@|\$)"
}

# compiled_with FILE FLAG: every source of it.  (gcc keeps its flags in what -g leaves.)
compiled_with () {
  readelf --debug-dump=info --dwarf-depth=1 "$1" 2>/dev/null \
    | awk -v flag=" $2( |\$)" '
        /DW_AT_producer/ { producer = $0 }
        /DW_AT_name/ && producer != "" {
          if (producer ~ /GNU C/ && producer !~ flag) { print $NF; bad = 1 }
          seen = 1; producer = ""
        }
        END { exit bad || !seen }'
}

for file in "${programs[@]}" "${libraries[@]}" "${portables[@]}"; do
  name=${file#"$builddir"/}
  holds "the stack of $name is not executable" has_no_executable_stack "$file"
  holds "$name has nothing that is both writable and executable" has_nothing_writable_and_executable "$file"
  holds "the text of $name is never written to" has_no_text_relocations "$file"
done

for file in "${programs[@]}" "${libraries[@]}"; do
  name=${file#"$builddir"/}
  holds "$name is position-independent" is_position_independent "$file"
  if [[ $chosen == *" -Wl,-z,now "* ]]; then
    holds "what the linker resolved in $name is read-only when it runs" has_read_only_relocations "$file"
  fi
  for flag in -fstack-protector-strong -fstack-clash-protection; do
    if [[ $chosen == *" $flag "* && "$(variable CFLAGS)" == *-g* ]] \
      && readelf -p .debug_str -p .debug_line_str "$file" 2>/dev/null | grep -q 'GNU C'; then
      holds "every source of $name is compiled with $flag" compiled_with "$file" "$flag"
    fi
  done
done

for file in "${programs[0]}" "${programs[1]}" "${libraries[0]}"; do
  name=${file#"$builddir"/}
  if [[ $chosen == *" -fstack-protector-strong "* ]]; then
    holds "$name checks its stack" imports "$file" __stack_chk_fail
  fi
  if [[ $chosen == *" -D_FORTIFY_SOURCE="* ]]; then
    holds "$name checks sizes at run time" imports "$file" '__[a-z]+_chk'
  fi
done

exit "$failed"
