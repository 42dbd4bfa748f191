#!/bin/bash
# shellcheck disable=SC2317 # "holds" calls functions by their names
# What is installed: files where they belong, and all that people outside this tree need to use them.
#
# `make install` relinks libraries in the build tree, so no other test may run beside this one.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
read -ra cc <<< "${CC:-cc}"
read -ra cxx <<< "${CXX:-c++}"

# What ./run and make put there speaks of the build tree.
unset LONGREACH_PLUGIN_PATH LONGREACH_DISPATCHER_DIR LD_LIBRARY_PATH MAKEFLAGS MFLAGS MAKELEVEL DESTDIR

umask 022
scratch=$(mktemp -d)
# libtool leaves each plugin that it has relinked beside the one that was built, where other tests
# would find it.
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch" "$builddir"/plugins/.libs/*.soT' EXIT
chmod 755 "$scratch"
stage=$scratch/stage

# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

# The value of a variable of the build tree's Makefile.
variable () {
  make -s --no-print-directory -C "$builddir" --eval="show-variable: ; @echo '\$($1)'" show-variable
}

build () {
  make -s --no-print-directory -C "$builddir" "$@"
}

if ! build install DESTDIR="$stage" > "$scratch/log" 2>&1; then
  cat "$scratch/log"
  not_ok "make install DESTDIR=..."
  exit 1
fi
ok "make install DESTDIR=..."

bindir=$(variable bindir)
libdir=$(variable libdir)
includedir=$(variable includedir)
plugindir=$(variable plugindir)
dispatcherdir=$(variable dispatcherdir)
mandir=$(variable mandir)
config=$(variable configdir)/longreach/longreach.conf
pages=$(variable dist_man_MANS)

# ---- files ----

for file in "$bindir/longreach" "$dispatcherdir/longreach-dispatcher" "$libdir/liblongreach.so.0.0.0"; do
  holds "$file is there and can be executed" test -x "$stage$file" -a -f "$stage$file"
done
for file in "$includedir/longreach/longreach.h" "$includedir/longreach/connector.h" \
  "$libdir/pkgconfig/longreach.pc" "$(variable bashcompletiondir)/longreach" "$plugindir/local.so" \
  "$config"; do
  holds "$file is there" test -s "$stage$file"
done
for link in liblongreach.so liblongreach.so.0; do
  same "$libdir/$link leads to the library" liblongreach.so.0.0.0 "$(readlink "$stage$libdir/$link")"
done
for page in $pages; do
  holds "$page is installed in its section" test -s "$stage$mandir/man${page##*.}/${page##*/}"
done
same "the manual page of docker is that of podman too" longreach-docker.7 \
  "$(readlink "$stage$mandir/man7/longreach-podman.7")"
same "the plugin directory has plugins only" "$(variable plugin_LTLIBRARIES | tr ' ' '\n' \
  | sed 's|^plugins/\(.*\)\.la$|\1.so|' | sort | tr '\n' ' ')" "$(cd "$stage$plugindir" && printf '%s ' *)"
same "libtool's own files are not installed" "" "$(find "$stage" -name '*.la')"
same "no other program is installed" "longreach " "$(cd "$stage$bindir" && printf '%s ' *)"
same "everyone can read what is installed" "" "$(find "$stage" ! -type l ! -perm -444)"
same "nobody else can write what is installed" "" "$(find "$stage" ! -type l -perm /022)"

# ---- manual pages ----

if command -v mandoc > /dev/null; then
  for page in $pages; do
    holds "mandoc finds no fault with $page" \
      mandoc -T lint -W warning "$stage$mandir/man${page##*.}/${page##*/}"
  done
elif [ -n "${CI:-}" ]; then
  not_ok "the manual pages are checked" "mandoc is missing"
else
  echo "skip the manual pages are checked: mandoc is missing"
fi

# ---- the library's symbols ----

library=$stage$libdir/liblongreach.so
mapped=$(sed -n 's/^ *\(lr_[a-z0-9_]*\);$/\1/p' "$srcdir/core/liblongreach.map" | sort)
exported=$(nm -D --defined-only "$library" | sed -n 's/^[0-9a-f]* [^A] \([^@]*\).*/\1/p' | sort)
# What the preprocessor leaves of the headers are declarations, of which typedefs declare no function.
declared=$(printf '#include <longreach/connector.h>\n' \
  | "${cc[@]}" -E -P -I"$stage$includedir" -x c - | tr '\n' ' ' | tr ';' '\n' \
  | grep -v '^ *typedef' | sed -n 's/^[^(]*\b\(lr_[a-z0-9_]*\) (.*/\1/p' | sort)
same "the library exports the symbols of its map" "$mapped" "$exported"
same "they are the functions of the headers" "$declared" "$mapped"
same "all of them begin with lr_" "" "$(grep -v '^lr_' <<< "$exported" || true)"
same "a plugin exports one symbol" lr_plugin \
  "$(nm -D --defined-only "$stage$plugindir/local.so" | sed -n 's/^[0-9a-f]* [DR] \(lr_.*\)/\1/p')"

# ---- the headers ----

compile_header () {
  printf '#include <longreach/%s>\n' "$1" \
    | "${@:2}" -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$stage$includedir" -
}

for header in longreach.h connector.h; do
  holds "$header alone is C11" compile_header "$header" "${cc[@]}" -std=c11 -x c
  holds "$header alone is C++17" compile_header "$header" "${cxx[@]}" -std=c++17 -x c++
done

# ---- pkg-config, and what is built out of the tree ----

read -ra pkg_config <<< "$(variable PKG_CONFIG)"
export PKG_CONFIG_PATH=$stage$libdir/pkgconfig
unset PKG_CONFIG_SYSROOT_DIR
same "pkg-config tells plugindir" "$plugindir" "$("${pkg_config[@]}" --variable=plugindir longreach)"
same "pkg-config tells dispatcherdir" "$dispatcherdir" \
  "$("${pkg_config[@]}" --variable=dispatcherdir longreach)"
same "pkg-config tells the version" "$(variable VERSION)" "$("${pkg_config[@]}" --modversion longreach)"
read -ra flags <<< "$(PKG_CONFIG_SYSROOT_DIR=$stage "${pkg_config[@]}" --cflags --libs longreach)"
# An instrumented library needs programs that are, too.
read -ra build_flags <<< "$(variable CFLAGS)"

cat > "$scratch/program.c" << 'END'
#include <longreach/longreach.h>
#include <stdio.h>

int
main (int argc, char **argv)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_run_result *result;
  const char *const command[] = { "echo", "hello", NULL };
  struct lr_open_args open_args = LR_OPEN_ARGS (.url = argc > 1 ? argv[1] : "local:");
  struct lr_run_args run_args = LR_RUN_ARGS (.command = command);
  if (lr_open (NULL, &open_args, &connection, &error) != 0
      || lr_run (connection, &run_args, &result, &error) != 0)
    {
      fprintf (stderr, "%s\n", error.message);
      return 1;
    }
  fputs (result->stdout_bytes.data, stdout);
  lr_free (result);
  lr_close (connection);
  return 0;
}
END
cat > "$scratch/plugin.c" << 'END'
#include <longreach/connector.h>

static void
here_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  lr_command_add (out, "env", "LR_HOP=there");
  lr_command_append (out, inner);
  (void) hop;
}

static void
mute_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  lr_reply_value (call, args->key);
}

LR_CONNECTOR (here, "here", "this machine, with a variable", .target_form = LR_TARGET_NAME,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_SAME_SYSTEM, .wrap = here_wrap);
LR_CONNECTOR (mute, "mute", "nothing but variables", .target_form = LR_TARGET_NONE,
              .getenv = mute_getenv);
LR_PLUGIN ("7.8", &here, &mute);
END

compile_program () {
  "${cc[@]}" -std=c11 -Wall -Wextra -pedantic -Werror "${build_flags[@]}" \
    "$scratch/program.c" -o "$scratch/program" "${flags[@]}"
}

compile_plugin () {
  mkdir "$scratch/plugins" \
    && "${cc[@]}" -std=c11 -Wall -Wextra -pedantic -Werror "${build_flags[@]}" -shared -fPIC \
    "$scratch/plugin.c" -o "$scratch/plugins/out-of-tree.so" "${flags[@]}"
}

holds "a program is compiled by the flags of pkg-config" compile_program
holds "a plugin is compiled by the flags of pkg-config" compile_plugin

# The program or the command as installed; where DESTDIR is no one looks by itself.
staged () {
  LD_LIBRARY_PATH=$stage$libdir LONGREACH_DISPATCHER_DIR=$stage$dispatcherdir \
    LONGREACH_PLUGIN_PATH=$stage$plugindir:$scratch/plugins "$@" 2>&1 < /dev/null
}

longreach=$stage$bindir/longreach
same "the program runs a command" hello "$(staged "$scratch/program" || true)"
same "the program reaches the plugin" hello "$(staged "$scratch/program" here: || true)"
same "the installed command runs a command" hello "$(staged "$longreach" run local: echo hello || true)"
same "the plugin's wrap is used" there "$(staged "$longreach" env here: LR_HOP || true)"
same "a connector can answer by itself" KEY "$(staged "$longreach" env mute: KEY || true)"
status=0
staged "$longreach" whoami mute: > "$scratch/log" || status=$?
same "what a connector does not do exits 3" "3 longreach: mute: the connector mute has no resolve_user" \
  "$status $(cat "$scratch/log")"
status=0
staged "$longreach" ping mute: > "$scratch/log" || status=$?
same "there is no ping without a dispatcher" "3 longreach: mute: the connector mute has no dispatcher" \
  "$status $(cat "$scratch/log")"
same "the command lists the plugin" "here 7.8 mute 7.8" \
  "$(staged "$longreach" plugins | awk '/^(here|mute) / { print $1, $2 }' | sort | paste -sd' ')"

# ---- the same with a real prefix: nothing tells where things are but the files themselves ----

prefix=$scratch/prefix
install_for_real () {
  build distdir distdir="$scratch/source" top_distdir="$scratch/source" \
    && mkdir "$scratch/build" \
    && cd "$scratch/build" \
    && "$scratch/source/configure" -q --prefix="$prefix" CC="${CC:-cc}" CFLAGS=-O0 \
    && make -s -j"$(nproc)" install
}

installed () {
  env -i PATH="$PATH" HOME=/ "$prefix/bin/longreach" "$@" 2>&1 < /dev/null
}

holds "the distributed files can be configured, built and installed" install_for_real
same "the installed command finds its library, plugin and dispatcher" hello \
  "$(installed run local: echo hello || true)"
same "the installed plugin is listed" "installed $prefix/lib/longreach/plugins/local.so" \
  "$(installed plugins local | awk '/^local/ { printf "%s ", $4; getline; print $1; exit }')"

# shellcheck source=tests/examples.sh
. "$srcdir/tests/examples.sh"

# ---- what somebody has changed ----

same "the installed command knows the schema of a bare name" \
  "default_schema = ssh" "$(installed config | sed -n 's/^.longreach. \(default_schema\)/\1/p')"

echo "# ours" >> "$stage$config"
holds "make install once more" build install-data DESTDIR="$stage"
same "a changed configuration is kept" "# ours" "$(tail -n 1 "$stage$config")"
holds "the new one is beside it" cmp "$srcdir/conf/longreach/longreach.conf" "$stage$config.new"

# ---- and away with it ----

holds "make uninstall DESTDIR=..." build uninstall DESTDIR="$stage"
same "make uninstall leaves the configuration that was changed, and no other file" "$stage$config" \
  "$(find "$stage" ! -type d)"

exit "$failed"
