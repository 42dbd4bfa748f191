#!/bin/bash
# shellcheck disable=SC2016 # the far side expands it
# shellcheck disable=SC2317 # functions are called by their names
# shellcheck disable=SC2154 # make sets $srcdir
# Places on this machine that are no containers of an engine: chroot, lxc, nsenter, nspawn; and what
# exec is told.
set -eu

# shellcheck source=tests/servers.sh
. "$(dirname "$0")/servers.sh"
need lxc-start lxc-attach systemd-nspawn chroot nsenter busybox unshare pgrep
isolate "$@"
scratch=$(mktemp -d)
chmod 755 "$scratch"
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"
# shellcheck source=tests/conforms.sh
. "$(dirname "$0")/conforms.sh"

lxcpath=$scratch/lxc
clean_up () {
  lxc-stop --lxcpath="$lxcpath" --name=shell --kill > /dev/null 2>&1 || true
  end_isolation
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
umask 022

# runs NAME OUTPUT URL COMMAND...
runs () {
  check "$1" 0 "$2" "$longreach" run "$3" -- "${@:4}"
}

# refuses NAME SENTENCE URL: there is no connection, and one line that says why.
refuses () {
  check "$1" 255 "longreach: $2" "$longreach" run "$3" -- /bin/true
}

# refuses_others NAME SENTENCE URL: who is not root.
refuses_others () {
  check "$1" 255 "longreach: $2" \
    setpriv --reuid=65534 --regid=65534 --clear-groups "$longreach" run "$3" -- /bin/true
}

# ---- places ----

# A root as systems have it.  Its first process waits for what others leave behind, and systemd-nspawn
# asks its getent for users.
make_place () {
  make_root "$1"
  mkdir -p "$1"/{dev/pts,proc,sys,usr}
  mknod -m 666 "$1/dev/null" c 1 3
  ln -s pts/ptmx "$1/dev/ptmx"
  printf '%s\n' '#!/bin/sh' 'while :; do' '  sleep 1' 'done' > "$1/bin/reap"
  cat > "$1/bin/getent" << 'END'
#!/bin/sh
case $1 in
  passwd) grep "^$2:" /etc/passwd || grep "^[^:]*:[^:]*:$2:" /etc/passwd || exit 2 ;;
  initgroups) echo "$2 $(id -G "$2")" ;;
  *) exit 1 ;;
esac
END
  chmod 755 "$1/bin/reap" "$1/bin/getent"
}

make_place "$scratch/shell"
for name in machine directory root process; do
  cp -a "$scratch/shell" "$scratch/$name"
done
make_bare_root "$scratch/bare"
make_root "$scratch/sparse"
mkdir -p "$scratch/empty" "$scratch/sparse/dev"

configure_lxc () {
  mkdir -p "$lxcpath/$1"
  printf '%s\n' "lxc.uts.name = $1" "lxc.rootfs.path = dir:$scratch/$1" \
    "lxc.net.0.type = empty" "lxc.mount.auto = proc:mixed" "lxc.pty.max = 64" > "$lxcpath/$1/config"
}
configure_lxc shell
configure_lxc stopped
lxc-start --lxcpath="$lxcpath" --name=shell --daemon -- /bin/reap \
  || not_ok "a container of LXC starts"

systemd-nspawn --quiet --register=no --keep-unit --machine=machine --pipe \
  --directory="$scratch/machine" /bin/reap < /dev/null &
unshare --mount --pid --fork --kill-child --uts --ipc --net sh -c \
  "mount -t proc none $scratch/process/proc \
    && mount -t devpts -o newinstance,ptmxmode=666 none $scratch/process/dev/pts && exec chroot $scratch/process /bin/reap" < /dev/null &
unshared=$!
mount --bind "$scratch/root" "$scratch/root"
mount -t proc none "$scratch/root/proc"
mount -t devpts -o newinstance,ptmxmode=666 none "$scratch/root/dev/pts"
are_running () {
  process=$(pgrep -x reap -P "$unshared") && pgrep -x systemd-nspawn > /dev/null \
    && "$longreach" run nspawn:machine -- true 2> /dev/null
}
wait_until 15 are_running || not_ok "places are there"

lxc=lxcpath=$lxcpath
# Each connection has a container of its own: they get one /tmp, and may run side by side.
shared="program=env SYSTEMD_NSPAWN_LOCK=0 SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn"

# Without the directory: what a killed container has left in its /tmp goes with that.
list_files () {
  find "$scratch"/{shell,machine,root,process,sparse} -xdev -printf '%p %m %U\n' | sort
}
before=$(list_files)

# ---- the contract of all connectors ----
#
# Where a user and root differ only in what a connector adds to its command, only the user's way, which
# is the longer one, is held to it.

declare -A targets=(
  [lxc-root]="lxc:shell?$lxc" [lxc-anna]="lxc:anna@shell?$lxc"
  [machine-anna]='nspawn:machine?user=anna'
  [directory-root]="nspawn:$scratch/directory?$shared"
  [directory-anna]="nspawn:$scratch/directory?$shared&user=anna"
  [chroot-root]="chroot:$scratch/root" [chroot-anna]="chroot:$scratch/root?user=anna"
  [nsenter-anna]="nsenter:$process?user=anna"
  [exec]="exec:chroot $scratch/root"
)
started=()
for name in "${!targets[@]}"; do
  conforms "$name" "${targets[$name]}" > "$scratch/conforms-$name" &
  started+=("$name:$!")
done

# ---- what each leads to, and why it doesn't ----

runs "root is in a container of LXC" "uid=0(root) gid=0(root)" "lxc:shell?$lxc" id
runs "a user of LXC has all groups" "uid=1234(anna) gid=1234(anna) groups=*77(friends)*" \
  "lxc:anna@shell?$lxc" id
runs "a number has one" "uid=4321 gid=4321" "lxc:4321@shell?$lxc" id
runs "which can be chosen" "uid=4321 gid=77(friends)" "lxc:4321@shell?$lxc&group=77" id
LR_TEST=1 runs "nothing of this side's environment comes along" "" "lxc:shell?$lxc" \
  sh -c 'echo -n $LR_TEST'
refuses "an unknown container of LXC" \
  "nobody: no container of this name is running (lxc-ls tells which are); it said: *" "lxc:nobody?$lxc"
refuses "one that is stopped" "stopped: no container of this name is running *" "lxc:stopped?$lxc"
refuses "an unknown user of LXC" "shell: there is no such user in the container; it said: *" \
  "lxc:nobody9@shell?$lxc"
refuses "a group beside a name" "lxc: group= is for a user who is a number: *" \
  "lxc:anna@shell?$lxc&group=7"
refuses "a name that is a path" "lxc: \"../shell\" can't be the name of a container" lxc:../shell
refuses "a name that is an option" "the name \"-x\" begins with a \"-\", *" lxc:-x
refuses_others "who is not root" "shell: you are not allowed to control this container; *" \
  "lxc:shell?$lxc"

runs "root is in a machine" "uid=0(root) gid=0(root)" nspawn:machine id
runs "so is a user" "uid=1234(anna) gid=1234(anna) groups=*77(friends)*" "nspawn:machine?user=anna" id
runs "processes are the machine's" "*reap*" nspawn:machine cat /proc/1/cmdline
refuses "an unknown machine" "nobody: no machine of this name is running; it said: *" nspawn:nobody
refuses "an unknown user of a machine" "machine: it has no such user; it said: *" \
  "nspawn:machine?user=nobody9"
refuses "a machine has no systemd-nspawn" "nspawn: program= is for directories: *" \
  "nspawn:machine?program=x"
refuses "a name that leads elsewhere" "nspawn: \"../x\" is neither the name of a machine nor *" \
  nspawn:../x
refuses "a machine that is an option" "nspawn: \"-x\" is neither the name of a machine nor *" nspawn:-x
refuses_others "who is not root enters no machine" "machine: only root can enter a machine; *" \
  nspawn:machine
refuses "a directory that is in use" \
  "$scratch/machine: another container runs in this directory; *" "nspawn:$scratch/machine"
refuses "a directory that is not there" "$scratch/none: there is no such directory; *" \
  "nspawn:$scratch/none"
refuses "one without a system" "$scratch/empty: this directory holds no system: it has no usr/; *" \
  "nspawn:$scratch/empty"
mkdir "$scratch/bare/usr"
refuses "one without a shell" "$scratch/bare: it has no such program; *" "nspawn:$scratch/bare"
refuses_others "who is not root starts no container" "$scratch/root: only root can start a container; *" \
  "nspawn:$scratch/root"

runs "the mounts of a process are entered" "/bin/reap" "nsenter:$process" ls /bin/reap
runs "only some namespaces are" "$scratch" "nsenter:$process?namespaces=net uts" ls -d "$scratch"
runs "a number has one group" "uid=4321 gid=77(friends)" "nsenter:$process?user=4321&group=77" id
refuses "an unknown process" "99999999: there is no such process; it said: *" nsenter:99999999
refuses "no process" "nsenter: \"1x\" is not the number of a process" nsenter:1x
# 1, where only 32 bits of it are looked at.
refuses "no number of a process" "nsenter: \"4294967297\" is not the number of a process" nsenter:4294967297
refuses "no namespace" "nsenter: \"nets\" is not a namespace" "nsenter:1?namespaces=nets"
refuses "no user" "nsenter: \"-x\" can't be the name or the number of a user" "nsenter:1?user=-x"
refuses "an unknown user of a process" "$process: there is no such user there; *" \
  "nsenter:$process?user=nobody9"
refuses_others "a process of somebody else" \
  "$process: you are not allowed to enter the namespaces of this process; *" "nsenter:$process"

runs "a user is in a directory" "uid=1234(anna) gid=77(friends)*" \
  "chroot:$scratch/root?user=anna:friends" id
runs "neither /dev nor /proc is needed" "uid=0(root) gid=0(root)" "chroot:$scratch/sparse" id
check "but for no input" 255 "longreach: $scratch/sparse: cannot open /dev/null: No such file or directory" \
  "$longreach" run -n "chroot:$scratch/sparse" -- id
check "and for a terminal" 255 \
  "longreach: $scratch/sparse: cannot open a pseudo-terminal: No such file or directory" \
  "$longreach" run -t "chroot:$scratch/sparse" -- id
refuses "no directory" "$scratch/none: there is no such directory; *" "chroot:$scratch/none"
refuses "a file" "/etc/passwd: it is not a directory; *" chroot:/etc/passwd
refuses "a path from nowhere" "chroot: \"tmp\" is not an absolute path" chroot:tmp
refuses "a path that is an option" "the path \"-x\" begins with a \"-\", *" chroot:-x
refuses "no user of a directory" "$scratch/root: there is no such user in the directory's system; *" \
  "chroot:$scratch/root?user=nobody9"
refuses "a directory without a shell" "$scratch/empty: no shell could be run there; *" \
  "chroot:$scratch/empty"
refuses_others "who is not root has one root" \
  "$scratch/root: only root can make a directory the root; *" "chroot:$scratch/root"

runs "words have spaces" "*" "exec:env LR_TEST=a%20b" sh -c '[ "$LR_TEST" = "a b" ]'
runs "and can be given one by one" "*" "exec:env?arg=LR_TEST=a%20%20b&arg=nice" \
  sh -c '[ "$LR_TEST" = "a  b" ]'
runs "a line can lead to a shell that reads the command" "/bin/reap a  b" \
  "exec:chroot $scratch/root sh -c?command=text" sh -c 'echo "$(ls /bin/reap) $0"' "a  b"
runs "a line can lead to a dispatcher" "it runs" \
  "exec:$LONGREACH_DISPATCHER_DIR/longreach-dispatcher?command=none&protocol=plain" echo it runs
check "it is called as its program" 0 env "$longreach" hostname "exec:env A=b"
refuses "a dispatcher that is told nothing" "exec: command=none needs protocol=plain: *" \
  "exec:true?command=none"
refuses "no command line" "exec: it names no program: *" exec:
refuses "a program that is not there" "nowhere: cannot start nowhere: *" "exec:nowhere -x"
refuses "one that runs nothing" "true: it ended without a word of what it was to run, *" exec:true

for name in "${started[@]}"; do
  wait "${name#*:}" || failed=1
  cat "$scratch/conforms-${name%:*}"
done
nothing_runs () {
  ! pgrep -x longreach-dispa > /dev/null
}
wait_until 15 nothing_runs || not_ok "no dispatcher is left" "$(ps -ef)"
if [ "$before" = "$(list_files)" ]; then
  ok "no file is left"
else
  not_ok "no file is left" "$(diff <(echo "$before") <(list_files) || true)"
fi

exit "$failed"
