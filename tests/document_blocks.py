"""What has to be known of blocks in the documents that don't explain themselves.

A block that is not named here is treated as its language says (tests/document_world.py): a whole C
program is compiled and run, a plugin compiled and listed, a fragment compiled within a function that
has FRAGMENT's names; shell commands are run, one after the other, and must succeed; settings are read
by `longreach config`.  Whatever can't be treated like that has a row in BLOCKS, and what a command
needs to be there beforehand is in FILES.  A block that is neither fails the test."""

# What is beneath these in a document is beneath the test's own directory instead.
PLACES = ["/tmp", "/home/ann", "/opt/", "/srv/", "/var/log/", "/etc/motd", "/etc/keys/",
          "/etc/nginx/", "/usr/libexec/longreach/"]

# What documents take for granted: files at home (where commands start, and where "web" and the
# others lead), with their content.  A name that ends in / is a directory.
FILES = {
    "motd": "Be nice.\n",
    "notes.txt": "notes\n",
    "nginx.conf": "# nginx\n",
    "deploy": "#!/bin/sh\necho deployed\n",
    "/srv/big": 1048576 * 1024,
    "/srv/share/": None,
    "/etc/motd": "old\n",
    "/etc/keys/deploy": "a key\n",
    "/etc/nginx/": None,
    "/tmp/": None,
    "plugins/": None,
}

# Schemas whose program is one of those below, which tells in $REACHED which place it was asked for, as
# a hop of a URL, and runs the command here.  Commands have to reach the places that they name.
STAND_INS = ["ssh", "docker", "podman", "sudo", "su", "doas", "incus", "kubectl", "machinectl"]

# Programs that lead elsewhere, or are not to be had everywhere.
PROGRAMS = {
    "ssh": r"""
user= port= config=
while [ $# -gt 0 ]; do
  case $1 in
    -l) user=$2@; shift 2 ;;
    -p) port=:$2; shift 2 ;;
    -i) test -r "$2" || { echo "ssh: no such key: $2" >&2; exit 255; }; shift 2 ;;
    -o) shift 2 ;;
    -T) shift ;;
    --) break ;;
    *) echo "ssh: unknown argument: $1" >&2; exit 255 ;;
  esac
done
echo "ssh:$user$2$port" >>"$REACHED"
shift 2
exec sh -c "$*"
""",
    "docker": r"""
engine=${0##*/} user=
while [ $# -gt 0 ]; do
  case $1 in
    --context | --host | --url) shift 2 ;;
    exec) break ;;
    *) echo "$engine: unknown argument: $1" >&2; exit 125 ;;
  esac
done
shift
while [ $# -gt 0 ]; do
  case $1 in
    --interactive) shift ;;
    --user) user=$2@; shift 2 ;;
    --*=*) shift ;;
    --) break ;;
    *) echo "$engine: unknown argument: $1" >&2; exit 125 ;;
  esac
done
echo "$engine:$user$2" >>"$REACHED"
shift 2
exec "$@"
""",
    "podman": "docker",
    "kubectl": r"""
schema=${0##*/} user= name=
[ "$schema" != systemd-run ] || schema=machinectl
while [ $# -gt 0 ]; do
  case $1 in
    --uid) user=$2@; shift 2 ;;
    --machine) name=$2; shift 2 ;;
    --stdin | --quiet | --pipe | --wait | --collect | exec) shift ;;
    --) break ;;
    --*) shift 2 ;;
    *) name=$1; shift ;;
  esac
done
echo "$schema:$user$name" >>"$REACHED"
shift
exec "$@"
""",
    "incus": "kubectl",
    "systemd-run": "kubectl",
    "sudo": r"""
program=${0##*/} user=
while [ $# -gt 0 ]; do
  case $1 in
    -n) shift ;;
    -u) user=$2; shift 2 ;;
    --) shift; break ;;
    -*) echo "$program: unknown argument: $1" >&2; exit 1 ;;
    *) break ;;
  esac
done
echo "$program:$user" >>"$REACHED"
exec "$@"
""",
    "doas": "sudo",
    "su": r"""
test "$1 $2 $3 $5" = "-s /bin/sh -c --" || { echo "su: unknown arguments: $*" >&2; exit 1; }
command=$4 user=$6
shift 6
echo "su:$user" >>"$REACHED"
exec /bin/sh -c "$command" "$@"
""",
    "jexec": 'shift\nexec "$@"\n',
    "psql": 'test "$1" = -c && echo " 1"\n',
}

# Declarations that a fragment of C may take for granted.
FRAGMENT = r"""
#include <longreach/connector.h>
#include <longreach/longreach.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
extern lr_loop *loop;
extern lr_connection *connection;
extern lr_registry *registry;
extern lr_process *process;
extern struct lr_error error;
extern struct lr_run_args run;
extern struct lr_process_status status;
extern const char *const command[];
extern int waiting;
void opened (void *data, int result_status, void *result, const struct lr_error *result_error);
void answered (void *data, int result_status, void *result, const struct lr_error *result_error);
"""

# A command that doesn't end by itself is interrupted after a second; one that has a terminal gets
# what is typed there.
INTERRUPTED = "interrupted "

# What the command says besides, though nothing is wrong.
REMARKS = "files are made in"


def typed(keys, command):
    return (command, f"typed '{keys}' {command}")


# Where places on this machine are tried: what leads there is too much for a block.
PLACES_TEST = "tests/test-places.sh"


# Rows: the document, how the block begins, and what is done with it:
#   ("run", SUBSTITUTIONS)   commands, with these pieces of text replaced
#   ("elsewhere", TESTS)     each command has a file whose text, which is given, shows that it runs it
#   ("output", COMMAND)      what the command says is that, spaces apart
#   ("answers", REQUESTS)    the shapes of a batch's answers to these
#   ("bytes", None)          packets and frames in hexadecimal: lengths are right, and they are taken
#   ("text", WHY)            no code: a drawing, a grammar, a placeholder
BLOCKS = [
    ("README.md", "scripts/quickstart",
     ("run", [("scripts/test ", "test -x scripts/test ")])),
    ("README.md", "longreach run local: -- tail -f", ("run", [
        ("longreach run local: -- tail", INTERRUPTED + "longreach run local: -- tail"),
        typed("exit", "longreach shell local:"),
        ("1G", "1M")])),
    ("README.md", "autoreconf -fi", ("elsewhere", {
        "autoreconf -fi": ("scripts/configure-build", "autoreconf -fi"),
        "./configure": ("tests/test-install.sh", "/configure\" -q"),
        "make": ("tests/test-install.sh", "make -s -j"),
        "make install": ("tests/test-install.sh", "build install DESTDIR")})),
    ("README.md", "./run longreach", ("run", [("./run", "$builddir/run")])),
    ("docs/architecture.md", "include/longreach/ ", ("text", "directories")),
    ("docs/architecture.md", "cli ─", ("text", "a drawing")),
    ("docs/architecture.md", "lr_open     url.c", ("text", "a drawing")),
    ("docs/protocol.md", "00 00 00 ", ("bytes", None)),
    ("docs/protocol.md", "longreach-dispatcher --session NONCE", ("run", [
        ("longreach-dispatcher --session NONCE",
         "longreach-dispatcher --session abc </dev/null | grep -aq '^LONGREACH 2 abc '")])),
    ("docs/protocol.md", "LONGREACH 2 NONCE", ("text", "a line's form; the block above looks at one")),
    ("docs/protocol.md", "longreach-dispatcher [--debug]", ("text", "the forms of a command")),
    ("docs/protocol.md", "tree      = ", ("text", "a grammar; fuzz/fuzz-tree.c tries it")),
    ("docs/longreach.1", '{"id":...', ("answers", [
        {"id": 1, "op": "getenv", "key": "HOME"}, {"id": 2, "op": "nothing"}])),
    ("docs/longreach.1", "longreach run -t local: vi",
     ("run", [typed(":q", "longreach run -t local: vi /etc/motd")])),
    ("docs/longreach.3", "target = hop", ("text", "a grammar; tests/test-url.c tries it")),
    ("docs/longreach.conf.5", "[section]", ("text", "the form of a setting")),
    ("docs/longreach.conf.5", "/home/ann/.config", ("output", """
mkdir -p $HOME/.config/longreach
printf '[longreach]\\npaths = /opt\\n' >$HOME/.config/longreach/longreach.conf
! longreach config 2>&1 | grep -o '/.*paths.*'
rm $HOME/.config/longreach/longreach.conf""")),
    ("docs/longreach-connector.3", "longreach new-connector jail", ("run", [
        ("make check", "longreach conformance --only=run --plugin-dir=. jail:test")])),
    ("docs/longreach-connector.3", "longreach run --plugin-dir=. -o level", ("run", [
        ("longreach run", "cc -shared -fPIC -o nice.so nice.c"
         " $(pkg-config --cflags --libs longreach)\nlongreach run"),
        ("longreach conformance", "longreach conformance --only=run")])),
    ("cli/templates/connector/longreach-sample.7", "longreach run sample:", ("run", [
        ("longreach run", "cc -shared -fPIC -o plugins/sample.so"
         " $srcdir/cli/templates/connector/sample.c $(pkg-config --cflags --libs longreach)\n"
         "longreach run --plugin-dir=$PWD/plugins")])),
    ("docs/longreach-connector.3", "longreach run 'jail:web", ("run", [
        ("longreach run '", "cc -shared -fPIC -o plugins/jail.so $srcdir/examples/jail.c"
         " $(pkg-config --cflags --libs longreach)\nlongreach run --plugin-dir=$PWD/plugins '")])),
    ("docs/longreach.connector.5", "/opt/plugins/box.connector", ("output", """
mkdir -p plugins
sed 's/\\[--user {user}\\]/--user {user}/' box.connector >plugins/box.connector
! longreach plugins --plugin-dir=$HOME/plugins box 2>&1 | sed -n "s|problem: $HOME/|/opt/|p"
rm plugins/box.connector""")),
    ("plugins/incus/longreach-incus.7", "longreach shell incus:web",
     ("run", [typed("exit", "longreach shell incus:web")])),
    ("plugins/kubectl/longreach-kubectl.7", "longreach shell kubectl:web-0",
     ("run", [typed("exit", "longreach shell kubectl:web-0")])),
    ("plugins/machinectl/longreach-machinectl.7", "longreach shell machinectl:build",
     ("run", [typed("exit", "longreach shell machinectl:build")])),
    ("plugins/docker/longreach-docker.7", "longreach shell docker:web",
     ("run", [typed("exit", "longreach shell docker:web")])),
    ("plugins/lxc/longreach-lxc.7", "longreach ", ("elsewhere", {
        "longreach shell lxc:web":
            (PLACES_TEST, "lxc:shell?$lxc"),
        'longreach run lxc:anna@web -- id':
            (PLACES_TEST, 'lxc:anna@shell?$lxc" id'),
        'longreach run ssh:farm,lxc:1000@web -- id':
            (PLACES_TEST, 'lxc:4321@shell?$lxc" id'),
        "longreach run -o lxcpath=/srv/lxc lxc:web -- ps":
            (PLACES_TEST, "lxc=lxcpath=$lxcpath")})),
    ("plugins/nspawn/longreach-nspawn.7", "longreach ", ("elsewhere", {
        "longreach shell nspawn:web":
            (PLACES_TEST, "nspawn:machine id"),
        "longreach run nspawn:/srv/bookworm -- apt-get update":
            (PLACES_TEST, "nspawn:$scratch/directory"),
        "longreach run -o 'program=systemd-nspawn --bind=/srv/www' nspawn:/srv/web -- ls /srv/www":
            (PLACES_TEST, 'shared="program='),
        'longreach run ssh:root@farm,nspawn:web?user=anna -- id':
            (PLACES_TEST, 'nspawn:machine?user=anna" id')})),
    ("plugins/nsenter/longreach-nsenter.7", "longreach ", ("elsewhere", {
        "longreach run nsenter:4711 -- ps":
            (PLACES_TEST, "nsenter:$process"),
        "longreach run -o namespaces=net nsenter:4711 -- ss -tln":
            (PLACES_TEST, "namespaces=net"),
        "longreach run -o 'namespaces=net mount' nsenter:4711 -- cat /etc/resolv.conf":
            (PLACES_TEST, 'namespaces=net uts'),
        "longreach run ssh:root@farm,nsenter:4711?user=33 -- id":
            (PLACES_TEST, "nsenter:$process?user=4321")})),
    ("plugins/exec/longreach-exec.7", "longreach ", ("elsewhere", {
        "longreach run 'exec:nice -n 10' -- nice":
            (PLACES_TEST, 'exec:chroot $scratch/root'),
        "longreach run 'exec:setpriv --reuid=anna --regid=anna --init-groups' -- id":
            (PLACES_TEST, 'exec:env LR_TEST'),
        "longreach run -o command=text 'exec:adb shell' -- getprop":
            (PLACES_TEST, 'sh -c?command=text'),
        "longreach run 'exec:socat - VSOCK-CONNECT:3:700?command=none&protocol=plain' -- uname -a":
            (PLACES_TEST, 'command=none&protocol=plain')})),
    ("plugins/chroot/longreach-chroot.7", "longreach ", ("elsewhere", {
        "longreach run chroot:/mnt -- passwd -d root":
            (PLACES_TEST, "chroot:$scratch/root"),
        "longreach run 'chroot:/srv/build?user=builder' -- make":
            (PLACES_TEST, 'chroot:$scratch/root?user=anna'),
        "longreach run -o 'program=unshare --mount --pid --fork chroot' chroot:/mnt -- mount -t proc proc /proc":
            (PLACES_TEST, 'chroot:$scratch/root')})),
    ("plugins/ssh/longreach-ssh.7", "longreach run ssh:web",
     ("run", [typed("exit", "longreach shell ssh:ann@web.example.org:2222")])),
    ("examples/README.md", "make -f", ("run", [("/path/to", "$srcdir")])),
    ("examples/README.md", "make -C nice-makefile", ("elsewhere", {
        "make -C nice-makefile check install":
            ("tests/examples.sh", "[makefile]='make -s check install'")})),
    ("examples/README.md", "cd nice-meson", ("elsewhere", {
        "cd nice-meson": ("tests/examples.sh", 'cd "$scratch/nice-$1"'),
        "meson setup build": ("tests/examples.sh", "[meson]='meson setup build;"),
        "meson test -C build": ("tests/examples.sh", "meson test -C build;"),
        "meson install -C build": ("tests/examples.sh", "meson install -C build'")})),
    ("examples/README.md", "cd nice-autotools", ("elsewhere", {
        "cd nice-autotools": ("tests/examples.sh", 'cd "$scratch/nice-$1"'),
        "autoreconf -i": ("tests/examples.sh", "[autotools]='autoreconf -i;"),
        "./configure": ("tests/examples.sh", "./configure -q;"),
        "make check install": ("tests/examples.sh", "make -s check install'")})),
    ("examples/README.md", "./many-hosts", ("run", [
        ("./follow", INTERRUPTED + "./follow")])),
    ("examples/README.md", "mkdir -p tree/etc", ("run", [
        ("longreach env pretend", "! longreach env pretend")])),
]
