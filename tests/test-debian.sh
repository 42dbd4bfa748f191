#!/bin/bash
# shellcheck disable=SC2317 # "holds" calls functions by their names
# Debian's packages: built from what is distributed, looked at by lintian, installed into this system
# as it looks from a namespace of their own (what they change is in memory), used there, and removed.
set -eu

builddir=${builddir:-$PWD}
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
# What ./run and make put there speaks of the build tree.
unset LONGREACH_PLUGIN_PATH LONGREACH_DISPATCHER_DIR LONGREACH_ASKPASS LD_LIBRARY_PATH \
  MAKEFLAGS MFLAGS MAKELEVEL DESTDIR CC CXX CFLAGS

# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"

for program in dh dpkg-buildpackage lintian; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is missing (Debian: debhelper, dpkg-dev, lintian)"
    exit 77
  fi
done

umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

# ---- built ----

source=$scratch/source
copy_source () {
  make -s --no-print-directory -C "$builddir" distdir distdir="$source" top_distdir="$source"
}

# Quickly: it is the packages that are tried here, and not the compiler.
build_packages () {
  cd "$source" \
    && DEB_CFLAGS_STRIP='-g -O2' DEB_CFLAGS_APPEND=-O1 \
      DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" dpkg-buildpackage -b -us -uc -ui
}

holds "what is distributed can be copied" copy_source
holds "the packages are built" build_packages
sed -n 's/^Package: //p' "$srcdir/debian/control" >"$scratch/packages"
mapfile -t packages <"$scratch/packages"
for package in "${packages[@]}"; do
  holds "$package is built" compgen -G "$scratch/${package}_*.deb"
done
holds "lintian finds no error" lintian --allow-root --fail-on error "$scratch"/*.changes

# ---- installed and used ----

mkdir "$scratch/world" "$scratch/steps"
cp "$scratch"/*.deb "$scratch/steps"
cp "$source/debian/tests/"* "$scratch/steps"

# Steps in the world of the packages: each says "ok" or "not ok" as the tests do.
cat >"$scratch/steps/all" <<'END'
#!/bin/bash
set -u
cd /mnt
failed=0
try () {
  if output=$("${@:2}" 2>&1); then
    echo "ok $1"
  else
    echo "not ok $1: $output"
    failed=1
  fi
}
left () {
  # Nothing but what was there before.
  ! find /etc/xdg/longreach /usr/lib/*/*longreach* /usr/libexec/longreach /usr/share/longreach \
    /usr/bin/longreach /usr/include/longreach /usr/share/man/man?/longreach* 2>/dev/null | grep .
}
try "dpkg installs them" dpkg -i ./*.deb
try "the configuration is one that dpkg keeps" \
  sh -c "dpkg-query -W -f '\${Conffiles}' longreach-plugins | grep -q /etc/xdg/longreach/longreach.conf"
try "the loader knows the library" sh -c 'ldconfig -p | grep -q liblongreach.so.0'
try "the command works as installed" ./command
try "programs and plugins can be built as installed" ./program
for page in /usr/share/man/man?/longreach*; do
  try "$page can be read" sh -c "gzip -dc '$page' | grep -q '^\.Sh NAME'"
done
try "dpkg purges them" dpkg --purge longreach liblongreach-dev longreach-plugins longreach-dispatcher liblongreach0
try "nothing is left of them" left
exit $failed
END
chmod +x "$scratch/steps/all"

# Run as root of a mount namespace: the system, with what is written kept in memory.
cat >"$scratch/enter" <<'END'
#!/bin/bash
set -eu
world=$1/world
mount -t tmpfs tmpfs "$world"
mkdir "$world/upper" "$world/work" "$world/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$world/upper,workdir=$world/work" "$world/root" \
  || exit 77
for directory in proc dev; do
  mount --rbind "/$directory" "$world/root/$directory"
done
mount -t tmpfs tmpfs "$world/root/tmp"
mount --bind "$1/steps" "$world/root/mnt"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive chroot "$world/root" /mnt/all
END

# Where no overlay can be mounted, in some containers: at least that they have what they need.
use_unpacked () {
  local package root=$scratch/unpacked
  for package in "$scratch"/*.deb; do
    dpkg-deb -x "$package" "$root"
  done
  env -i PATH="$PATH" LD_LIBRARY_PATH="$(echo "$root"/usr/lib/*-linux-*)" \
    LONGREACH_PLUGIN_PATH="$(echo "$root"/usr/lib/*/longreach/plugins)" \
    LONGREACH_DISPATCHER_DIR="$root/usr/libexec/longreach" \
    "$root/usr/bin/longreach" run local: -- true
}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(--map-root-user)
status=0
unshare "${as_root[@]}" --mount --propagation private bash "$scratch/enter" "$scratch" || status=$?
case $status in
  0) ;;
  77) holds "the packages work where they are unpacked" use_unpacked ;;
  *) not_ok "the packages work where they are installed" ;;
esac

exit "$failed"
