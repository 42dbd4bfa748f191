#!/bin/bash
# shellcheck disable=SC2317 # functions are called by their names
# put -r and get -r, over local: what a copy has, where it goes, what is left out, and that nothing
# is left behind.
set -eu

srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
scratch=$(mktemp -d)
# shellcheck source=tests/report.sh
. "$srcdir/tests/report.sh"
chmod 755 "$scratch"
umask 077 # which must not matter

clean_up () {
  if [ "$(id -u)" = 0 ]; then
    umount "$scratch/full" 2> /dev/null || true
    umount "$scratch/disks/"* 2> /dev/null || true
  fi
  chmod -R u+rwx "$scratch" 2> /dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"

trees () {
  python3 "$srcdir/tests/trees.py" "$@"
}

# copy put|get [OPTION]... -- SOURCE TARGET: with what it says in $output, $error and $status.
copy () {
  local direction=$1
  local -a options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  status=0
  "$longreach" "$direction" -r "${options[@]}" local: "$2" "$3" > output 2> error || status=$?
  output=$(cat output)
  error=$(cat error)
}

# expect NAME STATUS ERROR: what the last copy has come to; the part of the error before a path of
# this test's is cut off.
expect () {
  local said=${error//"$scratch/"/}
  if [ "$status" = "$2" ] && [ "$said" = "$3" ]; then
    ok "$1"
  else
    not_ok "$1" "status $status: $said"
  fi
}

# same_trees NAME ONE OTHER [owners]
same_trees () {
  local name=$1 found
  shift
  if found=$(trees compare "$@"); then
    ok "$name"
  else
    not_ok "$name" "$found"
  fi
}

nothing_temporary () {
  local found
  found=$(find "$scratch" -name '.longreach*' 2> /dev/null)
  if [ -z "$found" ]; then
    ok "$1"
  else
    not_ok "$1" "$found"
  fi
}

# ---- all that a tree can have ----

trees make tree
copy put -- tree sent
expect "put -r says nothing" 0 ''
same_trees "put -r keeps all of it" tree sent
copy get -- "$scratch/tree" fetched
expect "get -r says nothing" 0 ''
same_trees "get -r keeps all of it" tree fetched
copy put -- tree sent/
copy get -- "$scratch/sent/tree" fetched
same_trees "a tree goes into a directory, under its name" tree sent/tree
same_trees "and so it does when it is fetched" tree fetched/tree
chmod u+w sent/tree/sub "sent/tree/read only" # in which only root could put anything
rm sent/tree/small sent/tree/sub/*
echo changed > sent/tree/large
copy put -- tree sent
expect "a copy of what is there already" 0 ''
same_trees "makes it the same again" tree sent/tree
nothing_temporary "no temporary file is left"

# Times that some file systems have, and packets have no room for.
mkdir timed
touch -d 2300-01-01 timed/late
touch -d 1600-01-01 timed/early
for direction in put get; do
  copy "$direction" -- "$scratch/timed" "timed-$direction"
  for file in late early; do
    time=$(stat -c %Y "timed/$file")
    expected=$((time > 9223372036 ? 9223372036 : time < -9223372036 ? -9223372037 : time))
    same "$direction -r: a time is not another one ($file)" "$expected" \
      "$(stat -c %Y "timed-$direction/$file")"
  done
done

# ---- where it goes ----

mkdir -p a/one
echo 1 > a/one/file
ln -s a to-a
copy put -- a/. b
same_trees "of a source that ends with /. the content goes there" a b
copy put -- a/. b
same_trees "also if the target is there" a b
copy put -- a/one/.. b
same_trees "and of one that ends with /.." a b
copy put -- a/ c
same_trees "a slash at the end means nothing" a c
copy put -- to-a d
if [ "$(readlink d)" = a ]; then ok "a link is copied as one"; else not_ok "a link is copied as one"; fi
copy put -- to-a/ e
same_trees "with a slash what it leads to is copied" a e
copy put -- a/one/file f
if [ "$(cat f)" = 1 ]; then ok "a file can be copied, too"; else not_ok "a file can be copied, too"; fi
mkdir g
copy put -- a/one/file g
if [ "$(cat g/file)" = 1 ]; then ok "into a directory"; else not_ok "into a directory"; fi
ln -s g to-g
copy put -- a to-g
same_trees "a target can be a link to a directory" a g/a
copy put -- a nowhere/b
expect "its parent has to be there" 3 \
  "longreach: localhost: cannot put a tree at nowhere/b: No such file or directory"
copy put -- - b
expect "standard input is no tree" 2 "longreach: put: - is for one file, not for -r; what is called so is ./-"
copy get -- "$scratch/a" -
expect "nor is standard output" 2 "longreach: get: - is for one file, not for -r; what is called so is ./-"
copy put -- a ./-
same_trees "a name that is called so is one" a ./-
copy get -- "$scratch/nothing" b
expect "there has to be something to fetch" 3 \
  "longreach: localhost: cannot read nothing: No such file or directory"
copy put -- nothing b
expect "and to send" 2 "longreach: cannot read nothing: No such file or directory"
copy put -- a f
expect "a file is no place for a directory" 3 \
  "longreach: localhost: cannot put a directory in the place of f: Not a directory"
mkdir -p h/a
ln -s "$scratch/g" h/a/one
copy put -- a h
expect "nor is a link" 3 \
  "longreach: localhost: cannot put a directory in the place of h/a/one: Not a directory"
rm -rf h
mkdir -p h/file
copy put -- a/one/file h
expect "nor is a directory one for a file" 3 "longreach: localhost: cannot replace h/file: Is a directory"
nothing_temporary "and nothing is left of it"

# ---- into itself ----

# So many and so long names that those made meanwhile are read, too, where new ones come late.
mkdir self
head -c 40M /dev/zero | split -b 16K -a 3 - "self/$(printf 'n%.0s' {1..150})"
entries=$(find self | wc -l)
for direction in put get; do
  for name in later next self; do
    timeout 20 "$longreach" "$direction" -r local: "$scratch/self" "$scratch/self/$name" 2> error || true
    if [ -z "$(find self -path "*/$name/$name/$name/$name")" ] \
      && [ "$(find "self/$name" | wc -l)" -ge "$entries" ] \
      && [ "$(grep -cv ": it is just being made, and a tree is not copied into itself$" error)" = 0 ]; then
      ok "$direction -r into itself has an end ($name)"
    else
      not_ok "$direction -r into itself has an end ($name)" "$(wc -l error) $(tail -n 3 error)"
    fi
    rm -rf "self/$name"
  done
done
rm -rf self

# ---- several ----

mkdir one other into
echo 1 > one/file
echo 2 > other/file
echo 3 > single
for direction in put get; do
  status=0
  error=$("$longreach" "$direction" -r --json local: "$PWD/one" "$PWD/other/" "$PWD/single" into \
    2>&1 > output) || status=$?
  expect "$direction -r of several says nothing" 0 ''
  if [ "$(cat into/one/file into/other/file into/single; find into | wc -l; wc -l < output)" \
    = $'1\n2\n3\n6\n3' ]; then
    ok "each goes into the directory, and has an answer"
  else
    not_ok "each goes into the directory, and has an answer" "$(find into) $(cat output)"
  fi
  rm -rf into/*
  for target in nowhere single one/file; do
    status=0
    error=$("$longreach" "$direction" -r local: "$PWD/one" "$PWD/other" "$target" 2>&1) || status=$?
    expect "the target of several is a directory that is there ($direction, $target)" 2 \
      "longreach: several sources go into a directory that is there, which $target is not"
  done
  if [ -e nowhere ]; then not_ok "and is not made"; else ok "and is not made"; fi
  status=0
  error=$("$longreach" "$direction" -r local: "$PWD/one/file" "$PWD/other/file" into 2>&1) || status=$?
  expect "two of a name are refused by $direction -r" 2 \
    "longreach: one/file and other/file would both become file in into"
  if [ -e into/file ]; then not_ok "before one is copied"; else ok "before one is copied"; fi
  status=0
  error=$("$longreach" "$direction" -r local: "$PWD/one/." "$PWD/other/." into 2>&1) || status=$?
  expect "those without a name are no such two" 0 ''
  if [ "$(cat into/file)" = 2 ]; then ok "and come in turn"; else not_ok "and come in turn"; fi
  rm -rf into/*
  status=0
  error=$("$longreach" "$direction" -r local: "$PWD/nothing" "$PWD/one" into 2>&1) || status=$?
  case $direction in
    put) expect "what is missing is told" 2 "longreach: cannot read nothing: No such file or directory" ;;
    get) expect "what is missing is told, also there" 3 \
      "longreach: localhost: cannot read nothing: No such file or directory" ;;
  esac
  if [ -e into/one/file ]; then ok "and the rest copied"; else not_ok "and the rest copied"; fi
  rm -rf into/*
  status=0
  error=$("$longreach" "$direction" local: one other into 2>&1) || status=$?
  case $status:$error in
    "2:longreach: $direction takes no more operands than "*", so into is one too many")
      ok "without -r there is one" ;;
    *) not_ok "without -r there is one" "status $status: $error" ;;
  esac
done
rm -rf one other into single

# ---- what is left out ----

mkfifo a/pipe
echo 2 > a/two
for direction in put get; do
  rm -rf b
  copy "$direction" -- "$scratch/a" b
  expected=2
  host=
  if [ "$direction" = get ]; then
    expected=3
    host='localhost: '
  fi
  expect "$direction -r leaves a FIFO out" "$expected" "longreach: ${host}a/pipe: a FIFO is not copied"
  if [ "$(cat b/two b/one/file)" = $'2\n1' ]; then ok "and copies the rest"; else not_ok "and copies the rest"; fi
done
rm a/pipe
if [ "$(id -u)" != 0 ]; then
  mkdir a/closed
  echo 3 > a/unreadable
  chmod 000 a/closed a/unreadable
  rm -rf b
  copy put -- a b
  error=$(sort error)
  expect "what can't be read is told, and the rest copied" 2 "$(printf '%s\n' \
    'longreach: cannot open a/closed: Permission denied' \
    'longreach: cannot open a/unreadable: Permission denied' | sort)"
  chmod 755 a/closed a/unreadable
  rm -rf a/closed a/unreadable
  mkdir -p k/a/one
  chmod 555 k/a/one
  copy put -- a k
  expect "nor what can't be written" 3 \
    "longreach: localhost: cannot make k/a/one/file: Permission denied"
fi

# ---- owners ----

if [ "$(id -u)" = 0 ]; then
  cp -r a owned
  chown 1234:4321 owned/two
  chown nobody owned/one/file
  chmod 4755 owned/one/file
  chmod 1777 owned
  ln -s two owned/link
  chown -h 77 owned/link
  copy put -p -- owned owned-there
  same_trees "put -rp keeps owners and set-id bits" owned owned-there owners
  copy get -p -- "$scratch/owned" owned-here
  same_trees "get -rp keeps them, too" owned owned-here owners
  copy put -- owned plain
  if [ "$(stat -c %u:%a plain/one/file plain)" = $'0:755\n0:777' ]; then
    ok "without -p they are the user's"
  else
    not_ok "without -p they are the user's" "$(stat -c %u:%a plain/one/file plain)"
  fi
  # Groups that are the same by their names, and not by their numbers: one has more members than most
  # programs have room for, one a name that is longer than others.
  long=$(printf 'g%.0s' {1..80})
  { cat /etc/group; echo "crowd:x:54330:$(seq -s, -f 'member%.0f' 3000)"; echo "$long:x:54340:"; } > near
  { cat /etc/group; echo "crowd:x:54331:"; echo "$long:x:54341:"; } > far
  cat > far-dispatcher << END
#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$scratch/far" /etc/group && exec "\$@"' sh \
  "$LONGREACH_DISPATCHER_DIR/longreach-dispatcher" "\$@"
END
  chmod 755 far-dispatcher
  mkdir grouped
  touch grouped/crowd grouped/long
  chgrp 54330 grouped/crowd
  chgrp 54340 grouped/long
  unshare --mount sh -c 'mount --bind near /etc/group && exec "$@"' sh \
    "$longreach" put -r -p "local:?dispatcher=$scratch/far-dispatcher" grouped grouped-there
  same "a group of many is known by its name" 54331 "$(stat -c %g grouped-there/crowd)"
  same "a name that is too long to be told is a number" 54340 "$(stat -c %g grouped-there/long)"
fi

# ---- several file systems ----

# Where files of several names have the same numbers.
if [ "$(id -u)" = 0 ] && mkdir -p disks/one disks/two && mount -t tmpfs none disks/one \
  && mount -t tmpfs none disks/two; then
  for disk in one two; do
    echo "$disk" > "disks/$disk/file"
    ln "disks/$disk/file" "disks/$disk/again"
  done
  for direction in put get; do
    copy "$direction" -- "$scratch/disks" "disks-$direction"
    same_trees "$direction -r takes files of two disks for two" disks "disks-$direction"
  done
  umount disks/*
fi

# ---- a full disk ----

if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=2m,mode=755 none full; then
  mkdir big
  head -c 1M /dev/urandom | tee big/a > big/b
  head -c 3M /dev/urandom > big/c
  cp big/a big/d
  for direction in put get; do
    copy "$direction" -- "$scratch/big" "$scratch/full"
    case $status:$error in
      [23]:*'cannot write '*'/full/big/c: No space left on device'*)
        ok "$direction -r to a full disk says so" ;;
      *) not_ok "$direction -r to a full disk says so" "status $status: $error" ;;
    esac
    if [ -e full/big/c ]; then not_ok "and leaves no part"; else ok "and leaves no part"; fi
    rm -rf full/*
  done
  nothing_temporary "and no temporary file"
fi

# ---- an end in the middle ----

mkdir huge
truncate -s 0 huge/empty
head -c 1M /dev/urandom > piece
for _ in {1..200}; do cat piece; done > huge/file
# Whoever makes the file: the dispatcher, or the command.
writer () {
  if [ "$direction" = put ]; then pgrep -P "$pid" -x longreach-dispa || true; else echo "$pid"; fi
}

is_writing () {
  local process
  process=$(writer)
  [ -n "$process" ] && [ -n "$(find "/proc/$process/fd" -lname "$scratch/there/huge/*" 2> /dev/null)" ]
}

nobody_writes () {
  [ -z "$(find there -name '.longreach*')" ]
}

for direction in put get; do
  for how in "TERM 143 there" "TERM 143 new" "KILL 255 there" "KILL 255 new"; do
    read -r signal expected place <<< "$how"
    if [ "$direction" = get ] && [ "$signal" = KILL ]; then
      expected=137
    fi
    mkdir -p there
    [ "$place" = new ] || mkdir there/huge
    "$longreach" "$direction" -r local: "$scratch/huge" there > output 2> error &
    pid=$!
    tries=0
    until is_writing || ((++tries > 1000)); do
      sleep 0.005
    done
    victim=$pid
    if [ "$signal" = KILL ]; then
      victim=$(writer)
    fi
    kill "-$signal" "$victim" 2> /dev/null || true
    status=0
    wait "$pid" 2> /dev/null || status=$?
    wait_until 5 nobody_writes || true
    same "SIG$signal ends $direction -r ($place)" "$expected" "$status"
    nothing_temporary "and nothing temporary is left"
    if [ -e there/huge/file ]; then not_ok "nor a part of a file"; else ok "nor a part of a file"; fi
    rm -rf there
  done
done
rm -rf huge

# ---- the command ----

copy put --json -- a json
if [ "$output" = '{"path":"json","directories":2,"files":2,"links":0,"size":4,"problems":0}' ]; then
  ok "--json tells what was copied"
else
  not_ok "--json tells what was copied" "$output"
fi
trees many many 300
copy put --progress -- many m
case $error in
  "300 files  "*" in 0:0"*) ok "the progress counts files" ;;
  *) not_ok "the progress counts files" "$error" ;;
esac
same_trees "many files" many m
copy get --offset=1 -- a b
expect "--offset is for one file" 2 "longreach: get: --offset and --length are for one file, not for -r"
copy put --mode=600 -- a b
expect "and so is --mode" 2 \
  "longreach: put: --mode, --owner, --group and --sync are for one file, not for -r"

exit "$failed"
