#!/usr/bin/env python3
"""Holds a portable dispatcher to what is particular to it: whom it asks about users and groups, how
little memory it takes, and that it removes itself where it is told to.

usage: portable_client.py DISPATCHER [ARG...]
"""

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import time

from checks import Room, Skip, check, for_each, make_all
from machine import environment, mounting, only_root, read, unused_id
from session import Session

MIB = 1 << 20
UID = 61234
GID = 61235
ANN = f"ann:x:{UID}:{GID}:Ann Dee:/home/ann:/bin/sh"
TEAM = f"team:x:{GID}:bea,ann"

# What stands in for getent says what is in the file DATABASE, for each key a line "KEY ANSWER".
GETENT = """#!/bin/sh
here=${0%/*}
echo "$*" >>"$here/asked"
while read -r key answer; do
  if [ "$key" = "$2" ]; then
    echo "$answer"
    exit 0
  fi
done <"$here/$1"
exit 2
"""


class Bench(Room):
    def __init__(self, command):
        self.command = command

    def discard(self):
        """Each check has sessions of its own."""

    def start(self, path=None, **options):
        variables = environment()
        if path is not None:
            variables[b"PATH"] = os.fsencode(path)
        return Session(self.command, variables, **options)

    def program(self, name, script):
        os.makedirs(self.path("bin"), exist_ok=True)
        path = self.path("bin/" + name)
        with open(path, "w", encoding="ascii") as file:
            file.write(script)
        os.chmod(path, 0o755)

    def getent(self, **databases):
        """A session that has a stand-in for getent, which answers from DATABASES."""
        self.program("getent", GETENT)
        for name in ("passwd", "group", "initgroups"):
            with open(self.path("bin/" + name), "w", encoding="ascii") as file:
                for key, answer in databases.get(name, {}).items():
                    file.write(f"{key} {answer}\n")
        return self.start(path=self.search_path())

    def search_path(self):
        return self.path("bin") + ":" + os.fsdecode(environment()[b"PATH"])

    def asked(self):
        with contextlib.suppress(FileNotFoundError):
            return read(self.path("bin/asked")).decode().splitlines()
        return []


def user_of(session, name):
    return session.ask("QueryUser", "UserEntry", user=name, query_password_hash=False)


def query_user(session, name):
    return session.request("QueryUser", user=name, query_password_hash=False)


def query_group(session, name):
    return session.request("QueryGroup", group=name)


def owner_of(session, path):
    return session.ask("Stat", "StatResult", path=path, follow_links=False,
                       sha512sum=False)["owner"]


def spawn(session, *command, user):
    return session.request("Spawn", command=command, user=user, environment=[], unset=[],
                           with_input=False, with_output=True, timeout=0, linger=-1, rows=0,
                           columns=0)


def groups_as(session, user):
    """The groups that a command has as USER."""
    channel = spawn(session, "grep", "^Groups:", "/proc/self/status", user=user)
    channel.started()
    channel.expect("Exited", returncode=0)
    channel.expect("Closed")
    return {int(number) for number in channel.content[1].split()[1:]}


# Users and groups


@for_each([("by name", "ann"), ("by id", str(UID))])
def a_user_in_no_file_is_asked_from_getent(bench, key):
    known = {key: ANN, str(UID): ANN, "ann": ANN}
    with bench.getent(passwd=known, group={str(GID): TEAM}) as session:
        fields = user_of(session, key)
        assert (fields["name"], fields["uid"], fields["gid"]) == (b"ann", UID, GID), fields
        assert fields["group"] == b"team", fields
        assert (fields["home"], fields["shell"]) == (b"/home/ann", b"/bin/sh"), fields
        session.finish()


@for_each([("by name", "team"), ("by id", str(GID))])
def a_group_in_no_file_is_asked_from_getent(bench, key):
    with bench.getent(group={key: TEAM}) as session:
        fields = session.ask("QueryGroup", "GroupEntry", group=key)
        assert (fields["name"], fields["gid"]) == (b"team", GID), fields
        assert list(fields["members"]) == [b"bea", b"ann"], fields
        session.finish()


@check
def a_user_in_the_files_is_not_asked_for(bench):
    with bench.getent() as session:
        assert user_of(session, "root")["uid"] == 0
        assert session.ask("QueryGroup", "GroupEntry", group="root")["gid"] == 0
        session.finish()
    assert bench.asked() == ["initgroups root"], bench.asked()


@check
def what_getent_says_is_kept_for_a_while_misses_too(bench):
    number = unused_id()
    with bench.getent(passwd={"ann": ANN}) as session:
        for _ in range(5):
            session.ask("Stat", "StatResult", path="/", follow_links=False, sha512sum=False)
            query_user(session, "nobody-at-all").expect_invalid("user")
            query_user(session, str(number)).expect_invalid("user")
            user_of(session, "ann")
        session.finish()
    asked = [line for line in bench.asked() if line.startswith("passwd ")]
    assert asked == ["passwd nobody-at-all", f"passwd {number}", "passwd ann"], asked


@for_each([("an option", "--version"), ("too large a number", "4294967296"),
           ("a number behind a space", " 0"), ("none", ""), ("two lines", "a\nb"),
           ("two fields", "a:b"), ("a very long one", "n" * 5000), ("minus one", "4294967295")])
def a_name_that_getent_would_take_for_something_else_is_not_asked_for(bench, name):
    with bench.getent() as session:
        query_user(session, name).expect_invalid("user")
        query_group(session, name).expect_invalid("group")
        session.finish()
    assert bench.asked() == [], bench.asked()


@for_each([("nothing", ""), ("too few fields", "ann:x"), ("no number", "ann:x:a:b:::"),
           ("minus one", "ann:x:4294967295:0:::"), ("too large a number", "ann:x:4294967296:0:::"),
           ("too many fields", ANN + ":more"), ("two lines", ANN + "\n" + ANN),
           ("another source", "+" + ANN), ("no name", ":x:0:0:::")])
def an_answer_of_getent_that_is_none_is_an_error(bench, answer):
    bench.program("getent", f"#!/bin/sh\ncat <<'EOF'\n{answer}\nEOF\n")
    with bench.start(path=bench.search_path()) as session:
        query_user(session, "ann").expect("OSError", errno=errno.EBADMSG)
        session.finish()


@check
def the_answer_for_another_id_is_an_error(bench):
    with bench.getent(passwd={str(UID + 1): ANN}, group={str(GID + 1): TEAM}) as session:
        query_user(session, str(UID + 1)).expect("OSError", errno=errno.EBADMSG)
        query_group(session, str(GID + 1)).expect("OSError", errno=errno.EBADMSG)
        session.finish()


@check
def a_getent_that_prints_without_end_is_ended(bench):
    bench.program("getent", "#!/bin/sh\nexec yes\n")
    with bench.start(path=bench.search_path()) as session:
        query_user(session, "ann").expect("OSError", errno=errno.EFBIG)
        session.finish()


@check
def a_getent_that_hangs_is_given_up_and_left_alone(bench):
    bench.program("getent", f"#!/bin/sh\necho $$ >{bench.path('pid')}\nexec sleep 1000\n")
    with bench.start(path=bench.search_path()) as session:
        begun = time.monotonic()
        query_user(session, "ann").expect("OSError", errno=errno.ETIMEDOUT)
        assert 4 < time.monotonic() - begun < 20, "it is not given 5 seconds"
        begun = time.monotonic()
        query_user(session, "bea").expect("OSError", errno=errno.ETIMEDOUT)
        session.ask("ResolveUser", "ResolveResult", user="root")
        assert time.monotonic() - begun < 4, "it is asked again"
        session.finish()
    assert not os.path.exists("/proc/" + read(bench.path("pid")).decode().strip()), "it is left"


@check
def without_getent_there_are_the_files(bench):
    with bench.start(path=bench.path("bin")) as session:
        query_user(session, "ann").expect_invalid("user")
        query_group(session, str(unused_id())).expect_invalid("group")
        assert user_of(session, "root")["uid"] == 0
        session.finish()


@check
def the_real_getent_knows_what_the_files_do(bench):
    with bench.start() as session:
        query_user(session, "nobody-at-all").expect_invalid("user")
        assert user_of(session, "root")["uid"] == 0
        session.finish()


@check
def hashes_of_passwords_are_in_shadow_or_asked_for(bench):
    only_root()
    bench.file("shadow", b"root:$hash:1::::::\nrooted:$other:1::::::\n", 0o600)
    bench.getent(passwd={"ann": ANN}).__exit__()
    with open(bench.path("bin/shadow"), "w", encoding="ascii") as shadow:
        shadow.write("ann ann:$asked:1::::::\n")
    prefix = mounting(bench.directory, "mount --bind shadow /etc/shadow")
    with bench.start(path=bench.search_path(), prefix=prefix) as session:
        for name, expected in (("root", b"$hash"), ("ann", b"$asked")):
            fields = session.ask("QueryUser", "UserEntry", user=name, query_password_hash=True)
            assert fields["password_hash"] == expected, fields
        session.request("QueryUser", user="daemon",
                        query_password_hash=True).expect_invalid("user")
        session.finish()


# Groups of a user


@check
def a_command_has_all_groups_that_getent_knows(bench):
    only_root()
    groups = f"{'ann':21} " + " ".join(str(number) for number in range(70000, 70300))
    with bench.getent(passwd={"ann": ANN}, initgroups={"ann": groups}) as session:
        assert groups_as(session, "ann") == {GID, *range(70000, 70300)}
        session.finish()


@check
def a_user_in_the_files_has_groups_from_both(bench):
    only_root()
    bench.file("passwd", read("/etc/passwd") + ANN.encode() + b"\n")
    bench.file("group", read("/etc/group") + b"local:x:61300:ann\nother:x:61301:annette,bea\n")
    bench.getent(initgroups={"ann": "ann 61235 61400"}).__exit__()
    prefix = mounting(bench.directory, "mount --bind passwd /etc/passwd && "
                                       "mount --bind group /etc/group")
    with bench.start(path=bench.search_path(), prefix=prefix) as session:
        assert groups_as(session, "ann") == {GID, 61300, 61400}
        names = user_of(session, "ann")["groups"]
        assert set(names) == {b"local", b"61400"}, names
        session.finish()


@check
def id_tells_where_getent_knows_no_groups_of_users(bench):
    only_root()
    bench.program("getent", f"#!/bin/sh\n[ $1 = passwd ] && echo '{ANN}' || exit 1\n")
    bench.program("id", f"#!/bin/sh\n[ \"$*\" = '-G ann' ] && echo {GID} 61401\n")
    with bench.start(path=bench.search_path()) as session:
        assert groups_as(session, "ann") == {GID, 61401}
        session.finish()


@for_each([("another name", "bea 1 2"), ("no number", "ann 1 x"), ("a negative one", "ann -1"),
           ("too large a number", "ann 4294967296"), ("two lines", "ann 1\nann 2")])
def an_answer_that_is_no_list_of_groups_lets_no_command_run_with_fewer(bench, answer):
    bench.program("getent", f"#!/bin/sh\n[ $1 = passwd ] && echo '{ANN}' || echo '{answer}'\n")
    with bench.start(path=bench.search_path()) as session:
        spawn(session, "true", user="ann").expect("OSError", errno=errno.EBADMSG)
        session.finish()


@check
def a_database_that_changes_is_read_again(bench):
    only_root()
    bench.file("passwd", read("/etc/passwd"))
    file = bench.file("file")
    os.chown(file, UID, GID)
    bench.getent().__exit__()
    prefix = mounting(bench.directory, "mount --bind passwd /etc/passwd")
    with bench.start(path=bench.search_path(), prefix=prefix) as session:
        assert owner_of(session, file) == str(UID).encode()
        with open(bench.path("passwd"), "a", encoding="ascii") as passwd:
            passwd.write(ANN + "\n")
        assert owner_of(session, file) == b"ann"
        assert user_of(session, "ann")["uid"] == UID
        session.finish()


@for_each([("without its last fields", f"ann:x:{UID}:{GID}", True),
           ("with too many", ANN + ":x", False), ("that is commented out", "#" + ANN, False),
           ("of another source", "+" + ANN, False)])
def a_line_of_the_file(bench, line, counts):
    bench.file("passwd", f"broken\n\n{line}\nroot:x:0:0:root:/root:/bin/sh\n".encode())
    prefix = [*mounting(bench.directory, "mount --bind passwd /etc/passwd"),
              "env", "PATH=" + bench.path("bin")]
    with bench.start(prefix=prefix) as session:
        if counts:
            assert user_of(session, "ann")["uid"] == UID
        query_user(session, "broken").expect_invalid("user")
        for name in ("ann", "+ann", "#ann"):
            if not counts:
                query_user(session, name).expect_invalid("user")
        assert user_of(session, "root")["uid"] == 0
        session.finish()


# Memory


def peak(session):
    """The most memory it has had, in bytes."""
    found = re.search(rb"VmHWM:\s*(\d+) kB", read(f"/proc/{session.process.pid}/status"))
    return int(found[1]) * 1024


@check
def it_takes_two_MiB_at_most_whatever_it_moves(bench):
    if "qemu" in " ".join(bench.command):
        raise Skip("of an emulator nobody can tell what is whose")
    with bench.start() as session:
        session.check_alive()
        assert peak(session) <= 2 * MIB, f"idle it takes {peak(session)} bytes"
        reading = session.request("Read", file="/dev/zero", offset=0, length=64 * MIB)
        writing = session.request("Write", file=bench.path("new"), preserve=False, size=-1,
                                  sync=False)
        while not reading.final:
            session.turn(1)
            reading.content[1].clear()
        for _ in range(32):
            writing.write(bytes(2 * MIB))
        writing.eof()
        writing.expect("Written")
        assert peak(session) <= 2 * MIB, f"it takes {peak(session)} bytes"
        session.finish()


# Removing itself


def run_copy(bench, *options, directory=None, more=(), prefix=()):
    """Run a copy that removes itself; what it prints."""
    directory = directory or bench.subdirectory("brought")
    shutil.copy(bench.command[-1], os.path.join(directory, "longreach-dispatcher"))
    for name in more:
        with open(os.path.join(directory, name), "wb"):
            pass
    command = [*prefix, *bench.command[:-1], os.path.join(directory, "longreach-dispatcher")]
    done = subprocess.run([*command, *options], capture_output=True, check=False,
                          env=environment(), stdin=subprocess.DEVNULL)
    return done


@for_each([("in a session", ["--session", "n1"]), ("in the plain protocol", [])])
def it_removes_itself_and_its_directory_when_it_is_told_to(bench, options):
    done = run_copy(bench, *options, "--remove", bench.path("brought"))
    assert done.returncode == 0 and done.stderr == b"", done
    assert b"unremoved" not in done.stdout, done
    bench.leftovers()


@check
def it_never_removes_itself_unless_it_is_told_to(bench):
    done = run_copy(bench, "--session", "n1")
    assert done.returncode == 0 and b"unremoved" not in done.stdout, done
    assert os.listdir(bench.path("brought")) == ["longreach-dispatcher"]


@check
def what_else_is_in_the_directory_stays_and_the_banner_says_so(bench):
    done = run_copy(bench, "--session", "n1", "--remove", bench.path("brought"), more=["other"])
    assert done.returncode == 0, done
    assert done.stdout.partition(b"\n")[0].endswith(b",unremoved"), done
    assert os.listdir(bench.path("brought")) == ["other"]


@check
def no_link_is_followed_to_what_is_removed(bench):
    directory = bench.subdirectory("brought")
    os.symlink(directory, bench.path("link"))
    done = run_copy(bench, "--session", "n1", "--remove", bench.path("link"), directory=directory)
    assert b"unremoved" in done.stdout, done
    assert os.listdir(directory) == ["longreach-dispatcher"]


@check
def what_is_gone_already_is_removed(bench):
    done = run_copy(bench, "--session", "n1", "--remove", bench.path("none"))
    assert done.returncode == 0 and b"unremoved" not in done.stdout, done


@for_each([("a relative path", "brought"), ("nothing", "")])
def it_refuses_to_remove(bench, path):
    done = run_copy(bench, "--session", "n1", "--remove", path)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr != b"", done
    assert os.listdir(bench.path("brought")) == ["longreach-dispatcher"]


def main(command):
    if not command:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return make_all(Bench(command), "portable")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
