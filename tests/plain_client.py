#!/usr/bin/env python3
"""Holds a dispatcher against docs/protocol.md, from which alone this client was written.

usage: plain_client.py DISPATCHER [ARG...]

Every request is made in every form and with every error that can be provoked with the rights at
hand, as root or as an ordinary user; what can't be is reported as skipped, with the reason.
LR_BULK_BYTES sets how much is moved where much is moved (64 MiB).
"""

import contextlib
import errno
import grp
import hashlib
import os
import pty
import pwd
import queue
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

from checks import Room, Skip, check, expect_answer, for_each, make_all, wait_until
from machine import (ROOT, environment, group_name, mounting, only_ordinary_user, only_root,
                     other_group, other_user, process_is_gone, read, unused_id, user_name)
from packets import (ANSWERS, REQUESTS, Answer, decode_field, decode_fields, encode_bytes,
                     encode_packet, u32, u64)

PATIENCE = 60
BULK_BYTES = int(os.environ.get("LR_BULK_BYTES", 64 << 20))
MIB = 1 << 20

MAGIC_VALUE = b"caf\xe9 \xff\n*"
FILLER_NAME, FILLER_VALUE = "F" * 500, b"v" * 500
ENVIRONMENT = environment(LR_TEST_BYTES=MAGIC_VALUE, LR_TEST_EMPTY=b"", LR_TEST=b"X=Y",
                          **{FILLER_NAME: FILLER_VALUE})


# Packets


def encode(name, **fields):
    return encode_packet(*REQUESTS[name], fields)


def run(*command, capture_output=True, **fields):
    return encode("ProcessRun", command=command, capture_output=capture_output, **fields)


def shell(script, *arguments, **fields):
    return run("sh", "-c", script, "sh", *arguments, **fields)


def stat_of(path, follow_links=False, sha512sum=False):
    return encode("Stat", path=path, follow_links=follow_links, sha512sum=sha512sum)


def upload(file, content=b"new", **fields):
    return encode("Upload", file=file, content=content, **fields)


def download(file):
    return encode("Download", file=file)


def getenv(key):
    return encode("Getenv", key=key)


CHECK_ALIVE = encode("CheckAlive")
EXIT = encode("Exit")

# The dispatcher


class Dispatcher:
    """A dispatcher and both ends of its pipes.

    What is sent is written by a thread, so that sending never waits; flush waits."""

    def __init__(self, command, prefix=(), **options):
        self.process = subprocess.Popen([*prefix, *command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=ENVIRONMENT, bufsize=0, **options)
        self.outgoing = queue.SimpleQueue()
        self.drained = threading.Event()
        self.drained.set()
        self.stderr = b""
        self.writer = threading.Thread(target=self.write, daemon=True)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.writer.start()
        self.listener.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.outgoing.put(None)

    def write(self):
        with contextlib.suppress(OSError):
            while (data := self.outgoing.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[self.process.stdin.write(view):]
                if self.outgoing.empty():
                    self.drained.set()
        self.drained.set()
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def listen(self):
        while piece := self.process.stderr.read(4096):
            self.stderr += piece

    def send(self, *packets):
        for packet in packets:
            self.drained.clear()
            self.outgoing.put(packet)

    def flush(self, seconds=PATIENCE):
        assert self.drained.wait(seconds), "the dispatcher stopped reading"

    def end_input(self):
        self.outgoing.put(None)

    def exactly(self, size, deadline):
        content = bytearray()
        while len(content) < size:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            assert ready, "no answer came in time"
            piece = self.process.stdout.read(min(size - len(content), MIB))
            assert piece, f"the output ended; standard error: {self.stderr!r}"
            content += piece
        return bytes(content)

    def receive(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds

        def take(size):
            return self.exactly(size, deadline)

        number = decode_field("u32", take)
        assert number in ANSWERS, f"packet {number} is no answer"
        name, layout = ANSWERS[number]
        return Answer(name, decode_fields(layout, take))

    def ask(self, packet):
        self.send(packet)
        return self.receive()

    def wait(self, seconds=PATIENCE):
        """Its exit status and what it wrote to standard error."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("the dispatcher didn't end") from None
        self.listener.join(seconds)
        return status, self.stderr

    def finish(self):
        self.end_input()
        status = self.wait()
        assert self.process.stdout.read() == b"", "there is output behind the last answer"
        assert status == (0, b""), f"the dispatcher ended with {status}"


def expect(dispatcher, packet, name, /, **fields):
    """Ask, and hold the answer against what is expected; return all its fields."""
    return expect_answer(dispatcher.ask(packet), name, **fields)


def expect_invalid(dispatcher, packet, field):
    fields = expect(dispatcher, packet, "InvalidField", field=field)
    assert fields["error_message"], "there is no message"


def expect_errno(dispatcher, packet, number):
    fields = expect(dispatcher, packet, "OSError", errno=number, strerror=os.strerror(number))
    assert fields["msg"], "there is no message"


# Checks


class Bench(Room):
    """What a check works with: a dispatcher in good health, and a directory of its own."""

    def __init__(self, command):
        self.command = command
        self.shared = None

    @property
    def dispatcher(self):
        if self.shared is None or self.shared.process.poll() is not None:
            self.shared = Dispatcher(self.command)
        return self.shared

    def discard(self):
        """After a failed check nobody knows which answers are still to come."""
        if self.shared is not None:
            self.shared.__exit__()
            self.shared = None

    def start(self, **options):
        return Dispatcher(self.command, **options)


# CheckAlive, Exit, Getenv


@check
def check_alive_is_acknowledged(bench):
    expect(bench.dispatcher, CHECK_ALIVE, "Ack")


@check
def exit_ends_with_0_after_the_answers_before_it(bench):
    with bench.start() as dispatcher:
        dispatcher.send(getenv("LR_TEST_EMPTY"), EXIT, CHECK_ALIVE)
        expect_answer(dispatcher.receive(), "EnvironVar", value=b"")
        status = dispatcher.wait()
        assert status == (0, b""), status
        assert dispatcher.process.stdout.read() == b"", "a request behind Exit was answered"


@for_each([
    ("a value that is not UTF-8", "LR_TEST_BYTES", MAGIC_VALUE),
    ("an empty value", "LR_TEST_EMPTY", b""),
    ("a variable that is not set", "LR_TEST_NOT_SET", None),
    ("an empty key", "", None),
    ("a key with an equals sign", "LR_TEST=X", None),
    ("a key that is not UTF-8", b"\xff", None),
    ("a key of 4 MiB", b"k" * (4 * MIB), None),
])
def getenv_answers(bench, key, value):
    expect(bench.dispatcher, getenv(key), "EnvironVar", value=value)


# Users and groups


@check
def resolve_user_without_a_user_is_the_dispatchers_own(bench):
    expect(bench.dispatcher, encode("ResolveUser"), "ResolveResult",
           value=user_name(os.geteuid()))


@check
def resolve_group_without_a_group_is_the_dispatchers_own(bench):
    expect(bench.dispatcher, encode("ResolveGroup"), "ResolveResult",
           value=group_name(os.getegid()))


@check
def resolve_user_answers_with_the_name_of_a_name_or_id(bench):
    for entry in pwd.getpwall():
        expect(bench.dispatcher, encode("ResolveUser", user=entry.pw_name), "ResolveResult",
               value=entry.pw_name)
        expect(bench.dispatcher, encode("ResolveUser", user=str(entry.pw_uid)), "ResolveResult",
               value=pwd.getpwuid(entry.pw_uid).pw_name)


@check
def resolve_group_answers_with_the_name_of_a_name_or_id(bench):
    for entry in grp.getgrall():
        expect(bench.dispatcher, encode("ResolveGroup", group=entry.gr_name), "ResolveResult",
               value=entry.gr_name)
        expect(bench.dispatcher, encode("ResolveGroup", group=str(entry.gr_gid)), "ResolveResult",
               value=grp.getgrgid(entry.gr_gid).gr_name)


UNKNOWN = [
    ("an unknown name", "no-such-name-here"),
    ("a name that is not UTF-8", b"\xff\xfe"),
    ("an empty name", ""),
    ("an id without an entry", str(unused_id())),
    ("the id that means nobody", "4294967295"),
    ("an id beyond 32 bits", "4294967296"),
    ("an id beyond 64 bits", "18446744073709551616"),
    ("a negative id", "-1"),
    ("an id with a plus sign", "+0"),
    ("an id with a space", " 0"),
    ("a hexadecimal id", "0x0"),
    ("an id with something behind it", "0a"),
    ("a NUL byte", b"root\0"),
]


@for_each(UNKNOWN)
def resolve_user_refuses(bench, user):
    expect_invalid(bench.dispatcher, encode("ResolveUser", user=user), "user")


@for_each(UNKNOWN)
def resolve_group_refuses(bench, group):
    expect_invalid(bench.dispatcher, encode("ResolveGroup", group=group), "group")


@for_each(UNKNOWN)
def query_user_refuses(bench, user):
    expect_invalid(bench.dispatcher, encode("QueryUser", user=user, query_password_hash=False),
                   "user")


@for_each(UNKNOWN)
def query_group_refuses(bench, group):
    expect_invalid(bench.dispatcher, encode("QueryGroup", group=group), "group")


def query_user(user, query_password_hash=False):
    return encode("QueryUser", user=user, query_password_hash=query_password_hash)


@check
def query_user_answers_with_the_entry_of_a_name_or_id(bench):
    for entry in pwd.getpwall():
        if pwd.getpwnam(entry.pw_name) != entry:
            continue
        groups = sorted(os.fsencode(group.gr_name) for group in grp.getgrall()
                        if entry.pw_name in group.gr_mem)
        for user in [entry.pw_name, str(entry.pw_uid)]:
            if user.isdigit() and pwd.getpwuid(entry.pw_uid) != entry:
                continue
            fields = expect(bench.dispatcher, query_user(user), "UserEntry", name=entry.pw_name,
                            uid=entry.pw_uid, group=group_name(entry.pw_gid), gid=entry.pw_gid,
                            password_hash=None, gecos=entry.pw_gecos, home=entry.pw_dir,
                            shell=entry.pw_shell)
            assert sorted(fields["groups"]) == groups, f"{user}: {fields['groups']}"


@check
def query_group_answers_with_the_entry_of_a_name_or_id(bench):
    for entry in grp.getgrall():
        members = [os.fsencode(name) for name in entry.gr_mem]
        for group in [entry.gr_name, str(entry.gr_gid)]:
            if group.isdigit() and grp.getgrgid(entry.gr_gid) != entry:
                continue
            fields = expect(bench.dispatcher, encode("QueryGroup", group=group), "GroupEntry",
                            name=entry.gr_name, gid=entry.gr_gid)
            assert sorted(fields["members"]) == sorted(members), f"{group}: {fields['members']}"


def shadow():
    return dict(line.split(b":")[:2] for line in read("/etc/shadow").splitlines() if b":" in line)


def shadow_is_ours():
    return os.access("/etc/shadow", os.R_OK)


@check
def query_user_answers_with_the_password_hash_when_asked(bench):
    if not shadow_is_ours():
        raise Skip("may not read the shadow database")
    for name, password_hash in shadow().items():
        if name in [os.fsencode(entry.pw_name) for entry in pwd.getpwall()]:
            expect(bench.dispatcher, query_user(name, True), "UserEntry",
                   password_hash=password_hash)


@check
def query_user_refuses_the_hash_of_a_user_without_a_shadow_entry(bench):
    if not shadow_is_ours():
        raise Skip("may not read the shadow database")
    known = shadow()
    for entry in pwd.getpwall():
        if os.fsencode(entry.pw_name) not in known:
            return expect_invalid(bench.dispatcher, query_user(entry.pw_name, True), "user")
    raise Skip("every user has a shadow entry")


@check
def query_user_fails_with_EACCES_for_the_hash_without_the_right(bench):
    if shadow_is_ours():
        raise Skip("may read the shadow database")
    expect_errno(bench.dispatcher, query_user("root", True), errno.EACCES)


@check
def query_user_refuses_an_unknown_user_before_it_reads_the_shadow_database(bench):
    expect_invalid(bench.dispatcher, query_user("no-such-name-here", True), "user")


# Stat


def check_stat(bench, path, kind, **options):
    info = os.stat(path, follow_symlinks=options.get("follow_links", False))
    return expect(bench.dispatcher, stat_of(path, **options), "StatResult", type=kind,
                  mode=stat.S_IMODE(info.st_mode), owner=user_name(info.st_uid),
                  group=group_name(info.st_gid), size=info.st_size,
                  mtime=info.st_mtime_ns & ((1 << 64) - 1),
                  ctime=info.st_ctime_ns & ((1 << 64) - 1))


@check
def stat_describes_a_regular_file(bench):
    path = bench.file("regular", b"12345", 0o640)
    fields = check_stat(bench, path, "file")
    assert fields["sha512sum"] is None, "there is a checksum that nobody asked for"


@check
def stat_keeps_all_twelve_permission_bits(bench):
    path = bench.file("bits")
    os.chmod(path, 0o7751)
    check_stat(bench, path, "file")


@check
def stat_describes_a_directory(bench):
    os.chmod(bench.subdirectory("directory"), 0o1755)
    check_stat(bench, bench.path("directory"), "dir", sha512sum=True)


@check
def stat_describes_a_character_device(bench):
    check_stat(bench, "/dev/null", "chr", sha512sum=True)


@check
def stat_describes_a_block_device(bench):
    path = bench.path("block")
    try:
        os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, 200))
    except OSError:
        devices = [entry.path for entry in os.scandir("/dev")
                   if stat.S_ISBLK(entry.stat(follow_symlinks=False).st_mode)]
        if not devices:
            raise Skip("there is no block device, and none can be made") from None
        path = devices[0]
    check_stat(bench, path, "blk", sha512sum=True)


@check
def stat_describes_a_fifo_without_opening_it(bench):
    os.mkfifo(bench.path("fifo"))
    fields = check_stat(bench, bench.path("fifo"), "fifo", sha512sum=True)
    assert fields["sha512sum"] is None


@check
def stat_describes_a_socket(bench):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(bench.path("sock"))
    check_stat(bench, bench.path("sock"), "sock", sha512sum=True)


@check
def stat_describes_a_link_itself_or_what_it_leads_to(bench):
    path = bench.path("link")
    os.symlink(bench.file("target", b"behind the link"), path)
    fields = check_stat(bench, path, "link", sha512sum=True)
    assert fields["sha512sum"] is None
    fields = check_stat(bench, path, "file", follow_links=True, sha512sum=True)
    assert fields["sha512sum"] == hashlib.sha512(b"behind the link").digest()


@for_each([("an empty file", 0), ("one byte", 1), ("three MiB and a bit", 3 * MIB + 17)])
def stat_sums_up(bench, size):
    content = b"x" * size
    path = bench.file("summed", content)
    fields = check_stat(bench, path, "file", sha512sum=True)
    assert fields["sha512sum"] == hashlib.sha512(content).digest()


@check
def stat_takes_any_byte_in_a_name(bench):
    path = os.fsencode(bench.directory) + b"/" + bytes(set(range(1, 256)) - {0x2f})[:200]
    with open(path, "wb"):
        pass
    expect(bench.dispatcher, stat_of(path), "StatResult", type="file", size=0)


@for_each([("long ago", -1_500_000_001), ("at the epoch", 0), ("now, in nanoseconds", None),
           ("after 2038", 5_000_000_000_123_456_789)])
def stat_tells_the_time(bench, nanoseconds):
    path = bench.file("timed")
    if nanoseconds is not None:
        os.utime(path, ns=(nanoseconds, nanoseconds))
    check_stat(bench, path, "file")


@check
def stat_gives_ids_without_a_name_in_decimal(bench):
    only_root()
    number = unused_id()
    os.chown(bench.file("owned"), number, number)
    expect(bench.dispatcher, stat_of(bench.path("owned")), "StatResult", owner=str(number),
           group=str(number))


@check
def stat_of_what_is_not_there_is_an_invalid_path(bench):
    expect_invalid(bench.dispatcher, stat_of(bench.path("missing")), "path")
    expect_invalid(bench.dispatcher, stat_of(bench.path("missing/below")), "path")
    expect_invalid(bench.dispatcher, stat_of(""), "path")
    expect_invalid(bench.dispatcher, stat_of(b"/\0"), "path")


@check
def stat_of_a_link_that_leads_nowhere(bench):
    os.symlink("nowhere", bench.path("dangling"))
    check_stat(bench, bench.path("dangling"), "link")
    expect_invalid(bench.dispatcher, stat_of(bench.path("dangling"), follow_links=True), "path")


@check
def stat_below_a_file_fails_with_ENOTDIR(bench):
    expect_errno(bench.dispatcher, stat_of(bench.file("plain") + "/below"), errno.ENOTDIR)


@check
def stat_of_a_circle_of_links_fails_with_ELOOP(bench):
    os.symlink("circle", bench.path("circle"))
    expect_errno(bench.dispatcher, stat_of(bench.path("circle"), follow_links=True), errno.ELOOP)


@check
def stat_of_a_long_name_fails_with_ENAMETOOLONG(bench):
    expect_errno(bench.dispatcher, stat_of(bench.path("n" * 300)), errno.ENAMETOOLONG)
    expect_errno(bench.dispatcher, stat_of(b"/" * (4 * MIB)), errno.ENAMETOOLONG)


@check
def stat_behind_a_closed_directory_fails_with_EACCES(bench):
    only_ordinary_user()
    closed = bench.subdirectory("closed")
    bench.file("closed/file")
    os.chmod(closed, 0)
    try:
        expect_errno(bench.dispatcher, stat_of(bench.path("closed/file")), errno.EACCES)
        expect_errno(bench.dispatcher, download(bench.path("closed/file")), errno.EACCES)
        expect_errno(bench.dispatcher, upload(bench.path("closed/file")), errno.EACCES)
    finally:
        os.chmod(closed, 0o755)


@check
def stat_with_a_checksum_of_an_unreadable_file_fails_with_EACCES(bench):
    only_ordinary_user()
    path = bench.file("unreadable", mode=0)
    check_stat(bench, path, "file")
    expect_errno(bench.dispatcher, stat_of(path, sha512sum=True), errno.EACCES)
    expect_errno(bench.dispatcher, download(path), errno.EACCES)


# Download


@for_each([("an empty file", b""), ("every byte", bytes(range(256))),
           ("three MiB and a bit", b"d" * (3 * MIB + 17))])
def download_answers_with_the_content_of(bench, content):
    path = bench.file("download", content)
    expect(bench.dispatcher, download(path), "DownloadResult", content=content)
    os.symlink("download", bench.path("link"))
    expect(bench.dispatcher, download(bench.path("link")), "DownloadResult", content=content)


@check
def download_reads_a_file_without_a_true_size_to_its_end(bench):
    expect(bench.dispatcher, download("/proc/version"), "DownloadResult",
           content=read("/proc/version"))


@check
def download_of_what_is_not_there_is_an_invalid_file(bench):
    os.symlink("nowhere", bench.path("dangling"))
    for path in [bench.path("missing"), bench.path("dangling"), "", b"/\0"]:
        expect_invalid(bench.dispatcher, download(path), "file")


@check
def download_fails(bench):
    expect_errno(bench.dispatcher, download(bench.directory), errno.EISDIR)
    expect_errno(bench.dispatcher, download(bench.file("plain") + "/below"), errno.ENOTDIR)


# Upload


@for_each([("nothing", b""), ("every byte", bytes(range(256))), ("a MiB and a bit", b"u" * MIB)])
def upload_makes_a_file_of(bench, content):
    path = bench.path("made")
    expect(bench.dispatcher, upload(path, content), "Ok")
    assert read(path) == content
    info = os.stat(path)
    assert stat.S_IMODE(info.st_mode) == 0o600, oct(info.st_mode)
    assert (info.st_uid, info.st_gid) == (os.geteuid(), os.getegid())
    bench.leftovers("made")


@check
def upload_takes_any_byte_in_a_name(bench):
    path = os.fsencode(bench.directory) + b"/" + bytes(set(range(1, 256)) - {0x2f})[:200]
    expect(bench.dispatcher, upload(path, b"content"), "Ok")
    assert read(path) == b"content"


@for_each([(mode, mode) for mode in ["0", "7", "644", "0644", "0000", "777", "1777", "4755",
                                     "2755", "7777"]])
def upload_sets_the_mode(bench, mode):
    path = bench.path("moded")
    expect(bench.dispatcher, upload(path, mode=mode), "Ok")
    assert stat.S_IMODE(os.stat(path).st_mode) == int(mode, 8), oct(os.stat(path).st_mode)


@for_each([("mode " + repr(mode), mode) for mode in
           ["", "8", "0o644", "00644", "10000", "-1", "+644", " 644", "644 ", "u+x", b"644\0"]])
def upload_refuses(bench, mode):
    expect_invalid(bench.dispatcher, upload(bench.path("refused"), mode=mode), "mode")
    bench.leftovers()


@for_each(UNKNOWN)
def upload_refuses_owner_and_group(bench, name):
    if name == str(unused_id()):
        raise Skip("an owner or group needs no entry")
    expect_invalid(bench.dispatcher, upload(bench.path("refused"), owner=name), "owner")
    expect_invalid(bench.dispatcher, upload(bench.path("refused"), group=name), "group")
    bench.leftovers()


@check
def upload_names_the_first_wrong_field(bench):
    missing = bench.path("missing/file")
    wrong = "no-such-name-here"
    expect_invalid(bench.dispatcher, upload(missing, mode="9", owner=wrong, group=wrong), "mode")
    expect_invalid(bench.dispatcher, upload(missing, mode="600", owner=wrong, group=wrong),
                   "owner")
    expect_invalid(bench.dispatcher, upload(missing, group=wrong), "group")
    expect_invalid(bench.dispatcher, upload(b"/\0", mode="9"), "file")


@check
def upload_gives_the_file_to_ourselves(bench):
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise Skip("we have no name") from None
    if not ROOT and entry.pw_gid not in (os.getegid(), *os.getgroups()):
        raise Skip("our primary group is not ours")
    path = bench.path("ours")
    for owner in [entry.pw_name, str(entry.pw_uid)]:
        expect(bench.dispatcher, upload(path, owner=owner), "Ok")
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == (entry.pw_uid, entry.pw_gid)


@check
def upload_gives_the_file_to_another_owner_and_group(bench):
    only_root()
    user, group, number = other_user(), other_group(), unused_id()
    path = bench.path("given")
    for fields, ids in [
            ({"owner": user.pw_name}, (user.pw_uid, user.pw_gid)),
            ({"owner": str(user.pw_uid)}, (user.pw_uid, user.pw_gid)),
            ({"group": group.gr_name}, (os.geteuid(), group.gr_gid)),
            ({"owner": user.pw_name, "group": group.gr_name}, (user.pw_uid, group.gr_gid)),
            ({"owner": str(number)}, (number, os.getegid())),
            ({"group": str(number)}, (os.geteuid(), number)),
            ({"owner": user.pw_name, "group": str(number)}, (user.pw_uid, number))]:
        expect(bench.dispatcher, upload(path, mode="6755", **fields), "Ok")
        info = os.stat(path)
        assert (info.st_uid, info.st_gid) == ids, f"{fields}: {(info.st_uid, info.st_gid)}"
        assert stat.S_IMODE(info.st_mode) == 0o6755, "the set-id bits are lost"


@check
def upload_for_another_owner_fails_with_EPERM_and_changes_nothing(bench):
    only_ordinary_user()
    path = bench.file("kept", mode=0o640)
    for fields in [{"owner": "root"}, {"owner": str(unused_id())}, {"group": str(unused_id())}]:
        expect_errno(bench.dispatcher, upload(path, **fields), errno.EPERM)
        expect_errno(bench.dispatcher, upload(bench.path("not-made"), **fields), errno.EPERM)
    assert (read(path), stat.S_IMODE(os.stat(path).st_mode)) == (b"old", 0o640)
    bench.leftovers("kept")


@check
def upload_replaces_the_file_at_once(bench):
    path = bench.file("replaced", b"old content", 0o444)
    os.link(path, bench.path("other-name"))
    with open(path, "rb") as before:
        expect(bench.dispatcher, upload(path, b"new content", mode="640"), "Ok")
        assert before.read() == b"old content", "a reader of the old file sees something else"
    assert read(path) == b"new content"
    assert read(bench.path("other-name")) == b"old content"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    bench.leftovers("replaced", "other-name")


@check
def upload_follows_links(bench):
    bench.subdirectory("elsewhere")
    target = bench.file("elsewhere/target")
    os.symlink("elsewhere/target", bench.path("second"))
    os.symlink(bench.path("second"), bench.path("first"))
    expect(bench.dispatcher, upload(bench.path("first"), b"through links"), "Ok")
    assert read(target) == b"through links"
    assert os.path.islink(bench.path("first")) and os.path.islink(bench.path("second"))
    assert os.listdir(bench.path("elsewhere")) == ["target"]
    bench.leftovers("elsewhere", "first", "second")


@check
def upload_makes_what_a_link_leads_to(bench):
    os.symlink("made-through-link", bench.path("dangling"))
    expect(bench.dispatcher, upload(bench.path("dangling"), b"made"), "Ok")
    assert os.path.islink(bench.path("dangling"))
    assert read(bench.path("made-through-link")) == b"made"


@check
def upload_fails(bench):
    expect_errno(bench.dispatcher, upload(bench.directory), errno.EISDIR)
    os.symlink(bench.directory, bench.path("link-to-directory"))
    expect_errno(bench.dispatcher, upload(bench.path("link-to-directory")), errno.EISDIR)
    expect_errno(bench.dispatcher, upload(bench.path("missing/file")), errno.ENOENT)
    expect_errno(bench.dispatcher, upload(""), errno.ENOENT)
    expect_errno(bench.dispatcher, upload(bench.path("n" * 300)), errno.ENAMETOOLONG)
    expect_errno(bench.dispatcher, upload(bench.file("plain") + "/below"), errno.ENOTDIR)
    os.symlink("circle", bench.path("circle"))
    expect_errno(bench.dispatcher, upload(bench.path("circle")), errno.ELOOP)
    bench.leftovers("link-to-directory", "plain", "circle")


@check
def upload_writes_into_a_fifo_and_leaves_it_one(bench):
    path = bench.path("fifo")
    os.mkfifo(path, 0o644)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        expect(bench.dispatcher, upload(path, b"through the fifo"), "Ok")
        assert os.read(reader, 100) == b"through the fifo"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644, "the mode of the fifo was changed"
    bench.leftovers("fifo")


@check
def upload_writes_into_a_device_and_leaves_it_one(bench):
    before = os.stat("/dev/null")
    if not stat.S_ISCHR(before.st_mode):
        raise Skip("/dev/null is no device")
    expect(bench.dispatcher, upload("/dev/null", b"gone"), "Ok")
    after = os.stat("/dev/null")
    if ROOT and before.st_mode != after.st_mode and stat.S_ISCHR(after.st_mode):
        os.chmod("/dev/null", stat.S_IMODE(before.st_mode))
    assert before.st_mode == after.st_mode, "the mode of /dev/null was changed"


@check
def upload_writes_in_place_where_no_file_can_be_made(bench):
    only_ordinary_user()
    bench.subdirectory("closed")
    path = bench.file("closed/file", b"much longer than the new content")
    os.link(path, bench.path("other-name"))
    os.chmod(bench.path("closed"), 0o555)
    try:
        expect(bench.dispatcher, upload(path, b"in place", mode="640"), "Ok")
        assert read(bench.path("other-name")) == b"in place"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        expect_errno(bench.dispatcher, upload(bench.path("closed/new")), errno.EACCES)
    finally:
        os.chmod(bench.path("closed"), 0o755)


@contextlib.contextmanager
def mounted(bench, script):
    """A dispatcher that sees what SCRIPT mounts below bench.directory, and nobody else does."""
    prefix = mounting(bench.directory, script)
    with bench.start(prefix=prefix) as dispatcher:
        yield dispatcher
        dispatcher.finish()


@check
def upload_writes_in_place_on_a_read_only_file_system(bench):
    bench.subdirectory("readonly")
    path = bench.file("readonly/writable", b"much longer than the new content")
    script = ("mount --bind readonly readonly && "
              "mount --bind readonly/writable readonly/writable && "
              "mount -o remount,bind,ro readonly")
    with mounted(bench, script) as dispatcher:
        expect(dispatcher, upload(path, b"in place"), "Ok")
        expect(dispatcher, download(path), "DownloadResult", content=b"in place")
        expect_errno(dispatcher, upload(bench.path("readonly/new")), errno.EROFS)


@check
def upload_writes_in_place_where_the_file_is_a_mount_point(bench):
    path = bench.file("mounted", b"much longer than the new content")
    with mounted(bench, "mount --bind mounted mounted") as dispatcher:
        expect(dispatcher, upload(path, b"in place"), "Ok")
        expect(dispatcher, download(path), "DownloadResult", content=b"in place")
    assert read(path) == b"in place"
    bench.leftovers("mounted")


@check
def upload_to_a_full_disk_fails_and_changes_nothing(bench):
    bench.subdirectory("small")
    path = bench.path("small/kept")
    with mounted(bench, "mount -t tmpfs -o size=256k none small") as dispatcher:
        expect(dispatcher, upload(path, b"old content"), "Ok")
        expect_errno(dispatcher, upload(path, b"n" * MIB), errno.ENOSPC)
        expect(dispatcher, download(path), "DownloadResult", content=b"old content")
        expect(dispatcher, run("ls", "-A", bench.path("small")), "ProcessCompleted",
               stdout=b"kept\n")


def set_attribute(path, name, value):
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        raise Skip(f"cannot set {name} here: {error.strerror}") from None


@check
def upload_carries_user_attributes_over(bench):
    path = bench.file("attributed")
    set_attribute(path, "user.longreach.test", b"\0value\xff")
    expect(bench.dispatcher, upload(path), "Ok")
    assert os.getxattr(path, "user.longreach.test") == b"\0value\xff"


@check
def upload_carries_the_access_list_over(bench):
    path = bench.file("listed")
    nobody = 0xffffffff
    entries = [(0x01, 6, nobody), (0x02, 6, 12345), (0x04, 4, nobody), (0x10, 6, nobody),
               (0x20, 0, nobody)]
    access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    set_attribute(path, "system.posix_acl_access", access_list)
    expect(bench.dispatcher, upload(path, mode="660"), "Ok")
    found = os.getxattr(path, "system.posix_acl_access")
    assert struct.pack("<HHI", 0x02, 6, 12345) in found, found
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660


@check
def upload_never_carries_capabilities_over(bench):
    only_root()
    path = bench.file("capable", mode=0o755)
    set_attribute(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    expect(bench.dispatcher, upload(path, mode="755"), "Ok")
    assert "security.capability" not in os.listxattr(path)


# ProcessRun


@for_each([("0", "exit 0", 0), ("1", "exit 1", 1), ("255", "exit 255", 255),
           ("SIGKILL", "kill -9 $$", -9), ("SIGTERM", "kill -15 $$", -15),
           ("SIGSEGV", "ulimit -c 0; kill -11 $$", -11)])
def run_returns(bench, script, returncode):
    expect(bench.dispatcher, shell(script), "ProcessCompleted", returncode=returncode, stdout=b"",
           stderr=b"")
    expect(bench.dispatcher, shell(script, capture_output=False), "ProcessCompleted",
           returncode=returncode, stdout=None, stderr=None)


@check
def run_keeps_output_and_errors_apart(bench):
    expect(bench.dispatcher, shell("echo out; echo err >&2; exit 3"), "ProcessCompleted",
           stdout=b"out\n", stderr=b"err\n", returncode=3)


@check
def run_passes_any_byte_but_nul_as_an_argument(bench):
    argument = bytes(range(1, 256))
    expect(bench.dispatcher, run("printf", "%s|", argument, b"", b"*", b"-n", b"$HOME"),
           "ProcessCompleted", stdout=argument + b"||*|-n|$HOME|")


@for_each([("nothing", b""), ("every byte", bytes(range(256))), ("a MiB", b"i" * MIB)])
def run_passes_input_of(bench, content):
    expect(bench.dispatcher, run("cat", stdin=content), "ProcessCompleted", stdout=content,
           returncode=0)


@check
def run_doesnt_mind_a_command_that_ignores_its_input(bench):
    expect(bench.dispatcher, run("true", stdin=b"i" * MIB), "ProcessCompleted", returncode=0,
           stdout=b"", stderr=b"")
    expect(bench.dispatcher, run("head", "-c", "3", stdin=b"i" * MIB), "ProcessCompleted",
           returncode=0, stdout=b"iii")


@check
def run_has_dev_null_as_input_if_none_is_given(bench):
    expect(bench.dispatcher, run("readlink", "/proc/self/fd/0"), "ProcessCompleted",
           stdout=b"/dev/null\n")
    expect(bench.dispatcher, run("cat"), "ProcessCompleted", stdout=b"", returncode=0)


@check
def run_has_dev_null_as_output_if_it_is_not_captured(bench):
    path = bench.path("descriptors")
    expect(bench.dispatcher,
           shell('a=$(readlink /proc/$$/fd/1) b=$(readlink /proc/$$/fd/2); echo $a $b > "$1"', path,
                 capture_output=False),
           "ProcessCompleted", stdout=None, stderr=None, returncode=0)
    assert read(path) == b"/dev/null /dev/null\n", read(path)


@check
def run_has_no_other_descriptors(bench):
    # The fourth is how ls reads the directory.
    for fields in [{}, {"stdin": b""}]:
        expect(bench.dispatcher, run("ls", "/proc/self/fd", **fields), "ProcessCompleted",
               stdout=b"0\n1\n2\n3\n")


def status_of_command(bench, **fields):
    """Lines of the command's /proc/self/status, by name."""
    answer = expect(bench.dispatcher, run("cat", "/proc/self/status", **fields), "ProcessCompleted",
                    returncode=0)
    return dict(line.split(b":\t", 1) for line in answer["stdout"].splitlines() if b":\t" in line)


@check
def run_has_default_signals_and_an_empty_mask(bench):
    with bench.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as dispatcher:
        fields = expect(dispatcher, run("grep", "^Sig[IB]", "/proc/self/status"),
                        "ProcessCompleted", returncode=0)
        numbers = [int(line.split()[1], 16) for line in fields["stdout"].splitlines()]
        # The two below SIGRTMIN are the C library's own.
        own = 1 << 31 | 1 << 32
        assert [number & ~own for number in numbers] == [0, 0], fields["stdout"]


@check
def run_has_a_process_group_of_its_own(bench):
    fields = expect(bench.dispatcher, shell('echo $$; cut -d" " -f5 /proc/$$/stat; exit 0'),
                    "ProcessCompleted", returncode=0)
    pid, group = fields["stdout"].split()
    assert pid == group, fields


@check
def run_has_the_dispatchers_environment(bench):
    fields = expect(bench.dispatcher, run("env", "-0"), "ProcessCompleted", returncode=0)
    found = set(fields["stdout"].split(b"\0"))
    for name, value in ENVIRONMENT.items():
        if not name.startswith(b"LC_"):
            assert name + b"=" + value in found, f"{name!r} is missing"


@for_each([("absent", None, b"0077"), ("022", "022", b"0022"), ("0", "0", b"0000"),
           ("0777", "0777", b"0777"), ("7", "7", b"0007")])
def run_sets_the_umask(bench, umask, expected):
    assert status_of_command(bench, umask=umask)[b"Umask"] == expected


@for_each([("umask " + repr(umask), umask) for umask in
           ["", "8", "1000", "7777", "00077", "0o77", "-1", "+7", " 7", "u=rwx", b"22\0"]])
def run_refuses(bench, umask):
    expect_invalid(bench.dispatcher, run("true", umask=umask), "umask")


@for_each(UNKNOWN)
def run_refuses_user_and_group(bench, name):
    expect_invalid(bench.dispatcher, run("true", user=name), "user")
    expect_invalid(bench.dispatcher, run("true", group=name), "group")


@check
def run_names_the_first_wrong_field(bench):
    wrong = {"umask": "9", "user": "no-such-name-here", "group": "no-such-name-here",
             "cwd": bench.path("missing")}
    expect_invalid(bench.dispatcher, run(**wrong), "command")
    for field in ["umask", "user", "group", "cwd"]:
        expect_invalid(bench.dispatcher, run("no-such-program-here", **wrong), field)
        del wrong[field]


@check
def run_refuses_nul_bytes(bench):
    expect_invalid(bench.dispatcher, run("true", b"a\0b"), "command")
    expect_invalid(bench.dispatcher, run("true", b"a\0b", umask="9"), "command")
    expect_invalid(bench.dispatcher, run("true", cwd=b"/\0"), "cwd")
    expect_invalid(bench.dispatcher, run("true", umask="9", cwd=b"/\0"), "cwd")


@check
def run_starts_in_the_directory(bench):
    expect(bench.dispatcher, run("pwd", "-P", cwd=bench.directory), "ProcessCompleted",
           stdout=os.fsencode(os.path.realpath(bench.directory)) + b"\n")
    bench.file("program", b"#!/bin/sh\necho found\n", 0o755)
    expect(bench.dispatcher, run("./program", cwd=bench.directory), "ProcessCompleted",
           stdout=b"found\n")


@check
def run_refuses_what_is_not_a_directory(bench):
    for cwd in [bench.path("missing"), bench.file("plain"), ""]:
        expect_invalid(bench.dispatcher, run("true", cwd=cwd), "cwd")


@check
def run_of_what_cannot_be_executed_fails_as_exec_does(bench):
    expect_errno(bench.dispatcher, run("no-such-program-here"), errno.ENOENT)
    expect_errno(bench.dispatcher, run(bench.path("missing")), errno.ENOENT)
    expect_errno(bench.dispatcher, run(""), errno.ENOENT)
    expect_errno(bench.dispatcher, run(bench.file("not-executable", b"#!/bin/sh\n")), errno.EACCES)
    expect_errno(bench.dispatcher, run(bench.directory), errno.EACCES)
    expect_errno(bench.dispatcher, run(bench.file("no-format", b"exit 0\n", 0o755)), errno.ENOEXEC)
    expect_errno(bench.dispatcher, run(bench.path("not-executable") + "/below"), errno.ENOTDIR)
    expect_errno(bench.dispatcher, run("true", b"a" * (3 * MIB)), errno.E2BIG)


@check
def run_takes_65536_words(bench):
    expect(bench.dispatcher, run("true", *[""] * 65535), "ProcessCompleted", returncode=0)


@check
def run_takes_strings_of_16_mib_in_all(bench):
    # Each string counts its length and one more.
    words = ["true", b"w" * (4 * MIB), b"w" * (4 * MIB), b"w" * (4 * MIB)]
    words.append(b"w" * (16 * MIB - sum(len(word) + 1 for word in words) - 1))
    expect_errno(bench.dispatcher, run(*words), errno.E2BIG)


@check
def run_becomes_another_user_with_all_of_its_groups(bench):
    only_root()
    user = other_user()
    expected = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for name in [user.pw_name, str(user.pw_uid)]:
        status = status_of_command(bench, user=name)
        assert set(map(int, status[b"Uid"].split())) == {user.pw_uid}, status[b"Uid"]
        assert set(map(int, status[b"Gid"].split())) == {user.pw_gid}, status[b"Gid"]
        groups = set(map(int, status[b"Groups"].split()))
        assert groups | {user.pw_gid} == expected, f"{groups}, expected {expected}"


@check
def run_becomes_another_user_with_another_group(bench):
    only_root()
    user, group = other_user(), other_group()
    status = status_of_command(bench, user=user.pw_name, group=str(group.gr_gid))
    assert set(map(int, status[b"Uid"].split())) == {user.pw_uid}
    assert set(map(int, status[b"Gid"].split())) == {group.gr_gid}
    listed = {entry.gr_gid for entry in grp.getgrall() if user.pw_name in entry.gr_mem}
    assert listed <= set(map(int, status[b"Groups"].split())) | {group.gr_gid}


@check
def run_with_only_a_group_changes_nothing_else(bench):
    only_root()
    group = other_group()
    status = status_of_command(bench, group=group.gr_name)
    assert set(map(int, status[b"Uid"].split())) == {os.geteuid()}
    assert set(map(int, status[b"Gid"].split())) == {group.gr_gid}
    assert set(map(int, status[b"Groups"].split())) == set(os.getgroups()), status[b"Groups"]


@check
def run_as_ourselves_changes_nothing(bench):
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid())
    except KeyError:
        raise Skip("we have no name") from None
    if not ROOT and user.pw_gid != os.getegid():
        raise Skip("our primary group is not our group")
    for fields in [{"user": user.pw_name}, {"group": group.gr_name},
                   {"user": str(user.pw_uid), "group": str(group.gr_gid)}]:
        status = status_of_command(bench, **fields)
        assert set(map(int, status[b"Uid"].split())) == {os.geteuid()}
        assert set(map(int, status[b"Gid"].split())) == {os.getegid()}


@check
def run_as_another_user_without_the_right_is_a_process_error(bench):
    only_ordinary_user()
    for fields in [{"user": "root"}, {"group": "root"}]:
        answer = expect(bench.dispatcher, run("touch", bench.path("touched"), **fields),
                        "ProcessError")
        assert answer["message"], "there is no message"
    bench.leftovers()


@check
def run_in_a_directory_that_cannot_be_entered_is_a_process_error(bench):
    path = bench.subdirectory("closed", 0o700 if ROOT else 0)
    fields = {"user": other_user().pw_name} if ROOT else {}
    try:
        answer = expect(bench.dispatcher, run("true", cwd=path, **fields), "ProcessError")
        assert answer["message"], "there is no message"
    finally:
        os.chmod(path, 0o755)


@check
def run_waits_for_output_of_processes_left_behind(bench):
    expect(bench.dispatcher, shell("(sleep 0.3; echo late) & echo early"), "ProcessCompleted",
           stdout=b"early\nlate\n", returncode=0)


@check
def run_without_capture_waits_only_for_the_command(bench):
    before = time.monotonic()
    expect(bench.dispatcher, shell("sleep 3 & exit 4", capture_output=False), "ProcessCompleted",
           returncode=4)
    assert time.monotonic() - before < 2, "it waited for more than the command"


# Many and large


@check
def a_thousand_requests_are_answered_in_order(bench):
    for i in range(10):
        bench.file(f"file-{i}", b"x" * i)
    dispatcher = bench.dispatcher
    dispatcher.send(*[stat_of(bench.path(f"file-{i % 10}")) for i in range(1000)])
    for i in range(1000):
        expect_answer(dispatcher.receive(), "StatResult", size=i % 10)


@check
def each_request_sees_what_the_ones_before_it_did(bench):
    path = bench.path("sequence")
    packets, expected = [], []
    for i in range(20):
        packets += [upload(path, b"x" * i, mode="600"), stat_of(path), download(path),
                    shell('printf y >> "$1"', path), stat_of(path), stat_of(path + "-missing")]
        expected += [("Ok", {}), ("StatResult", {"size": i}),
                     ("DownloadResult", {"content": b"x" * i}),
                     ("ProcessCompleted", {"returncode": 0}), ("StatResult", {"size": i + 1}),
                     ("InvalidField", {"field": "path"})]
    dispatcher = bench.dispatcher
    dispatcher.send(b"".join(packets))
    for name, fields in expected:
        expect_answer(dispatcher.receive(), name, **fields)


@check
def a_request_may_arrive_byte_by_byte(bench):
    path = bench.file("slow", b"slow")
    for byte in stat_of(path, sha512sum=True):
        bench.dispatcher.send(bytes([byte]))
        bench.dispatcher.flush()
    expect_answer(bench.dispatcher.receive(), "StatResult", size=4)


@check
def many_requests_may_be_written_before_an_answer_is_read(bench):
    count = 5 * MIB // len(getenv(FILLER_NAME))
    dispatcher = bench.dispatcher
    dispatcher.send(getenv(FILLER_NAME) * count)
    dispatcher.flush()
    for _ in range(count):
        expect_answer(dispatcher.receive(), "EnvironVar", value=FILLER_VALUE)


@check
def many_requests_may_be_written_behind_a_slow_one(bench):
    count = 5 * MIB // len(getenv(FILLER_NAME))
    dispatcher = bench.dispatcher
    dispatcher.send(run("sleep", "1"), getenv(FILLER_NAME) * count)
    dispatcher.flush()
    expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=0)
    for _ in range(count):
        expect_answer(dispatcher.receive(), "EnvironVar", value=FILLER_VALUE)


def bulk():
    pattern = os.urandom(MIB + 1)
    return (pattern * (BULK_BYTES // len(pattern) + 1))[:BULK_BYTES]


@check
def much_input_and_output_pass_through_a_command(bench):
    content = bulk()
    fields = expect(bench.dispatcher, run("cat", stdin=content), "ProcessCompleted", returncode=0,
                    stderr=b"")
    assert fields["stdout"] == content, "the output differs from the input"


@check
def much_is_written_to_both_outputs(bench):
    expect(bench.dispatcher, shell("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"),
           "ProcessCompleted", stdout=bytes(3000000), stderr=bytes(3000000))


@check
def much_is_uploaded_summed_up_and_downloaded(bench):
    content = bulk()
    path = bench.path("bulk")
    expect(bench.dispatcher, upload(path, content), "Ok")
    expect(bench.dispatcher, stat_of(path, sha512sum=True), "StatResult", size=len(content),
           sha512sum=hashlib.sha512(content).digest())
    fields = expect(bench.dispatcher, download(path), "DownloadResult")
    assert fields["content"] == content, "what was downloaded differs"


# Malformed input


def head(name, *pieces):
    return u32(REQUESTS[name][0]) + b"".join(pieces)


MALFORMED = [
    ("id 23", u32(23)),
    ("id 255", u32(255)),
    ("id 256, which is reserved", u32(256)),
    ("id 65535", u32(65535)),
    ("id 4294967295", u32(0xffffffff)),
    ("text", b"hello there\n"),
    *[(f"{name}, an answer", u32(value)) for value, (name, _) in ANSWERS.items()],
    ("a bool of 2", head("Stat", encode_bytes("/"), b"\2")),
    ("a bool of 255", head("QueryUser", encode_bytes("root"), b"\xff")),
    ("a presence of 2", head("ResolveUser", b"\2")),
    ("a presence of 2 of bytes", head("ProcessRun", u64(0), b"\2")),
    ("a string of 4 MiB + 1", head("Getenv", u64(4 * MIB + 1))),
    ("a string of 2^32", head("Getenv", u64(1 << 32))),
    ("a string of 2^63", head("Download", u64(1 << 63))),
    ("a string of 2^64 - 1", head("ResolveGroup", b"\1", u64((1 << 64) - 1))),
    ("a list of 65537", head("ProcessRun", u64(65537))),
    ("a list of 2^40", head("ProcessRun", u64(1 << 40))),
    ("a list of 2^64 - 1", head("ProcessRun", u64((1 << 64) - 1))),
    ("bytes of 16 GiB + 1", head("Upload", encode_bytes("/x"), u64((16 << 30) + 1))),
    ("bytes of 2^63", head("ProcessRun", u64(0), b"\1", u64(1 << 63))),
    ("strings of 16 MiB + 1 in all",
     head("ProcessRun", u64(4), encode_bytes(b"w" * (4 * MIB - 1)) * 3, u64(4 * MIB))),
]

CUT = [
    ("an id", u32(2)[:1]),
    ("an id but for its last byte", u32(2)[:3]),
    ("the length of a string", head("Getenv", u64(3)[:7])),
    ("a string", head("Getenv", u64(3), b"ab")),
    ("a string of the largest size", head("Getenv", u64(4 * MIB))),
    ("bytes of the largest size", head("Upload", encode_bytes("/x"), u64(16 << 30), b"begun")),
    ("a packet, between two fields", head("Stat", encode_bytes("/"), b"\0")),
    ("a list", head("ProcessRun", u64(65536), encode_bytes("true"))),
    ("a second packet", CHECK_ALIVE + u32(2)[:2]),
]


def expect_status_3(dispatcher):
    status, text = dispatcher.wait()
    assert status == 3, f"the dispatcher ended with {status}, {text!r}"
    assert text.endswith(b"\n") and text.count(b"\n") == 1 and text.strip(), (
        f"standard error is not one line: {text!r}")


@for_each(MALFORMED)
def malformed_input_ends_with_3(bench, packet):
    with bench.start() as dispatcher:
        dispatcher.send(packet)
        expect_status_3(dispatcher)


@for_each(CUT)
def input_that_ends_within(bench, packet):
    with bench.start() as dispatcher:
        dispatcher.send(packet)
        dispatcher.end_input()
        expect_status_3(dispatcher)


@check
def malformed_input_behind_answered_requests_ends_with_3(bench):
    with bench.start() as dispatcher:
        expect(dispatcher, CHECK_ALIVE, "Ack")
        expect(dispatcher, getenv("LR_TEST_EMPTY"), "EnvironVar", value=b"")
        dispatcher.send(u32(77))
        expect_status_3(dispatcher)


@check
def malformed_input_behind_a_running_command_ends_with_3(bench):
    with bench.start() as dispatcher:
        pid = start_command(bench, dispatcher, "exec sleep 100")
        dispatcher.send(u32(77))
        dispatcher.end_input()
        expect_status_3(dispatcher)
        wait_until(lambda: process_is_gone(pid), 10, "the command outlived the dispatcher")


# The end


def start_command(bench, dispatcher, script, **fields):
    """Send a command, and wait until it runs; its process id."""
    path = bench.path("pid")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    dispatcher.send(shell('echo $$ > "$1.new"; mv "$1.new" "$1"; ' + script, path, **fields))
    wait_until(lambda: os.path.exists(path), PATIENCE, "the command didn't start")
    return int(read(path))


@check
def input_that_ends_before_it_begins_ends_with_0(bench):
    with bench.start() as dispatcher:
        dispatcher.finish()


@check
def input_that_ends_between_packets_ends_with_0(bench):
    with bench.start() as dispatcher:
        for _ in range(3):
            expect(dispatcher, CHECK_ALIVE, "Ack")
        dispatcher.finish()


@check
def requests_received_before_the_end_of_input_are_answered(bench):
    with bench.start() as dispatcher:
        path = bench.path("late")
        dispatcher.send(shell("sleep 0.3; echo done"), upload(path, b"late"), stat_of(path),
                        run("echo", "again"), getenv("LR_TEST_BYTES"))
        dispatcher.end_input()
        expect_answer(dispatcher.receive(), "ProcessCompleted", stdout=b"done\n", returncode=0)
        expect_answer(dispatcher.receive(), "Ok")
        expect_answer(dispatcher.receive(), "StatResult", size=4)
        expect_answer(dispatcher.receive(), "ProcessCompleted", stdout=b"again\n")
        expect_answer(dispatcher.receive(), "EnvironVar", value=MAGIC_VALUE)
        dispatcher.finish()


@check
def a_command_gets_sighup_one_second_after_the_end_of_input(bench):
    with bench.start() as dispatcher:
        start_command(bench, dispatcher, "exec sleep 100")
        dispatcher.end_input()
        before = time.monotonic()
        expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=-1)
        assert 0.8 <= time.monotonic() - before <= 3, time.monotonic() - before
        dispatcher.finish()


@check
def a_command_is_not_started_one_second_after_the_end_of_input(bench):
    with bench.start() as dispatcher:
        start_command(bench, dispatcher, "exec sleep 100")
        dispatcher.send(run("echo", "too late"), stat_of("/"), run("echo", "too late"))
        dispatcher.flush()
        dispatcher.end_input()
        expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=-1)
        expect_answer(dispatcher.receive(), "OSError", errno=errno.ECANCELED)
        expect_answer(dispatcher.receive(), "StatResult", type="dir")
        expect_answer(dispatcher.receive(), "OSError", errno=errno.ECANCELED)
        dispatcher.finish()


@check
def a_process_left_behind_gets_sighup_with_its_group(bench):
    with bench.start() as dispatcher:
        start_command(bench, dispatcher, "sleep 100 & wait")
        dispatcher.end_input()
        before = time.monotonic()
        expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=-1)
        assert time.monotonic() - before <= 3, time.monotonic() - before
        dispatcher.finish()


@check
def a_command_that_ignores_sighup_is_killed_five_seconds_after_the_end_of_input(bench):
    with bench.start() as dispatcher:
        start_command(bench, dispatcher, "trap '' HUP; while :; do sleep 1; done")
        dispatcher.send(run("echo", "too late"), getenv("LR_TEST_EMPTY"))
        dispatcher.flush()
        dispatcher.end_input()
        before = time.monotonic()
        expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=-9)
        assert 4.5 <= time.monotonic() - before <= 8, time.monotonic() - before
        expect_answer(dispatcher.receive(), "OSError", errno=errno.ECANCELED)
        expect_answer(dispatcher.receive(), "EnvironVar", value=b"")
        dispatcher.finish()


@check
def output_held_by_a_daemon_is_waited_for_until_five_seconds_after_the_end_of_input(bench):
    with bench.start() as dispatcher:
        start_command(bench, dispatcher, "setsid sleep 12 & echo started; exit 5")
        dispatcher.end_input()
        before = time.monotonic()
        expect_answer(dispatcher.receive(), "ProcessCompleted", returncode=5, stdout=b"started\n")
        assert 4.5 <= time.monotonic() - before <= 8, time.monotonic() - before
        dispatcher.finish()


@check
def the_input_of_a_command_is_closed_at_the_end_of_input(bench):
    with bench.start() as dispatcher:
        # It reads nothing until its input is long over, so that some of it is not delivered yet.
        start_command(bench, dispatcher, "sleep 0.5; cat > /dev/null; echo over",
                      stdin=b"i" * (4 * MIB))
        dispatcher.end_input()
        expect_answer(dispatcher.receive(), "ProcessCompleted", stdout=b"over\n", returncode=0)
        dispatcher.finish()


@for_each([("SIGTERM", signal.SIGTERM), ("SIGHUP", signal.SIGHUP), ("SIGINT", signal.SIGINT)])
def a_signal_ends_the_dispatcher_after_its_commands(bench, signum):
    with bench.start() as dispatcher:
        pid = start_command(bench, dispatcher, "exec sleep 100")
        dispatcher.process.send_signal(signum)
        dispatcher.wait(10)
        assert process_is_gone(pid), "the command outlived the dispatcher"
    with bench.start() as dispatcher:
        expect(dispatcher, CHECK_ALIVE, "Ack")
        dispatcher.process.send_signal(signum)
        dispatcher.wait(10)


@check
def a_closed_output_ends_the_dispatcher_and_its_commands(bench):
    with bench.start() as dispatcher:
        pid = start_command(bench, dispatcher, "exec sleep 100")
        dispatcher.send(getenv("LR_TEST_EMPTY"))
        dispatcher.process.stdout.close()
        dispatcher.wait(10)
        wait_until(lambda: process_is_gone(pid), 1, "the command outlived the dispatcher")


@check
def a_closed_output_ends_an_idle_dispatcher(bench):
    with bench.start() as dispatcher:
        expect(dispatcher, CHECK_ALIVE, "Ack")
        dispatcher.process.stdout.close()
        dispatcher.send(CHECK_ALIVE)
        dispatcher.wait(10)


# The program


@for_each([("standard input", "stdin"), ("standard output", "stdout")])
def a_terminal_is_refused_as(bench, stream):
    terminal, end = pty.openpty()
    try:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, stream: end}
        done = subprocess.run(bench.command, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
                              **streams)
    finally:
        os.close(terminal)
        os.close(end)
    assert done.returncode == 2, done
    assert done.stderr.count(b"\n") == 1, done


@for_each([("--version", "--version"), ("--help", "--help")])
def the_program_prints_and_ends_for(bench, option):
    done = subprocess.run([*bench.command, option], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout, done


@check
def debug_logs_each_packet_by_name(bench):
    with Dispatcher([*bench.command, "--debug"]) as dispatcher:
        expect(dispatcher, CHECK_ALIVE, "Ack")
        expect(dispatcher, getenv("LR_TEST_EMPTY"), "EnvironVar")
        expect_invalid(dispatcher, stat_of(""), "path")
        dispatcher.end_input()
        status, text = dispatcher.wait()
    assert status == 0, status
    lines = text.splitlines()
    names = [b"CheckAlive", b"Ack", b"Getenv", b"EnvironVar", b"Stat", b"InvalidField"]
    assert len(lines) == len(names), text
    for line, name in zip(lines, names):
        assert name in line, f"{name} is not in {line}"


@check
def nothing_is_left_on_standard_error_and_the_status_is_0(bench):
    """The dispatcher of all the checks before, if none of them failed."""
    expect(bench.dispatcher, CHECK_ALIVE, "Ack")
    bench.dispatcher.finish()


def main(command):
    if not command:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return make_all(Bench(command), "plain-client")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
