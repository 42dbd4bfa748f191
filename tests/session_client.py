#!/usr/bin/env python3
"""Holds a dispatcher's sessions against docs/protocol.md, from which alone this client was written.

usage: session_client.py DISPATCHER [ARG...]

What holds of any packet that comes is checked by session.py, all the time.  LR_BULK_BYTES sets how
much is moved where much is moved (64 MiB).
"""

import contextlib
import errno
import hashlib
import os
import pty
import pwd
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

from checks import Skip, check, for_each, make_all, shorten, wait_until
from machine import (ROOT, environment, group_name, mounting, only_ordinary_user, only_root,
                     other_group, other_user, process_is_gone, read, unused_id, user_name)
from packets import u32, u64
from remembers import places
from session import (ANSWERS, DATA_LIMIT, FOREVER, PACKET_LIMIT, PATIENCE, REQUESTS, WINDOW,
                     WINDOW_LIMIT, Session, SessionRoom, data, encode, frame)

BULK_BYTES = int(os.environ.get("LR_BULK_BYTES", 64 << 20))
MIB = 1 << 20
GIB = 1 << 30

MAGIC_VALUE = b"caf\xe9 \xff\n*"
FILLER_NAME, FILLER_VALUE = "F" * 500, b"v" * 500
ENVIRONMENT = environment(LR_TEST_BYTES=MAGIC_VALUE, LR_TEST_EMPTY=b"", LR_TEST=b"X=Y",
                          LR_TEST_GO=b"away", **{FILLER_NAME: FILLER_VALUE})


class Bench(SessionRoom):
    """What a check works with: a session in good health, and a directory of its own."""

    def __init__(self, command):
        super().__init__(command)
        self.doomed = {}  # by the name of what is fatal for them
        self.idle = self.start()
        self.idle_since = time.monotonic()
        self.idle.turn(0)

    def close(self):
        self.discard()
        for session in [self.idle, *self.doomed.values()]:
            session.__exit__()

    def leftovers(self, *expected):
        """What is cancelled may be removed a little after the answer."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: set(os.listdir(self.directory)) <= set(expected), 5, "")
        super().leftovers(*expected)

    def start(self, **options):
        return Session(self.command, ENVIRONMENT, **options)

    def gate(self, name="gate"):
        return Gate(self.path(name))


class Gate:
    """A FIFO whose readers wait until it is opened, and then get a line each."""

    def __init__(self, path):
        self.path = path
        self.descriptor = None
        os.mkfifo(path)

    def open(self, count=1):
        if self.descriptor is None:
            self.descriptor = os.open(self.path, os.O_RDWR)
        os.write(self.descriptor, b"\n" * count)

    def __del__(self):
        if self.descriptor is not None:
            os.close(self.descriptor)


def spawn(session, *command, **fields):
    defaults = {"environment": [], "unset": [], "with_input": False, "with_output": True,
                "timeout": 0, "linger": -1, "rows": 0, "columns": 0}
    return session.request("Spawn", command=command, **{**defaults, **fields})


def shell(session, script, *arguments, **fields):
    return spawn(session, "sh", "-c", script, "sh", *arguments, **fields)


def expect_end(channel, returncode=0, stdout=None, stderr=b"", timed_out=False, input_lost=False):
    """Exited and Closed, or how it ends without all its input; the rest of the output, if it is
    given."""
    exited = channel.expect("Exited", returncode=returncode, timed_out=timed_out)
    if input_lost:
        channel.expect_errno(errno.ECANCELED)
    else:
        channel.expect("Closed")
    assert channel.ended >= {1}, "the output has no Eof"
    if stdout is not None:
        channel.expect_output(stdout)
        assert not channel.content[1], f"there is more output: {shorten(channel.content[1])}"
        channel.expect_output(stderr, 2)
        assert not channel.content[2], f"there are more errors: {shorten(channel.content[2])}"
    return exited


def expect_completed(channel, *arguments, **fields):
    channel.started()
    return expect_end(channel, *arguments, **fields)


def write(session, file, **fields):
    defaults = {"preserve": False, "size": -1, "sync": False}
    return session.request("Write", file=file, **{**defaults, **fields})


def write_all(session, file, content=b"new", **fields):
    channel = write(session, file, **fields)
    channel.write(content)
    channel.eof()
    return channel


def read_file(session, file, offset=0, length=FOREVER):
    return session.request("Read", file=file, offset=offset, length=length)


def expect_content(channel, content):
    fields = channel.expect("FileInfo")
    channel.expect("Ok")
    assert channel.ended == {1}, "the content has no Eof"
    got = bytes(channel.content[1])
    assert got == content, f"the content is {shorten(got)}, expected {shorten(content)}"
    return fields


def stat_of(session, path, follow_links=False, sha512sum=False):
    return session.request("Stat", path=path, follow_links=follow_links, sha512sum=sha512sum)


def bulk():
    pattern = os.urandom(MIB + 1)
    return (pattern * (BULK_BYTES // len(pattern) + 1))[:BULK_BYTES]


def elapsed(since):
    return time.monotonic() - since


# The start


@for_each([("one letter", "a"), ("one digit", "0"), ("64 of all kinds", "aZ09" * 16)])
def the_banner_is_one_line_with_the_nonce(bench, nonce):
    with bench.start(nonce=nonce, hello=False) as session:
        session.until(lambda: session.banner is not None, "no banner came")
        assert len(session.banner) < 1024, "the banner is too long"
        found = re.fullmatch(rb"LONGREACH 2 (\w+) (\S+) (\S+)", session.banner)
        assert found and found[1] == nonce.encode(), session.banner
        features = found[3].split(b",")
        assert {b"channels=1024", b"terminal", b"files", b"asking"} <= set(features), session.banner
        session.finish()


@check
def the_banner_names_the_limit_of_channels(bench):
    with bench.start(options=["--channels", "7"]) as session:
        session.check_alive()
        assert b"channels=7" in re.split(rb"[ ,]", session.banner), session.banner
        session.finish()


def run_program(bench, *arguments, **streams):
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **streams}
    return subprocess.run([*bench.command, *arguments], stderr=subprocess.PIPE, check=False,
                          timeout=PATIENCE, **streams)


@for_each([
    ("an empty nonce", "--session", ""),
    ("a nonce of 65", "--session", "n" * 65),
    ("a nonce with a space", "--session", "a b"),
    ("a nonce with a dash", "--session", "a-b"),
    ("a nonce with a newline", "--session", "a\n"),
    ("a nonce that isn't ASCII", "--session", "\xe9"),
    ("no nonce", "--session"),
    ("no number of channels", "--session", "a", "--channels", ""),
    ("channels that are a word", "--session", "a", "--channels", "many"),
    ("channels with something behind", "--session", "a", "--channels", "4x"),
    ("a negative number of channels", "--session", "a", "--channels", "-1"),
    ("a number of channels beyond 64 bits", "--session", "a", "--channels", "1" + "0" * 20),
])
def the_program_refuses(bench, *arguments):
    done = run_program(bench, *arguments)
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr, done


@for_each([("standard input", "stdin"), ("standard output", "stdout")])
def a_terminal_is_refused_as(bench, stream):
    terminal, end = pty.openpty()
    try:
        done = run_program(bench, "--session", "a", **{stream: end})
    finally:
        os.close(terminal)
        os.close(end)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done


@check
def a_client_need_not_wait_for_the_banner_nor_for_an_answer_to_hello(bench):
    with bench.start(hello=False) as session:
        session.hello()
        session.ask("Getenv", "EnvironVar", key="LR_TEST")
        session.finish()


@check
def features_that_the_dispatcher_does_not_know_are_ignored(bench):
    for more in [0, 60000]:
        features = ["", "warp=9", b"\xff\n", "x" * 10000, *["y"] * more]
        with bench.start(hello={"features": features}) as session:
            session.check_alive()
            session.finish()


@for_each([("1, which is brought to 1024", 1), ("1024", 1024), ("5000", 5000),
           ("the largest number, which is brought to 128 KiB", 0xffffffff)])
def data_is_no_larger_than_hello_wants(bench, data_size):
    # session.py looks at each.
    with bench.start(hello={"data_size": data_size}) as session:
        content = os.urandom(MIB)
        channel = read_file(session, bench.file("some", content))
        expect_content(channel, content)
        expect_completed(spawn(session, "cat", bench.path("some")), stdout=content)
        assert session.largest >= 1024, f"no Data is larger than {session.largest}"
        session.finish()


@check
def frames_may_come_byte_by_byte(bench):
    session = bench.session
    session.check_alive()
    path = bench.file("slow", b"slow")
    channel = stat_of(session, path)
    slowly = bytes(session.outgoing) + frame(0, encode("CheckAlive"))
    session.outgoing.clear()
    before = session.acks
    for byte in slowly:
        session.outgoing.append(byte)
        session.flush()
    channel.expect("StatResult", size=4)
    session.until(lambda: session.acks > before, "no Ack came")


# The requests of the plain protocol


@check
def check_alive_is_acknowledged_on_its_channel(bench):
    session = bench.session
    before = session.acks
    session.ask("CheckAlive", "Ack")
    assert session.acks == before, "the Ack came on channel 0"
    session.check_alive()


@check
def simple_requests_are_answered_as_in_the_plain_protocol(bench):
    session = bench.session
    path = bench.file("regular", b"12345", 0o640)
    own = pwd.getpwuid(os.geteuid()) if os.geteuid() in [e.pw_uid for e in pwd.getpwall()] else None
    fields = session.ask("Stat", "StatResult", path=path, follow_links=False, sha512sum=True)
    assert (fields["type"], fields["mode"], fields["size"]) == (b"file", 0o640, 5), fields
    assert fields["sha512sum"] == hashlib.sha512(b"12345").digest()
    assert session.ask("Getenv", "EnvironVar", key="LR_TEST_BYTES")["value"] == MAGIC_VALUE
    assert session.ask("Getenv", "EnvironVar", key="LR_TEST_NOT_SET")["value"] is None
    name = user_name(os.geteuid()).encode()
    assert session.ask("ResolveUser", "ResolveResult")["value"] == name
    name = group_name(os.getegid()).encode()
    assert session.ask("ResolveGroup", "ResolveResult")["value"] == name
    if own:
        fields = session.ask("QueryUser", "UserEntry", user=own.pw_name, query_password_hash=False)
        assert (fields["uid"], fields["home"]) == (own.pw_uid, own.pw_dir.encode()), fields
        fields = session.ask("QueryGroup", "GroupEntry", group=str(own.pw_gid))
        assert fields["gid"] == own.pw_gid, fields


@check
def what_is_wrong_is_answered_on_its_channel(bench):
    session = bench.session
    stat_of(session, bench.path("missing")).expect_invalid("path")
    stat_of(session, b"/\0").expect_invalid("path")
    stat_of(session, bench.file("plain") + "/below").expect_errno(errno.ENOTDIR)
    session.request("ResolveUser", user="no-such-name-here").expect_invalid("user")
    session.request("QueryGroup", group=str(unused_id())).expect_invalid("group")
    session.check_alive()


@check
def channels_may_leave_numbers_out_up_to_the_last(bench):
    with bench.start() as session:
        for number in [1, 2, 1000, 65536, 0x7fffffff, 0x80000000, 0xffffffff]:
            assert session.request("Getenv", number=number, key="LR_TEST").expect(
                "EnvironVar", value=b"X=Y")
        session.finish()


@check
def answers_come_in_any_order(bench):
    session = bench.session
    gate = bench.gate()
    large = bench.file("large", b"")
    os.truncate(large, GIB)
    waiting = read_file(session, gate.path)
    digest = stat_of(session, large, sha512sum=True)
    running = spawn(session, "cat", with_input=True)
    running.started()
    for _ in range(10):
        assert session.ask("Getenv", "EnvironVar", key="LR_TEST")["value"] == b"X=Y"
    assert not waiting.final and not running.answers and not digest.answers
    digest.send("Cancel")
    digest.expect_errno(errno.ECANCELED)
    running.eof()
    expect_end(running)
    gate.open()
    os.close(gate.descriptor)
    gate.descriptor = None
    expect_content(waiting, b"\n")


@check
def digests_are_made_side_by_side(bench):
    contents = [os.urandom(1000 + i * 300000) for i in range(10)]
    session = bench.session
    channels = [stat_of(session, bench.file(f"file-{i}", content), sha512sum=True)
                for i, content in enumerate(contents)]
    for channel, content in zip(channels, contents):
        channel.expect("StatResult", size=len(content), sha512sum=hashlib.sha512(content).digest())


@check
def ten_thousand_stats_at_once_are_all_answered(bench):
    for i in range(10):
        bench.file(f"file-{i}", b"x" * i)
    session = bench.session
    channels = [stat_of(session, bench.path(f"file-{i % 11}")) for i in range(10000)]
    for i, channel in enumerate(channels):
        if i % 11 == 10:
            channel.expect_invalid("path")
        else:
            channel.expect("StatResult", size=i % 11)
    session.check_alive()


@check
def answers_that_are_not_read_are_kept_until_they_are(bench):
    with bench.start() as session:
        session.reading = False
        channels = [session.request("Getenv", key=FILLER_NAME) for _ in range(10000)]
        # It may stop reading, and the pipes are full then.
        with contextlib.suppress(AssertionError):
            session.until(lambda: not session.outgoing, "", 0.3)
        session.reading = True
        for channel in channels:
            channel.expect("EnvironVar", value=FILLER_VALUE)
        session.finish()


@check
def an_answer_that_is_too_large_becomes_EMSGSIZE(bench):
    members = ",".join(f"{i:080}" for i in range(60000))
    bench.file("group", f"root:x:0:\nlarge:x:4711:{members}\n".encode())
    prefix = mounting(bench.directory, "mount --bind group /etc/group")
    with bench.start(prefix=prefix) as session:
        channel = session.request("QueryGroup", group="large")
        channel.expect_errno(errno.EMSGSIZE)
        assert session.ask("QueryGroup", "GroupEntry", group="root")["gid"] == 0
        session.finish()


# Channels


@check
def channels_beyond_the_limit_are_refused_until_one_is_closed(bench):
    with bench.start(options=["--channels", "4"]) as session:
        running = [spawn(session, "cat", with_input=True) for _ in range(3)]
        running.append(read_file(session, bench.gate().path))
        for request in [lambda: spawn(session, "true"), lambda: write(session, bench.path("new")),
                        lambda: read_file(session, "/dev/null")]:
            request().expect_errno(errno.EAGAIN)
        for _ in range(10):
            assert session.ask("Getenv", "EnvironVar", key="LR_TEST")["value"] == b"X=Y"
        session.check_alive()
        for channel in running[:3]:
            channel.started()
            channel.eof()
            expect_end(channel)
            expect_completed(spawn(session, "true"))
        running[3].send("Cancel")
        running[3].expect("FileInfo", type="fifo")
        running[3].expect_errno(errno.ECANCELED)
        channels = [spawn(session, "true") for _ in range(4)]
        for channel in channels:
            expect_completed(channel)
        assert not os.path.exists(bench.path("new"))
        session.finish()


@check
def packets_for_a_closed_channel_are_dropped(bench):
    session = bench.session
    closed = [spawn(session, "true"), write(session, bench.path("x"), mode="9"),
              read_file(session, "/dev/null"), stat_of(session, "/")]
    for channel in closed:
        channel.until(lambda: channel.final, "it was not closed")
    session.last += 5  # numbers left out are as good as closed
    between = session.last - 2
    spawn(session, "true").until(lambda: session.channels[session.last].final, "it didn't end")
    packets = [data(b""), data(b"x" * DATA_LIMIT), data(b"x" * DATA_LIMIT), data(b"x" * DATA_LIMIT),
               data(b"x", 2), encode("Eof", stream=0), encode("Eof", stream=0), data(b"behind"),
               encode("Eof", stream=9), encode("Window", stream=1, credit=WINDOW_LIMIT),
               encode("Window", stream=1, credit=0xffffffff), encode("Window", stream=7, credit=1),
               encode("Signal", number=9), encode("Signal", number=0),
               encode("Resize", rows=1, columns=1), encode("Cancel"), u32(4711) + b"whatever"]
    for number in [*[channel.number for channel in closed], between]:
        for packet in packets:
            session.send(number, packet)
    # An answer would be found on a channel that is closed.
    session.check_alive()


@for_each([*[(f"id {number}", u32(number)) for number in [23, 255, 1023, 65535, 0xffffffff]],
           ("id 1024, with content", u32(1024) + bytes(1000)),
           ("id 1300, with content of 4 MiB", u32(1300) + bytes(PACKET_LIMIT - 4)),
           ("ProcessRun", encode("ProcessRun", command=["true"], capture_output=True)),
           ("Upload", encode("Upload", file="/nowhere/at/all", content=b"x" * MIB)),
           ("Download", encode("Download", file="/dev/null"))])
def ENOSYS_is_the_answer_to(bench, packet):
    session = bench.session
    session.raw_request(packet).expect_errno(errno.ENOSYS)
    expect_completed(spawn(session, "true"))


@check
def an_unknown_packet_cancels_what_runs_on_its_channel(bench):
    session = bench.session
    path = bench.file("kept")
    running, writing, waiting = (shell(session, "echo; sleep 100 & wait", with_input=True),
                                 write(session, path), read_file(session, bench.gate().path))
    pid = running.started()
    running.line()
    writing.push(b"begun")
    for channel in [running, writing, waiting]:
        session.send(channel.number, u32(5555) + b"unknown")
        channel.until(lambda: channel.final, "it was not closed")
        assert channel.final.name == "OSError", channel.final
        assert channel.final.fields["errno"] == errno.ENOSYS, channel.final
    wait_until(lambda: process_is_gone(pid), 5, "the command goes on")
    assert read(path) == b"old"
    bench.leftovers("kept", "gate")


# Spawn: output, status, what the command gets


@for_each([("an exit status of 0", "exit 0", 0), ("an exit status of 3", "exit 3", 3),
           ("an exit status of 255", "exit 255", 255), ("SIGKILL", "kill -9 $$", -9),
           ("SIGTERM", "kill $$", -15), ("SIGSEGV", "kill -11 $$", -11)])
def spawn_tells_how_the_command_ended(bench, script, returncode):
    expect_completed(shell(bench.session, script), returncode)


@check
def spawn_keeps_output_and_errors_apart(bench):
    expect_completed(shell(bench.session, "echo out; echo err >&2; exit 3"), 3, b"out\n", b"err\n")


@check
def started_tells_the_process_id(bench):
    channel = shell(bench.session, "echo $$")
    pid = channel.started()
    assert int(channel.line()) == pid
    expect_end(channel)


@check
def output_comes_as_it_is_written(bench):
    channel = shell(bench.session, 'while read -r line; do echo "got $line"; '
                    'echo "err $line" >&2; done; exit 5', with_input=True)
    channel.started()
    for word in [b"one", b"two", b"three"]:
        channel.push(word + b"\n")
        channel.expect_output(b"got " + word + b"\n")
        channel.expect_output(b"err " + word + b"\n", 2)
    channel.eof()
    expect_end(channel, 5, b"", b"")


@check
def output_goes_on_after_the_input_has_ended(bench):
    session = bench.session
    gate = bench.gate()
    channel = shell(session, 'wc -c; read x < "$1"; echo late', gate.path, with_input=True)
    channel.started()
    channel.write(b"i" * 300000)
    channel.eof()
    channel.expect_output(b"300000\n")
    session.check_alive()
    assert not channel.answers, "it exited"
    gate.open()
    expect_end(channel, 0, b"late\n")


@check
def the_eof_of_each_stream_comes_when_it_is_closed(bench):
    session = bench.session
    channel = shell(session, "exec 2>&-; read x; exec >&-; read x; exit 0", with_input=True)
    channel.started()
    channel.until(lambda: channel.ended == {2}, "there is no Eof of the errors")
    channel.push(b"\n")
    channel.until(lambda: channel.ended == {1, 2}, "there is no Eof of the output")
    session.check_alive()
    assert not channel.answers, "it exited"
    # What ended needs no credit any more, and is not held to any sum.
    channel.send("Window", stream=2, credit=WINDOW_LIMIT)
    channel.push(b"\n")
    expect_end(channel)


@check
def data_without_content_does_nothing(bench):
    channel = spawn(bench.session, "cat", with_input=True)
    channel.push(b"a")
    bench.session.send(channel.number, data(b""))
    channel.push(b"b")
    channel.eof()
    expect_completed(channel, 0, b"ab")


@check
def without_input_it_is_dev_null(bench):
    expect_completed(shell(bench.session, "readlink /proc/$$/fd/0; cat"), 0, b"/dev/null\n")


@check
def without_output_it_is_dev_null_and_the_streams_carry_nothing(bench):
    path = bench.path("descriptors")
    channel = shell(bench.session, 'a=$(readlink /proc/$$/fd/1) b=$(readlink /proc/$$/fd/2); '
                    'cat > "$1"; echo $a $b >> "$1"', path, with_input=True, with_output=False)
    channel.started()
    channel.push(b"in ")
    channel.eof()
    channel.expect("Exited", returncode=0)
    channel.expect("Closed")
    assert read(path) == b"in /dev/null /dev/null\n", read(path)
    assert channel.ended == set() and channel.received == {1: 0, 2: 0}, channel.ended


@check
def without_output_nothing_left_behind_is_waited_for(bench):
    gate = bench.gate()
    channel = shell(bench.session, 'read x < "$1" & exit 4', gate.path, with_output=False)
    channel.started()
    channel.expect("Exited", returncode=4)
    channel.expect("Closed")
    gate.open()


@check
def arguments_keep_any_byte_but_nul(bench):
    argument = bytes(range(1, 256))
    expect_completed(spawn(bench.session, "printf", "%s|", argument, b"", b"*", b"-n", b"$HOME"),
                     0, argument + b"||*|-n|$HOME|")


def variables_of(channel):
    expect_completed(channel)
    return dict(item.split(b"=", 1) for item in bytes(channel.content[1]).split(b"\0") if item)


@check
def the_environment_is_the_dispatchers_with_changes(bench):
    session = bench.session
    expected = dict(ENVIRONMENT)
    found = variables_of(spawn(session, "env", "-0"))
    assert found == expected, set(found.items()) ^ set(expected.items())
    found = variables_of(spawn(
        session, "env", "-0", unset=["LR_TEST_GO", "LR_TEST_NOT_SET", "LR_TEST", "LR"],
        environment=["LR_TEST=again", "LR_TEST_EMPTY=full", "LR_NEW=1", b"LR_NEW=\xff\n==",
                     "LR_NOTHING=", "LR_TEST_B=1"]))
    del expected[b"LR_TEST_GO"]
    expected.update({b"LR_TEST": b"again", b"LR_TEST_EMPTY": b"full", b"LR_NEW": b"\xff\n==",
                     b"LR_NOTHING": b"", b"LR_TEST_B": b"1"})
    assert found == expected, set(found.items()) ^ set(expected.items())


@check
def the_program_is_found_in_the_dispatchers_path(bench):
    session = bench.session
    bench.file("lr-program", b"#!/bin/sh\necho found\n", 0o755)
    spawn(session, "lr-program", environment=["PATH=" + bench.directory]).expect_errno(errno.ENOENT)
    found = variables_of(spawn(session, "env", "-0", environment=["PATH=/nowhere"]))
    assert found[b"PATH"] == b"/nowhere", found[b"PATH"]
    found = variables_of(spawn(session, "env", "-0", unset=["PATH"]))
    assert b"PATH" not in found


def status_of_command(session, **fields):
    """Lines of the command's /proc/self/status, by name."""
    channel = spawn(session, "cat", "/proc/self/status", **fields)
    expect_completed(channel)
    lines = bytes(channel.content[1]).splitlines()
    return dict(line.split(b":\t", 1) for line in lines if b":\t" in line)


@check
def the_command_has_default_signals_a_session_and_no_other_descriptors(bench):
    session = bench.session
    for fields in [{}, {"with_input": True}, {"with_output": False}]:
        channel = shell(session, 'ls /proc/self/fd > "$1"', bench.path("fds"), **fields)
        channel.started()
        channel.eof() if fields.get("with_input") else None
        channel.expect("Exited", returncode=0)
        # The fourth is how ls reads the directory.
        assert read(bench.path("fds")) == b"0\n1\n2\n3\n", read(bench.path("fds"))
    status = status_of_command(session)
    own = 1 << 31 | 1 << 32  # the two below SIGRTMIN are the C library's own
    for name in [b"SigBlk", b"SigIgn"]:
        assert int(status[name], 16) & ~own == 0, status[name]
    channel = shell(session, 'cut -d" " -f1,5,6 /proc/$$/stat; exit 0')
    expect_completed(channel)
    assert len(set(bytes(channel.content[1]).split())) == 1, channel.content[1]


@check
def the_command_has_the_limits_that_the_dispatcher_was_given(bench):
    # It takes more for itself.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = 123

    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    expected = f"{soft} {'unlimited' if hard == resource.RLIM_INFINITY else hard}"
    with bench.start(preexec_fn=lower) as session:
        channel = shell(session, "echo $(ulimit -S -n) $(ulimit -H -n)")
        channel.started()
        assert channel.line() == expected.encode(), f"expected {expected}"
        expect_end(channel)
        session.finish()


@for_each([("absent", None, b"0077"), ("022", "022", b"0022"), ("0", "0", b"0000")])
def spawn_sets_the_umask(bench, umask, expected):
    assert status_of_command(bench.session, umask=umask)[b"Umask"] == expected


@check
def spawn_starts_in_the_directory(bench):
    session = bench.session
    directory = os.fsencode(os.path.realpath(bench.directory))
    expect_completed(spawn(session, "pwd", "-P", cwd=bench.directory), 0, directory + b"\n")
    bench.file("program", b"#!/bin/sh\necho found\n", 0o755)
    expect_completed(spawn(session, "./program", cwd=bench.directory), 0, b"found\n")


@check
def spawn_becomes_another_user_with_all_of_its_groups(bench):
    only_root()
    user = other_user()
    expected = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for fields in [{"with_input": False}, {"term": "vt100"}]:
        status = status_of_command(bench.session, user=user.pw_name, **fields)
        assert set(map(int, status[b"Uid"].split())) == {user.pw_uid}, status[b"Uid"]
        assert set(map(int, status[b"Gid"].split())) == {user.pw_gid}, status[b"Gid"]
        groups = set(map(int, status[b"Groups"].split()))
        assert groups | {user.pw_gid} == expected, f"{groups}, expected {expected}"
    group = other_group()
    status = status_of_command(bench.session, user=str(user.pw_uid), group=group.gr_name)
    assert set(map(int, status[b"Gid"].split())) == {group.gr_gid}


@check
def spawn_as_another_user_without_the_right_is_a_process_error(bench):
    only_ordinary_user()
    for fields in [{"user": "root"}, {"group": "root"}, {"user": "root", "term": "vt100"}]:
        channel = spawn(bench.session, "touch", bench.path("touched"), **fields)
        assert channel.expect("ProcessError")["message"], "there is no message"
    bench.leftovers()


@check
def spawn_as_another_user_keeps_no_groups_where_they_cannot_be_set(bench):
    """Not even where that is the one right that is missing."""
    only_root()
    user = other_user()
    prefix = ["setpriv", "--regid", str(user.pw_gid), "--groups", "7", "--bounding-set", "-setgid"]
    with bench.start(prefix=prefix) as session:
        channel = spawn(session, "true", user=user.pw_name)
        assert channel.expect("ProcessError")["message"], "there is no message"
        session.finish()


@check
def spawn_in_a_directory_that_cannot_be_entered_is_a_process_error(bench):
    path = bench.subdirectory("closed", 0o700 if ROOT else 0)
    fields = {"user": other_user().pw_name} if ROOT else {}
    channel = spawn(bench.session, "true", cwd=path, **fields)
    assert channel.expect("ProcessError")["message"], "there is no message"
    os.chmod(path, 0o755)


@check
def spawn_names_the_first_wrong_field(bench):
    session = bench.session
    wrong = {"environment": ["=x"], "unset": ["A=b"], "umask": "9", "user": "no-such-name-here",
             "group": "no-such-name-here", "cwd": bench.path("missing")}
    spawn(session, **wrong).expect_invalid("command")
    for field in ["environment", "unset", "umask", "user", "group", "cwd"]:
        spawn(session, "no-such-program-here", **wrong).expect_invalid(field)
        del wrong[field]
    spawn(session, "no-such-program-here", **wrong).expect_errno(errno.ENOENT)


@for_each([
    ("an environment item without an equals sign", "environment", ["A=b", "A"]),
    ("an environment item without a name", "environment", ["=b"]),
    ("an empty environment item", "environment", [""]),
    ("an empty name to unset", "unset", ["A", ""]),
    ("a name with an equals sign to unset", "unset", ["A=b"]),
    ("a NUL byte in the environment", "environment", [b"A=\0"]),
    ("a NUL byte in a name to unset", "unset", [b"A\0"]),
    ("a NUL byte in the terminal's name", "term", b"vt\0"),
    ("a NUL byte in the directory", "cwd", b"/\0"),
    ("a umask that is none", "umask", "0o22"),
    ("a user that isn't there", "user", "no-such-name-here"),
    ("a group that isn't there", "group", str(unused_id())),
    ("a directory that is a file", "cwd", "/etc/passwd"),
    ("a linger below -1", "linger", -2),
])
def spawn_refuses(bench, field, value):
    spawn(bench.session, "true", **{field: value}).expect_invalid(field)


@for_each([("", {}), (", with a terminal", {"term": "vt100"})])
def what_cannot_be_executed_fails_as_exec_does(bench, fields):
    def run(*command):
        return spawn(bench.session, *command, **fields)
    run("no-such-program-here").expect_errno(errno.ENOENT)
    run("").expect_errno(errno.ENOENT)
    run(bench.path("missing")).expect_errno(errno.ENOENT)
    run(bench.file("not-executable", b"#!/bin/sh\n")).expect_errno(errno.EACCES)
    run(bench.directory).expect_errno(errno.EACCES)
    run(bench.file("no-format", b"exit 0\n", 0o755)).expect_errno(errno.ENOEXEC)
    run("true", b"a" * (3 * MIB)).expect_errno(errno.E2BIG)


# Spawn: its input, windows


@check
def much_passes_through_a_command(bench):
    content = bulk()
    channel = spawn(bench.session, "cat", with_input=True)
    channel.started()
    channel.write(content)
    channel.eof()
    expect_end(channel)
    assert bytes(channel.content[1]) == content, "the output differs from the input"


@check
def much_is_written_to_both_outputs(bench):
    channel = shell(bench.session, "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero")
    expect_completed(channel, 0, bytes(3000000), bytes(3000000))


@check
def output_waits_for_credit_and_holds_up_nothing_else(bench):
    session = bench.session
    content = os.urandom(WINDOW + 5000)
    stalled = spawn(session, "cat", bench.file("large", content))
    endless = spawn(session, "cat", "/dev/zero")
    file = read_file(session, bench.path("large"))
    channels = [stalled, endless, file]
    for channel in channels:
        channel.generous = False
    for channel in channels:
        channel.until(lambda: channel.received[1] == WINDOW, "the window is not used up")
    # session.py finds what comes beyond the window.
    expect_completed(spawn(session, "cat", bench.path("large")), 0, content)
    expect_content(read_file(session, bench.path("large")), content)
    assert not stalled.final and not file.final
    for channel in channels:
        channel.give(1000)
        channel.until(lambda: channel.received[1] == WINDOW + 1000, "credit did nothing")
        channel.give(0)
        channel.give(1)
        channel.give(3)
        channel.until(lambda: channel.received[1] == WINDOW + 1004, "credit did nothing")
    session.check_alive()
    stalled.give(10000)
    file.give(10000)
    expect_completed(stalled, 0, content)
    expect_content(file, content)
    endless.started()
    endless.send("Cancel")
    endless.expect("Exited", returncode=-9)
    endless.expect("Closed")


@check
def the_end_needs_no_credit(bench):
    session = bench.session
    content = os.urandom(WINDOW)
    path = bench.file("window", content)
    gate = bench.gate()
    file = read_file(session, path)
    part = read_file(session, "/dev/zero", 0, WINDOW)
    command = spawn(session, "cat", path)
    both = shell(session, 'cat "$1" >&2; cat "$1"', path)
    lingering = shell(session, '(read x < "$2") & cat "$1"', path, gate.path, linger=0)
    shown = terminal(session, f"head -c {WINDOW} /dev/zero")
    fifo = read_file(session, bench.gate("fifo").path)
    writer = shell(session, 'exec cat "$1" > "$2"', path, bench.path("fifo"))
    for channel in [file, part, command, both, lingering, shown, fifo]:
        channel.generous = False
    expect_content(file, content)
    expect_content(part, bytes(WINDOW))
    expect_completed(command, 0, content)
    expect_completed(both, 0, content, content)
    expect_exited(lingering)
    assert lingering.received[1] == WINDOW, lingering.received
    gate.open()
    expect_completed(shown, 0, bytes(WINDOW))
    expect_content(fifo, content)
    expect_completed(writer)


@check
def endless_streams_take_turns_and_leave_room_for_answers(bench):
    session = bench.session
    streams = [read_file(session, "/dev/zero"), spawn(session, "cat", "/dev/zero"),
               shell(session, "exec cat /dev/zero >&2")]
    for _ in range(200):
        assert session.ask("Getenv", "EnvironVar", key="LR_TEST")["value"] == b"X=Y"
    session.until(lambda: min(sum(stream.received.values()) for stream in streams) > 4 * MIB,
                  "a stream is left behind")
    for stream in streams:
        stream.send("Cancel")
    for stream in streams:
        stream.until(lambda: stream.final, "it goes on")


@check
def one_stream_without_credit_holds_up_no_other(bench):
    channel = shell(bench.session, 'head -c 300000 /dev/zero >&2 & head -c 600000 /dev/zero; echo')
    channel.generous = False
    channel.started()
    channel.until(lambda: channel.received == {1: WINDOW, 2: WINDOW}, "the windows aren't used up")
    channel.give(400000, 1)
    channel.until(lambda: 1 in channel.ended, "the output has no Eof")
    assert channel.received == {1: 600001, 2: WINDOW}, channel.received
    channel.give(400000, 2)
    expect_end(channel)
    assert channel.received[2] == 300000


@check
def the_largest_credit_is_taken(bench):
    channel = spawn(bench.session, "cat", with_input=True)
    channel.started()
    channel.generous = False
    channel.give(WINDOW_LIMIT - WINDOW - 1)
    channel.give(1)
    channel.push(b"x" * WINDOW)
    channel.eof()
    expect_end(channel, 0, b"x" * WINDOW)


@check
def a_command_that_does_not_read_stalls_only_itself(bench):
    session = bench.session
    gate = bench.gate()
    content = os.urandom(WINDOW)
    count = 20
    channels = [shell(session, 'read x < "$1"; exec cat', gate.path, with_input=True)
                for _ in range(count)]
    sent = []
    for channel in channels:
        channel.started()
        channel.push(content)
    session.flush()
    session.check_alive()
    expect_completed(spawn(session, "echo", "still here"), 0, b"still here\n")
    for channel in channels:
        # The pipe may have taken some of it, and no more than that can come back.
        assert channel.credit <= WINDOW, f"{channel.credit} bytes of credit for what nobody read"
        rest = b"r" * channel.credit
        channel.push(rest)
        channel.eof()
        sent.append(content + rest)
    session.flush()
    session.check_alive()
    gate.open(count)
    for channel, expected in zip(channels, sent):
        expect_end(channel, 0, expected)


@for_each([("closed its input", 'exec <&-'), ("has exited", 'read x < "$1" & exit 0')])
def what_comes_when_a_command(bench, script):
    """is dropped, and credited: the client need not know."""
    session = bench.session
    gate = bench.gate()
    channel = shell(session, script + '; echo; read x < "$1"', gate.path, with_input=True)
    channel.started()
    if "exit" in script:
        channel.expect("Exited", returncode=0)
    else:
        channel.line()
    channel.write(b"i" * (4 * MIB))
    channel.eof()
    assert not channel.final
    gate.open()
    channel.until(lambda: channel.final, "it didn't end")
    assert channel.final.name == "Closed", channel.final


@check
def a_command_may_end_while_its_input_is_under_way(bench):
    session = bench.session
    for command in [["true"], ["head", "-c", "300000"]]:
        channel = spawn(session, *command, with_input=True)
        channel.push(b"i" * WINDOW)
        channel.write(b"i" * (8 * MIB))
        channel.eof()
        channel.until(lambda: channel.final, "it didn't end")
        assert [answer.name for answer in channel.answers] == ["Started", "Exited", "Closed"]
        assert channel.answers[1].fields["returncode"] == 0


# Spawn: linger, timeout, Cancel, Signal


@check
def exited_comes_at_once_and_closed_when_nobody_holds_the_output(bench):
    session = bench.session
    gate = bench.gate()
    channel = shell(session, '(read x < "$1"; echo late) & echo early; exit 6', gate.path)
    channel.started()
    channel.expect("Exited", returncode=6)
    channel.expect_output(b"early\n")
    session.check_alive()
    assert not channel.final and not channel.ended, "it was closed early"
    gate.open()
    channel.expect_output(b"late\n")
    channel.expect("Closed")
    assert channel.ended == {1, 2}, channel.ended


@check
def without_linger_it_is_closed_with_what_is_there(bench):
    gate = bench.gate()
    channel = shell(bench.session, '(read x < "$1") & head -c 60000 /dev/zero; exit 6', gate.path,
                    linger=0)
    channel.started()
    channel.expect("Exited", returncode=6)
    channel.expect("Closed")
    assert channel.received[1] == 60000, channel.received
    gate.open()


@check
def what_a_lingering_command_left_behind_goes_on_running(bench):
    gate = bench.gate()
    channel = shell(bench.session, '(read x < "$1"; touch "$2") & exit 0', gate.path,
                    bench.path("touched"), linger=0)
    expect_exited(channel)
    gate.open()
    wait_until(lambda: os.path.exists(bench.path("touched")), 10, "it was killed")


def expect_exited(channel, returncode=0, timed_out=False):
    """Its whole life, with outputs that may have been cut off."""
    pid = channel.started()
    channel.expect("Exited", returncode=returncode, timed_out=timed_out)
    channel.expect("Closed")
    return pid


@check
def with_a_linger_it_is_closed_after_that_time(bench):
    gate = bench.gate()
    channel = shell(bench.session, '(read x < "$1"; echo late; read x < "$1") & exit 6', gate.path,
                    linger=700)
    channel.started()
    channel.expect("Exited", returncode=6)
    before = time.monotonic()
    gate.open()
    channel.expect_output(b"late\n")
    channel.expect("Closed")
    assert 0.6 <= elapsed(before) <= 5, elapsed(before)
    gate.open()


@check
def the_longest_linger_is_for_ever(bench):
    session = bench.session
    gate = bench.gate()
    channel = shell(session, '(read x < "$1"; echo late) & exit 6', gate.path,
                    linger=(1 << 63) - 1)
    channel.started()
    channel.expect("Exited", returncode=6)
    session.check_alive()
    session.check_alive()
    gate.open()
    channel.expect("Closed")
    channel.expect_output(b"late\n")


@check
def a_linger_that_is_not_needed_costs_no_time(bench):
    before = time.monotonic()
    expect_completed(spawn(bench.session, "echo", "done", linger=30000), 0, b"done\n")
    assert elapsed(before) <= 10, elapsed(before)


@check
def a_timeout_ends_the_command(bench):
    session = bench.session
    before = time.monotonic()
    channel = shell(session, "echo; exec sleep 100", timeout=300)
    channel.started()
    channel.line()
    channel.expect("Exited", returncode=-15, timed_out=True)
    channel.expect("Closed")
    assert 0.25 <= elapsed(before) <= 5, elapsed(before)


@check
def a_timeout_reaches_the_whole_session_and_what_is_stopped(bench):
    session = bench.session
    channel = shell(session, "timeout 100 sleep 100 & echo $!; sleep 100 & echo $!; kill -STOP $$",
                    timeout=700)
    channel.started()
    left = [process_of_another_group(channel), int(channel.line())]
    channel.expect("Exited", returncode=-15, timed_out=True)
    channel.expect("Closed")
    wait_until(lambda: all(map(process_is_gone, left)), 5, "a process of the command goes on")


@check
def a_timeout_is_told_however_the_command_then_ends(bench):
    channel = shell(bench.session, 'trap "exit 7" TERM; sleep 100 & wait', timeout=300)
    expect_exited(channel, 7, True)


def daemon_of(channel):
    """The process id in the next line of output, which leaves its session."""
    daemon = int(channel.line())
    wait_until(lambda: os.getsid(daemon) == daemon, 5, "it stays in its session")
    return daemon


@check
def a_timeout_cuts_off_outputs_that_somebody_else_holds(bench):
    channel = shell(bench.session, "setsid sleep 100 & echo $!; exec sleep 100", timeout=700)
    channel.started()
    daemon = daemon_of(channel)
    before = time.monotonic()
    channel.expect("Exited", returncode=-15, timed_out=True)
    channel.expect("Closed")
    assert elapsed(before) <= 5, elapsed(before)
    # A process that has left the session is left alone.
    try:
        assert not process_is_gone(daemon), "the daemon was killed"
    finally:
        os.kill(daemon, signal.SIGKILL)


@check
def a_timeout_ends_what_an_exited_command_left_behind(bench):
    channel = shell(bench.session, "sleep 100 & echo $!; exit 3", timeout=500)
    channel.started()
    left = int(channel.line())
    channel.expect("Exited", returncode=3, timed_out=False)
    channel.expect("Closed")
    wait_until(lambda: process_is_gone(left), 5, "a process of the command goes on")


@check
def a_timeout_that_is_not_reached_changes_nothing(bench):
    expect_completed(spawn(bench.session, "echo", "quick", timeout=60000), 0, b"quick\n")
    expect_completed(spawn(bench.session, "echo", "quick", timeout=FOREVER), 0, b"quick\n")


@check
def cancel_kills_the_session_at_once(bench):
    session = bench.session
    before = time.monotonic()
    channel = shell(session, "trap '' TERM HUP INT; timeout 100 sleep 100 & echo $!; "
                    "sleep 100 & echo $!; wait")
    channel.started()
    left = [process_of_another_group(channel), int(channel.line())]
    channel.send("Cancel")
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9, timed_out=False)
    channel.expect("Closed")
    assert elapsed(before) <= 5, elapsed(before)
    wait_until(lambda: all(map(process_is_gone, left)), 5, "a process of the command goes on")


@check
def cancel_waits_for_no_output(bench):
    channel = shell(bench.session, "setsid sleep 100 & echo $!; exec sleep 100")
    channel.started()
    daemon = daemon_of(channel)
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")
    try:
        assert not process_is_gone(daemon), "the daemon was killed"
    finally:
        os.kill(daemon, signal.SIGKILL)


@check
def cancel_of_a_command_that_has_exited_closes_it(bench):
    session = bench.session
    channel = shell(session, "sleep 100 & echo $!; exit 3")
    channel.started()
    left = int(channel.line())
    channel.expect("Exited", returncode=3)
    session.check_alive()
    assert not channel.final, "it was closed early"
    channel.send("Cancel")
    channel.expect("Closed")
    wait_until(lambda: process_is_gone(left), 5, "a process of the command goes on")


@check
def cancel_right_behind_spawn_leaves_nothing(bench):
    session = bench.session
    channels = [shell(session, "sleep 100") for _ in range(20)]
    for channel in channels:
        channel.send("Cancel")
    for channel in channels:
        answer = channel.next()
        if answer.name == "OSError":
            assert answer.fields["errno"] == errno.ECANCELED, answer
            continue
        channel.expect("Exited", returncode=-9)
        channel.expect("Closed")
        pid = answer.fields["pid"]
        wait_until(lambda: process_is_gone(pid), 5, "the command goes on")


@check
def cancel_is_not_held_up_by_input_and_output_that_wait(bench):
    session = bench.session
    channel = shell(session, 'cat /dev/zero; read x < "$1"', bench.gate().path, with_input=True)
    channel.generous = False
    channel.started()
    channel.push(b"i" * WINDOW)
    channel.until(lambda: channel.received[1] == WINDOW, "the window is not used up")
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")


@check
def a_signal_reaches_the_group(bench):
    channel = shell(bench.session, "sleep 100 & echo $!; wait")
    channel.started()
    left = int(channel.line())
    channel.send("Signal", number=signal.SIGTERM)
    expect_end(channel, -15)
    wait_until(lambda: process_is_gone(left), 5, "a process of the group goes on")


def process_of_another_group(channel):
    """The process id in the next line of output, which leaves its group, but not its session."""
    pid = int(channel.line())
    wait_until(lambda: os.getpgid(pid) == pid, 5, "it stays in its group")
    return pid


@check
def a_signal_reaches_no_other_group(bench):
    session = bench.session
    channel = shell(session, "timeout 100 sleep 100 & echo $!; wait")
    channel.started()
    other = process_of_another_group(channel)
    channel.send("Signal", number=signal.SIGKILL)
    channel.expect("Exited", returncode=-9)
    session.check_alive()
    assert not process_is_gone(other), "a process of another group was killed"
    channel.send("Cancel")
    channel.expect("Closed")
    wait_until(lambda: process_is_gone(other), 5, "a process of the session goes on")


CATCH = ("import signal, sys\n"
         "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(print('got it') or 7))\n"
         "print(flush=True)\n"
         "signal.pause()")


@check
def a_signal_can_be_caught(bench):
    channel = spawn(bench.session, sys.executable, "-S", "-c", CATCH)
    channel.started()
    channel.line()
    channel.send("Signal", number=signal.SIGUSR1)
    expect_end(channel, 7, b"got it\n")


@check
def a_command_can_be_stopped_and_continued(bench):
    session = bench.session
    channel = spawn(session, "cat", with_input=True)
    pid = channel.started()
    channel.push(b"before\n")
    channel.expect_output(b"before\n")
    channel.send("Signal", number=signal.SIGSTOP)

    def state():
        return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0]

    session.check_alive()
    wait_until(lambda: state() == b"T", 5, "it was not stopped")
    channel.push(b"after\n")
    session.check_alive()
    assert not channel.answers, "a stop was taken for the end"
    channel.send("Signal", number=signal.SIGCONT)
    channel.expect_output(b"after\n")
    channel.eof()
    expect_end(channel)


@check
def a_signal_for_a_command_that_has_exited_does_nothing(bench):
    session = bench.session
    gate = bench.gate()
    channel = shell(session, '(read x < "$1"; echo late) & exit 0', gate.path)
    channel.started()
    channel.expect("Exited", returncode=0)
    channel.send("Signal", number=signal.SIGKILL)
    session.check_alive()
    gate.open()
    channel.expect_output(b"late\n")
    channel.expect("Closed")


@check
def exited_tells_what_was_used(bench):
    session = bench.session
    burn = ("import time\nx = b'x' * (80 << 20)\n"
            "while time.process_time() < 0.3: pass")
    channel = spawn(session, sys.executable, "-S", "-c", burn)
    fields = expect_completed(channel)
    used = fields["user_time"] + fields["system_time"]
    assert 250_000_000 <= used <= 20_000_000_000, fields
    assert 80 * MIB <= fields["max_resident"] <= 2 * GIB, fields
    fields = expect_completed(spawn(session, "true"))
    assert fields["user_time"] + fields["system_time"] < 250_000_000, fields
    assert 0 < fields["max_resident"] < 80 * MIB, fields


# Spawn: terminals


def terminal(session, script, *arguments, rows=33, columns=77, **fields):
    return shell(session, script, *arguments, term="vt220", rows=rows, columns=columns, **fields)


@check
def a_terminal_is_all_that_the_command_has(bench):
    channel = terminal(bench.session, 'test -t 0 && test -t 1 && test -t 2 && tty && stty size && '
                       'echo "$TERM" && (echo by name > /dev/tty) && echo error >&2; '
                       'cut -d" " -f1,5,6,8 /proc/$$/stat')
    channel.started()
    name = channel.line()
    assert name.startswith(b"/dev/pts/") or name.startswith(b"/dev/tty"), name
    for expected in [b"33 77", b"vt220", b"by name", b"error"]:
        line = channel.line()
        assert line == expected, f"{line}, expected {expected}"
    numbers = channel.line().split()
    assert len(set(numbers)) == 1, f"process, group, session, foreground: {numbers}"
    expect_end(channel)
    assert channel.ended == {1} and channel.received[2] == 0


@check
def the_environment_has_the_last_word_on_term(bench):
    channel = terminal(bench.session, 'echo "$TERM"', environment=["TERM=other"])
    channel.started()
    assert channel.line() == b"other"
    expect_end(channel)


@check
def a_terminal_echoes_and_takes_lines(bench):
    channel = terminal(bench.session, 'read line; echo "got $line"; stty -echo; echo; '
                       'read line; echo "got $line"', with_input=False, with_output=False)
    channel.started()
    channel.push(b"one\n")
    assert channel.line() == b"one"
    assert channel.line() == b"got one"
    assert channel.line() == b""
    channel.push(b"two\n")
    assert channel.line() == b"got two"
    expect_end(channel)


@check
def without_term_there_is_no_terminal(bench):
    channel = shell(bench.session, "read x; test -t 0 || test -t 1 || test -t 2 || "
                    "(exec < /dev/tty) 2> /dev/null && echo has; exit 0", with_input=True,
                    rows=33, columns=77)
    channel.send("Resize", rows=1, columns=2)
    channel.push(b"\n")
    expect_completed(channel, 0, b"")


@check
def resize_tells_the_foreground(bench):
    channel = terminal(bench.session, 'trap "stty size" WINCH; echo ready; '
                       'while :; do sleep 100 & wait; kill $!; done')
    channel.started()
    assert channel.line() == b"ready"
    for rows, columns in [(40, 100), (1, 65535)]:
        channel.send("Resize", rows=rows, columns=columns)
        line = channel.line()
        assert line == f"{rows} {columns}".encode(), line
    channel.send("Signal", number=signal.SIGKILL)
    expect_end(channel, -9)


@check
def control_c_interrupts_the_foreground(bench):
    channel = terminal(bench.session, "echo ready; exec sleep 100")
    channel.started()
    assert channel.line() == b"ready"
    channel.push(b"\x03")
    expect_end(channel, -2)


@check
def a_signal_reaches_the_foreground_of_a_terminal(bench):
    # With job control the foreground is another group than the command's.
    channel = terminal(bench.session, 'trap : USR1; set -m; "$1" -S -c "$2"; echo $?; exit 9',
                       sys.executable, CATCH)
    channel.started()
    channel.line()
    channel.send("Signal", number=signal.SIGUSR1)
    assert channel.line() == b"got it"
    assert channel.line() == b"7"
    expect_end(channel, 9)


@check
def eof_on_a_terminal_is_the_end_of_file_character(bench):
    session = bench.session
    channel = terminal(session, "cat; echo between; cat; exit 4")
    channel.started()
    channel.push(b"word\n")
    assert channel.line() == b"word" and channel.line() == b"word"
    channel.push(b"\x04")
    assert channel.line() == b"between"
    channel.eof()
    expect_end(channel, 4)


@check
def eof_on_a_terminal_ends_input_of_another_end_of_file_character(bench):
    channel = terminal(bench.session, "stty eof ^Y; echo ready; cat; exit 4")
    channel.started()
    assert channel.line() == b"ready"
    channel.eof()
    expect_end(channel, 4)


@check
def eof_on_a_terminal_ends_an_unfinished_line_too(bench):
    channel = terminal(bench.session, "stty -echo; echo ready; cat; echo; exit 4")
    channel.started()
    assert channel.line() == b"ready"
    channel.push(b"unfinished")
    channel.eof()
    assert channel.line() == b"unfinished"
    expect_end(channel, 4)


@check
def a_terminal_is_drained(bench):
    channel = terminal(bench.session, "seq 1 30000")
    expected = "".join(f"{i}\r\n" for i in range(1, 30001)).encode()
    expect_completed(channel, 0, expected)


@check
def a_terminal_is_closed_whoever_still_uses_it(bench):
    # All get the hang-up of the terminal, also a job in a group of its own, and one that is stopped;
    # one doesn't mind it.
    channel = terminal(bench.session, "trap '' HUP; sleep 100 & echo $!; trap - HUP; sleep 100 & "
                       "echo $!; timeout 100 sleep 100 & echo $!; sleep 100 & echo $!; "
                       "kill -STOP $!; read x; exit 8")
    channel.started()
    survivor, job = [int(channel.line()) for _ in range(2)]
    jobs = [job, process_of_another_group(channel), int(channel.line())]
    channel.push(b"\n")
    before = time.monotonic()
    expect_end(channel, 8)
    assert elapsed(before) <= 10, elapsed(before)
    try:
        wait_until(lambda: all(map(process_is_gone, jobs)), 10, "a job outlived its terminal")
        assert not process_is_gone(survivor), "a process that ignores hang-ups was killed"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(survivor, signal.SIGKILL)


@check
def a_terminal_without_credit_stalls_only_itself(bench):
    session = bench.session
    channel = terminal(session, "yes 0123456789")
    channel.generous = False
    channel.started()
    channel.until(lambda: channel.received[1] == WINDOW, "the window is not used up")
    session.check_alive()
    channel.give(1000)
    channel.until(lambda: channel.received[1] == WINDOW + 1000, "credit did nothing")
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")


@check
def much_typed_at_a_terminal_waits_until_it_is_read(bench):
    session = bench.session
    gate = bench.gate()
    channel = terminal(session, 'stty raw -echo; echo ready; read x < "$1"; '
                       'head -c 200000 | cksum', gate.path)
    channel.started()
    assert channel.line() == b"ready"
    content = os.urandom(200000)
    channel.write(content)
    session.flush()
    session.check_alive()
    gate.open()
    expected = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout
    assert channel.line() == expected.strip()
    expect_end(channel)


@check
def a_timeout_and_a_cancel_end_what_has_a_terminal(bench):
    channel = terminal(bench.session, "exec sleep 100", timeout=300)
    expect_exited(channel, -15, True)
    channel = terminal(bench.session, "trap '' HUP; sleep 100 & echo $!; wait")
    channel.started()
    left = int(channel.line())
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")
    wait_until(lambda: process_is_gone(left), 5, "a process of the command goes on")


# SpawnAsking


def asking(session, script, *arguments, environment=()):
    return session.request("SpawnAsking", command=["sh", "-c", script, "sh", *arguments],
                           environment=environment)


def expect_asked(channel, *arguments, shown=b""):
    """Its end, with all that is SHOWN at the terminal."""
    expect_end(channel, *arguments)
    assert channel.ended == {1, 2, 3}, channel.ended
    channel.expect_output(shown, 3)
    assert not channel.content[3], f"the terminal shows more: {shorten(channel.content[3])}"


@check
def who_asks_has_a_terminal_beside_its_streams(bench):
    channel = asking(bench.session, 'test -t 0 || test -t 1 || test -t 2 || echo "no terminal"; '
                     'printf "who? " > /dev/tty; read who < /dev/tty; echo "$who"; '
                     'printf "and? " > /dev/tty; read and < /dev/tty; echo "$and" >&2; '
                     'cat; exit 3')
    channel.started()
    assert channel.line() == b"no terminal"
    channel.push(b"the input")
    channel.eof()
    channel.expect_output(b"who? ", 3)
    channel.send("Keys", text="ann\n")
    assert channel.line() == b"ann"
    channel.expect_output(b"and? ", 3)
    channel.send("Keys", text="b")
    channel.send("Keys", text="ob\n")
    assert channel.line(2) == b"bob"
    channel.expect_output(b"the input")
    expect_asked(channel, 3)


@check
def who_asks_has_the_environment_a_session_and_no_other_descriptors(bench):
    channel = asking(bench.session, 'echo "$A $LR_TEST"; ls /proc/self/fd | wc -l; '
                     'cut -d" " -f1,5,6,8 /proc/$$/stat', environment=["A=b"])
    channel.started()
    assert channel.line() == b"b X=Y"
    assert channel.line() == b"4"
    assert len(set(channel.line().split())) == 1, "process, group, session, foreground"
    expect_asked(channel)


@check
def what_is_typed_is_not_shown_and_has_no_meaning(bench):
    # Every byte but the two that end a line, or a text in a shell.
    text = bytes(set(range(1, 256)) - {10})
    channel = asking(bench.session, 'printf "say: " > /dev/tty; head -n 1 < /dev/tty')
    channel.started()
    channel.expect_output(b"say: ", 3)
    channel.send("Keys", text=text + b"\n")
    channel.expect_output(text + b"\n")
    expect_asked(channel)


@for_each([("comes at once", 0), ("comes in two pieces", 80)])
def what_is_typed_is_not_remembered_where_it(bench, behind):
    """BEHIND: so many of its bytes come only when all before them has been read.  What is looked for
    is longer than a register, of which a signal may leave a copy."""
    session = bench.session
    channel = asking(session, 'read line < /dev/tty; echo "${#line}"')
    channel.started()
    secret = os.urandom(80).hex()
    keys = frame(channel.number, encode("Keys", text=secret + "\n"))
    before = session.acks
    session.outgoing += frame(0, CHECK_ALIVE) * 200 + keys[:len(keys) - behind]
    session.until(lambda: session.acks == before + 200, "no Ack came")
    session.outgoing += keys[len(keys) - behind:]
    assert channel.line() == b"160"
    expect_asked(channel)
    for part in [secret[:79], secret[81:]]:
        found = list(places(session.process.pid, part.encode()))
        assert not found, f"it is in {found}"


@check
def an_answer_may_come_before_the_question(bench):
    channel = asking(bench.session, 'read line < /dev/tty; echo "$line"')
    channel.send("Keys", text="early\n")
    channel.started()
    assert channel.line() == b"early"
    expect_asked(channel)


@check
def what_a_terminal_has_no_room_for_is_dropped(bench):
    session = bench.session
    channel = asking(session, "read line; read line < /dev/tty; echo ${#line}")
    channel.started()
    for _ in range(20):
        channel.send("Keys", text="x" * MIB)
    session.check_alive()
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")


@check
def the_terminal_beside_is_closed_whoever_still_uses_it(bench):
    channel = asking(bench.session, "trap '' HUP; (exec 3< /dev/tty; echo; "
                     "exec sleep 100 > /dev/null 2>&1) & echo $!; read go; "
                     "printf 'the last' > /dev/tty; exit 5")
    channel.started()
    left = int(b"".join(channel.line() for _ in range(2)))
    channel.push(b"go\n")
    try:
        expect_asked(channel, 5, shown=b"the last")
        assert not process_is_gone(left), "who has left it behind was killed"
    finally:
        os.kill(left, signal.SIGKILL)


@check
def a_terminal_beside_without_credit_stalls_only_itself(bench):
    session = bench.session
    channel = asking(session, "trap 'echo out' USR1; yes 0123456789 > /dev/tty & "
                     "while :; do wait; done")
    channel.generous = False
    channel.started()
    channel.until(lambda: channel.received[3] == WINDOW, "the window is not used up")
    channel.give(1000, 3)
    channel.until(lambda: channel.received[3] == WINDOW + 1000, "credit did nothing")
    channel.send("Signal", number=signal.SIGKILL)
    channel.expect("Exited", returncode=-9)
    session.check_alive()
    # What it still shows needs credit too.
    assert not channel.final, "it is closed"
    channel.give(1 << 20, 3)
    channel.expect("Closed")


@check
def a_cancel_ends_who_asks(bench):
    channel = asking(bench.session, "trap '' HUP INT TERM; printf 'who? ' > /dev/tty; "
                     "sleep 100 & echo $!; read who < /dev/tty")
    channel.started()
    left = int(channel.line())
    channel.expect_output(b"who? ", 3)
    channel.send("Cancel")
    channel.expect("Exited", returncode=-9)
    channel.expect("Closed")
    wait_until(lambda: process_is_gone(left), 5, "a process of the command goes on")


@check
def who_asks_ends_with_the_input(bench):
    with bench.start() as session:
        channel = asking(session, "echo ready; read who < /dev/tty; read who < /dev/tty")
        channel.started()
        assert channel.line() == b"ready"
        session.end_input()
        channel.expect("Exited", returncode=-1)
        channel.expect_errno(errno.ECANCELED)
        session.finish()


@check
def without_any_terminal_who_asks_asks_in_vain(bench):
    hidden = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
              'mount --bind /dev/null /dev/ptmx && exec "$@"', "sh"]
    if subprocess.run([*hidden, "true"], check=False, capture_output=True).returncode != 0:
        raise Skip("no namespaces can be made")
    with bench.start(prefix=hidden) as session:
        channel = asking(session, "(: < /dev/tty) 2> /dev/null || echo none; cat")
        channel.started()
        assert channel.line() == b"none"
        channel.send("Keys", text="to nobody\n")
        channel.push(b"the input")
        channel.eof()
        channel.expect_output(b"the input")
        expect_end(channel)
        session.finish()


@check
def who_asks_is_refused_as_a_command_is(bench):
    session = bench.session

    def run(*command, environment=()):
        return session.request("SpawnAsking", command=command, environment=environment)
    run().expect_invalid("command")
    run("true", environment=["A"]).expect_invalid("environment")
    run("a\0b").expect_invalid("command")
    run("no-such-program-here").expect_errno(errno.ENOENT)


# Many


@check
def a_thousand_commands_run_at_once(bench):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3200:
        raise Skip(f"no more than {hard} descriptors are allowed")
    with bench.start() as session:
        channels = [spawn(session, "cat", with_input=True) for _ in range(1000)]
        pids = {channel.started() for channel in channels}
        assert len(pids) == 1000, "two commands have one process id"
        for i, channel in enumerate(channels):
            channel.push(b"%d\n" % i)
        for i, channel in enumerate(channels):
            channel.expect_output(b"%d\n" % i)
        session.check_alive()
        for channel in channels:
            channel.eof()
        for channel in channels:
            expect_end(channel, 0, b"")
        session.finish()


# Write


@for_each([("nothing", b""), ("every byte", bytes(range(256))),
           ("more than the window", b"u" * (3 * MIB + 1))])
def write_makes_a_file_of(bench, content):
    path = bench.path("made")
    write_all(bench.session, path, content).expect("Written", in_place=False)
    assert read(path) == content
    info = os.stat(path)
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (
        0o600, os.geteuid(), os.getegid()), info
    bench.leftovers("made")


@for_each([(mode, mode) for mode in ["7", "644", "0755", "4755", "0"]])
def write_sets_the_mode(bench, mode):
    write_all(bench.session, bench.path("made"), mode=mode).expect("Written", in_place=False)
    assert stat.S_IMODE(os.stat(bench.path("made")).st_mode) == int(mode, 8)


@check
def a_bad_mode_owner_or_group_is_answered_before_any_content(bench):
    session = bench.session
    path = bench.file("kept")
    wrong = {"mode": "0o644", "owner": "no-such-name-here", "group": "no-such-name-here"}
    for field in ["mode", "owner", "group"]:
        channel = write(session, path, **wrong)
        channel.expect_invalid(field)
        channel.push(b"content that was under way")
        channel.eof()
        del wrong[field]
    write(session, path + "\0").expect_invalid("file")
    session.check_alive()
    assert read(path) == b"old"
    bench.leftovers("kept")


@check
def write_gives_the_file_to_another_owner_and_group(bench):
    only_root()
    user, group, number = other_user(), other_group(), unused_id()
    path = bench.path("owned")
    for fields, expected in [
            ({"owner": user.pw_name}, (user.pw_uid, user.pw_gid)),
            ({"owner": user.pw_name, "group": group.gr_name}, (user.pw_uid, group.gr_gid)),
            ({"owner": str(number)}, (number, os.getegid())),
            ({"group": str(number)}, (os.geteuid(), number))]:
        write_all(bench.session, path, mode="4711", **fields).expect("Written", in_place=False)
        info = os.stat(path)
        assert (info.st_uid, info.st_gid) == expected, f"{fields}: {info}"
        assert stat.S_IMODE(info.st_mode) == 0o4711, oct(info.st_mode)


@check
def write_for_another_owner_without_the_right_fails_with_EPERM(bench):
    only_ordinary_user()
    path = bench.file("kept")
    write_all(bench.session, path, owner="root").expect_errno(errno.EPERM)
    assert read(path) == b"old"
    bench.leftovers("kept")


@check
def write_replaces_the_file_at_the_end_and_at_once(bench):
    session = bench.session
    path = bench.file("replaced", b"old", 0o644)
    os.link(path, bench.path("other-name"))
    with open(path, "rb") as held:
        channel = write(session, path)
        channel.push(b"new")
        session.check_alive()
        assert read(path) == b"old", "it was replaced before its end"
        channel.eof()
        channel.expect("Written", in_place=False)
        assert held.read() == b"old"
    assert read(path) == b"new" and read(bench.path("other-name")) == b"old"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    bench.leftovers("replaced", "other-name")


@check
def write_follows_links(bench):
    session = bench.session
    os.symlink(bench.file("target"), bench.path("link"))
    write_all(session, bench.path("link")).expect("Written", in_place=False)
    assert os.path.islink(bench.path("link")) and read(bench.path("target")) == b"new"
    os.symlink("elsewhere", bench.path("dangling"))
    channel = write(session, bench.path("dangling"))
    channel.push(b"begun")
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)
    bench.leftovers("link", "target", "dangling")
    channel = write(session, bench.path("dangling"))
    session.check_alive()
    wait_until(lambda: os.path.exists(bench.path("elsewhere")), 5, "what it leads to is not made")
    bench.file("elsewhere", b"somebody's")
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)
    session.check_alive()
    assert read(bench.path("elsewhere")) == b"somebody's"
    write_all(session, bench.path("dangling")).expect("Written", in_place=False)
    assert read(bench.path("elsewhere")) == b"new"


@check
def preserve_takes_from_the_old_file_what_is_not_given(bench):
    session = bench.session
    path = bench.file("kept", mode=0o751)
    write_all(session, path, preserve=True).expect("Written", in_place=False)
    assert (read(path), stat.S_IMODE(os.stat(path).st_mode)) == (b"new", 0o751)
    write_all(session, path, preserve=True, mode="640").expect("Written")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    write_all(session, bench.path("made"), preserve=True).expect("Written")
    assert stat.S_IMODE(os.stat(bench.path("made")).st_mode) == 0o600
    if ROOT:
        number = unused_id()
        os.chown(path, number, number + 1)
        os.chmod(path, 0o4755)
        write_all(session, path, preserve=True).expect("Written")
        info = os.stat(path)
        assert (info.st_uid, info.st_gid) == (number, number + 1), info
        assert stat.S_IMODE(info.st_mode) == 0o4755, oct(info.st_mode)
        write_all(session, path, preserve=True, owner="0").expect("Written")
        info = os.stat(path)
        assert (info.st_uid, info.st_gid) == (0, number + 1), info


@for_each([("0", b""), ("3", b"new"), ("a MiB", b"n" * MIB)])
def write_takes_content_of_the_size_that_was_told(bench, content):
    path = bench.file("known")
    write_all(bench.session, path, content, size=len(content)).expect("Written", in_place=False)
    assert read(path) == content
    assert os.stat(path).st_size == len(content)


@for_each([("nothing instead of 3", b"", 3), ("2 instead of 3", b"ne", 3),
           ("4 instead of 3", b"newe", 3), ("1 instead of 0", b"n", 0),
           ("a MiB instead of 2", b"n" * MIB, 2 * MIB)])
def write_refuses_content_of_another_size(bench, content, size):
    path = bench.file("kept")
    write_all(bench.session, path, content, size=size).expect_invalid("size")
    assert read(path) == b"old"
    bench.leftovers("kept")


@check
def write_refuses_a_size_below_minus_1(bench):
    write(bench.session, bench.path("new"), size=-2).expect_invalid("size")
    bench.leftovers()


@check
def room_for_a_known_size_is_made_before_any_content(bench):
    bench.subdirectory("small")
    path = bench.path("small/kept")
    prefix = mounting(bench.directory, "mount -t tmpfs -o size=512k none small")
    with bench.start(prefix=prefix) as session:
        write_all(session, path, b"old content").expect("Written")
        write(session, path, size=MIB).expect_errno(errno.ENOSPC)
        # And when nobody told how much it is, when it is too much.
        write_all(session, path, b"n" * MIB).expect_errno(errno.ENOSPC)
        expect_content(read_file(session, path), b"old content")
        expect_completed(spawn(session, "ls", "-A", bench.path("small")), 0, b"kept\n")
        session.finish()


@check
def sync_changes_nothing_that_can_be_seen(bench):
    session = bench.session
    channels = [write_all(session, bench.path(f"synced-{i}"), b"%d" % i, sync=True)
                for i in range(8)]
    for i, channel in enumerate(channels):
        channel.expect("Written", in_place=False)
        assert read(bench.path(f"synced-{i}")) == b"%d" % i
    write_all(session, "/dev/null", sync=True).until(
        lambda: session.channels[session.last].final, "it doesn't end")


@check
def write_is_done_in_place_where_nothing_can_be_replaced(bench):
    session = bench.session
    write_all(session, "/dev/null", b"x" * MIB).expect("Written", in_place=True)
    os.mkfifo(bench.path("fifo"))
    write(session, bench.path("fifo")).expect_errno(errno.ENXIO)
    reader = shell(session, 'exec 3<> "$1"; echo; head -c 350000 <&3', bench.path("fifo"))
    reader.started()
    reader.line()
    write_all(session, bench.path("fifo"), b"through" * 50000).expect("Written", in_place=True)
    expect_end(reader, 0, b"through" * 50000)
    assert stat.S_ISFIFO(os.stat(bench.path("fifo")).st_mode)
    bench.leftovers("fifo")


@check
def write_is_done_in_place_where_no_file_can_be_made(bench):
    only_ordinary_user()
    directory = bench.subdirectory("closed")
    path = bench.file("closed/writable", b"much longer than the new content")
    os.chmod(directory, 0o555)
    try:
        write_all(bench.session, path, b"in place").expect("Written", in_place=True)
        assert read(path) == b"in place"
        write_all(bench.session, bench.path("closed/new")).expect_errno(errno.EACCES)
    finally:
        os.chmod(directory, 0o755)


@check
def write_to_a_fifo_that_is_full_stalls_only_itself_and_can_be_cancelled(bench):
    session = bench.session
    os.mkfifo(bench.path("fifo"))
    reader = os.open(bench.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    channel = write(session, bench.path("fifo"))
    channel.push(b"x" * WINDOW)
    session.flush()
    session.check_alive()
    expect_completed(spawn(session, "true"))
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)
    os.close(reader)


@check
def write_fails_without_waiting_for_the_content(bench):
    session = bench.session
    for path, number in [(bench.directory, errno.EISDIR),
                         (bench.path("missing/file"), errno.ENOENT),
                         (bench.file("plain") + "/below", errno.ENOTDIR),
                         (bench.path("n" * 300), errno.ENAMETOOLONG)]:
        channel = write(session, path)
        channel.push(b"some")
        channel.eof()
        channel.expect_errno(number)
    bench.leftovers("plain")


@check
def much_is_written_and_read(bench):
    session = bench.session
    content = bulk()
    path = bench.path("bulk")
    write_all(session, path, content, size=len(content)).expect("Written", in_place=False)
    digest = stat_of(session, path, sha512sum=True)
    expect_content(read_file(session, path), content)
    digest.expect("StatResult", size=len(content), sha512sum=hashlib.sha512(content).digest())


@check
def files_are_written_side_by_side(bench):
    session = bench.session
    channels = [write(session, bench.path(f"file-{i}")) for i in range(20)]
    for piece in range(50):
        for i, channel in enumerate(channels):
            channel.write(b"%d.%d " % (i, piece) * 100)
    for channel in channels:
        channel.eof()
    for i, channel in enumerate(channels):
        channel.expect("Written", in_place=False)
        expected = b"".join(b"%d.%d " % (i, piece) * 100 for piece in range(50))
        assert read(bench.path(f"file-{i}")) == expected
    bench.leftovers(*[f"file-{i}" for i in range(20)])


@check
def a_write_that_is_cancelled_leaves_nothing(bench):
    session = bench.session
    path = bench.file("kept")
    for content in [b"", b"begun", b"b" * WINDOW]:
        for file in [path, bench.path("new")]:
            channel = write(session, file)
            channel.push(content)
            channel.send("Cancel")
            channel.push(b"more") if len(content) < WINDOW else None
            channel.eof()
            channel.expect_errno(errno.ECANCELED)
    session.check_alive()
    assert read(path) == b"old"
    bench.leftovers("kept")


@check
def a_write_that_is_cancelled_at_its_end_is_done_or_leaves_nothing(bench):
    session = bench.session
    channels = []
    for i in range(40):
        path = bench.file(f"file-{i}")
        channel = write(session, path, sync=i % 2 == 0)
        channel.push(b"n" * 100000)
        channel.eof()
        channel.send("Cancel")
        channels.append((channel, path))
    cancelled = []
    for channel, path in channels:
        answer = channel.next()
        if answer.name == "Written":
            assert read(path) == b"n" * 100000
        else:
            assert answer.name == "OSError" and answer.fields["errno"] == errno.ECANCELED, answer
            cancelled.append(path)
    # What still went on in the background would show by now, after as much of the same.
    for _ in range(4):
        write_all(session, bench.path("last"), b"n" * 100000, sync=True).expect("Written")
    for path in cancelled:
        assert read(path) == b"old", "what was cancelled was written"
    bench.leftovers("last", *[os.path.basename(path) for _, path in channels])


@for_each([("its input ends", None), ("Exit comes", "exit"), ("SIGTERM comes", signal.SIGTERM),
           ("its output is closed", "closed"), ("something fatal comes", "fatal")])
def a_write_under_way_leaves_nothing_when(bench, how):
    path = bench.file("kept")
    os.symlink("nowhere", bench.path("dangling"))
    with bench.start() as session:
        for file in [path, bench.path("new"), bench.path("dangling")]:
            channel = write(session, file, size=MIB)
            channel.push(b"begun")
        session.flush()
        session.check_alive()
        end_session(session, how)
        session.wait(10)
    assert read(path) == b"old"
    bench.leftovers("kept", "dangling")


def end_session(session, how):
    if how is None:
        session.end_input()
    elif how == "exit":
        session.send(0, encode("Exit"))
    elif how == "fatal":
        session.send(0, encode("Hello", features=[], data_size=0, lease=0))
    elif how == "closed":
        session.open.discard(session.process.stdout)
        session.process.stdout.close()
        session.reading = False
        session.send(0, encode("CheckAlive"))
    else:
        session.process.send_signal(how)


# Read


@check
def file_info_tells_of_the_file(bench):
    path = bench.file("known", b"12345", 0o4751)
    os.utime(path, ns=(1, 1234567890123456789))
    fields = expect_content(read_file(bench.session, path), b"12345")
    assert fields == {"type": b"file", "mode": 0o4751, "size": 5, "mtime": 1234567890123456789}
    os.symlink("known", bench.path("link"))
    os.utime(path, ns=(1, -5))
    fields = expect_content(read_file(bench.session, bench.path("link")), b"12345")
    assert fields["type"] == b"file" and fields["mtime"] == (1 << 64) - 5, fields


@for_each([(f"{length} from {offset}", offset, length)
           for offset in [0, 1, 255, 256, 299999, 300000, 300001, 1 << 40, (1 << 63) - 1, 1 << 63,
                          FOREVER]
           for length in [0, 1, 1000, 300000, FOREVER - 1, FOREVER]])
def read_sends(bench, offset, length):
    content = bytes(range(256)) * 1171 + bytes(224)
    path = bench.file("some", content)
    assert len(content) == 300000
    expected = content[offset:min(offset + length, len(content))]
    expect_content(read_file(bench.session, path, offset, length), expected)


@check
def files_on_a_file_system_that_may_hang_are_as_any_other(bench):
    """Workers read, digest and write them.  What is mounted is taken from a list that says so of
    the bench's directory: the shell that becomes the dispatcher keeps its number."""
    content = bulk()
    path = bench.file("some", content)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = file.read()
    place = bench.directory.replace(" ", r"\040")
    bench.file("mounts", f"{mounts}999 1 0:99 / {place} rw - fuse.slow none rw\n".encode())
    prefix = mounting(bench.directory, "mount --bind mounts /proc/$$/mountinfo")
    with bench.start(prefix=prefix) as session:
        for offset, length in [(0, FOREVER), (1, 1000), (len(content) - 5, 100), (FOREVER, 1), (3, 0)]:
            expect_content(read_file(session, path, offset, length), content[offset:offset + length])
        # Beside each other, and one that is taken back.
        taken_back = read_file(session, path)
        channels = [read_file(session, path, i * 1000, 100000) for i in range(8)]
        taken_back.send("Cancel")
        for i, channel in enumerate(channels):
            expect_content(channel, content[i * 1000:i * 1000 + 100000])
        read_file(session, bench.directory).expect_errno(errno.EISDIR)
        read_file(session, path + "/below").expect_errno(errno.ENOTDIR)
        digest = stat_of(session, path, sha512sum=True).expect("StatResult")["sha512sum"]
        assert digest == hashlib.sha512(content).digest()
        write_all(session, path, b"new").expect("Written")
        expect_content(read_file(session, path), b"new")
        expect_completed(spawn(session, "cat", path), 0, b"new")
        session.finish()


@check
def read_of_what_is_not_there_is_an_invalid_file(bench):
    session = bench.session
    os.symlink("nowhere", bench.path("dangling"))
    for file in [bench.path("missing"), bench.path("missing/below"), bench.path("dangling"), "",
                 b"/\0"]:
        read_file(session, file).expect_invalid("file")


@check
def read_fails(bench):
    session = bench.session
    read_file(session, bench.directory).expect_errno(errno.EISDIR)
    read_file(session, bench.file("plain") + "/below").expect_errno(errno.ENOTDIR)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(bench.path("sock"))
    read_file(session, bench.path("sock")).expect("OSError")
    if not ROOT:
        read_file(session, bench.file("closed", mode=0)).expect_errno(errno.EACCES)


@check
def read_goes_to_the_end_of_what_has_no_true_size(bench):
    session = bench.session
    fields = expect_content(read_file(session, "/proc/version"), read("/proc/version"))
    assert fields["type"] == b"file", fields
    expect_content(read_file(session, "/proc/version", 3, 9), read("/proc/version")[3:12])
    fields = expect_content(read_file(session, "/dev/null"), b"")
    assert fields["type"] == b"chr", fields
    expect_content(read_file(session, "/dev/zero", 0, 700000), bytes(700000))


@check
def a_fifo_is_read_to_the_end_of_its_writer(bench):
    session = bench.session
    os.mkfifo(bench.path("fifo"))
    channel = read_file(session, bench.path("fifo"))
    session.check_alive()
    assert not channel.final and 1 not in channel.ended, "it didn't wait for a writer"
    writer = shell(session, 'exec > "$1"; head -c 300000 /dev/zero; read x; echo more',
                   bench.path("fifo"), with_input=True)
    writer.started()
    channel.until(lambda: channel.received[1] == 300000, "the content didn't come")
    session.check_alive()
    assert not channel.final and 1 not in channel.ended, "it didn't wait for the end"
    writer.push(b"\n")
    expect_end(writer)
    fields = expect_content(channel, bytes(300000) + b"more\n")
    assert fields["type"] == b"fifo", fields


@check
def what_stands_before_the_offset_of_a_fifo_is_dropped(bench):
    session = bench.session
    os.mkfifo(bench.path("fifo"))
    for offset, length, expected in [(3, FOREVER, b"defgh"), (200000, 2, b""), (2, 3, b"cde")]:
        channel = read_file(session, bench.path("fifo"), offset, length)
        writer = shell(session, 'printf abcdefgh > "$1"; read x', bench.path("fifo"),
                       with_input=True)
        writer.started()
        expect_content(channel, expected)
        writer.eof()
        writer.until(lambda: writer.final, "it didn't end")


@check
def a_length_of_a_fifo_does_not_wait_for_its_end(bench):
    session = bench.session
    os.mkfifo(bench.path("fifo"))
    channel = read_file(session, bench.path("fifo"), 0, 4)
    writer = shell(session, 'exec 3> "$1"; printf abcdefgh >&3; read x', bench.path("fifo"),
                   with_input=True)
    expect_content(channel, b"abcd")
    writer.eof()
    writer.until(lambda: writer.final, "it didn't end")


@check
def a_read_can_be_cancelled(bench):
    session = bench.session
    os.mkfifo(bench.path("fifo"))
    without_writer = read_file(session, bench.path("fifo"))
    endless = read_file(session, "/dev/zero")
    endless.generous = False
    endless.until(lambda: endless.received[1] == WINDOW, "the window is not used up")
    for channel in [without_writer, endless]:
        channel.send("Cancel")
        channel.until(lambda: channel.final, "it goes on")
        assert channel.final.name == "OSError", channel.final
        assert channel.final.fields["errno"] == errno.ECANCELED, channel.final


@check
def a_file_that_shrinks_while_it_is_read_ends_where_it_ends(bench):
    path = bench.file("shrinking", bytes(4 * MIB))
    channel = read_file(bench.session, path)
    channel.generous = False
    channel.until(lambda: channel.received[1] == WINDOW, "the window is not used up")
    os.truncate(path, MIB)
    channel.give(8 * MIB)
    channel.expect("FileInfo", size=4 * MIB)
    assert channel.next().name in ("Ok", "OSError"), channel.final
    assert WINDOW <= channel.received[1] <= 4 * MIB, channel.received


@check
def files_are_read_side_by_side(bench):
    session = bench.session
    contents = [os.urandom(500000 + i) for i in range(20)]
    channels = [read_file(session, bench.file(f"file-{i}", content))
                for i, content in enumerate(contents)]
    for channel, content in zip(channels, contents):
        expect_content(channel, content)


# What is fatal


def expect_status_3(session, seconds=PATIENCE):
    status, text = session.wait(seconds)
    assert status == 3, f"the dispatcher ended with {status}, {text!r}"
    assert text.endswith(b"\n") and text.count(b"\n") == 1 and text.strip(), (
        f"standard error is not one line: {text!r}")


HELLO = encode("Hello", features=[], data_size=0, lease=0)
CHECK_ALIVE = encode("CheckAlive")
STAT = encode("Stat", path="/", follow_links=False, sha512sum=False)
EOF = encode("Eof", stream=0)
SPAWN_FIELDS = {"environment": [], "unset": [], "with_output": True, "timeout": 0, "linger": -1,
                "rows": 0, "columns": 0}
SPAWN = encode("Spawn", command=["cat"], with_input=True, **SPAWN_FIELDS)
SPAWN_WITHOUT_INPUT = encode("Spawn", command=["sleep", "100"], with_input=False, **SPAWN_FIELDS)
# It neither reads nor ends until it is killed.
SPAWN_DEAF = encode("Spawn", command=["sleep", "100"], with_input=True, **SPAWN_FIELDS)
SPAWN_ASKING = encode("SpawnAsking", command=["cat"], environment=[])
WRITE = encode("Write", file="/dev/null", preserve=False, size=-1, sync=False)
READ = encode("Read", file="/dev/zero", offset=0, length=FOREVER)


def head(name, *pieces):
    return u32(REQUESTS[name][0]) + b"".join(pieces)


def stream(*frames):
    return b"".join(frame(*item) for item in frames)


# What stands behind a Hello.
FATAL = [
    ("a frame of length 0", u32(0) + u32(0) + u32(2)),
    ("a frame of length 7", u32(7) + u32(0) + u32(2)),
    ("a frame beyond 4 MiB", u32(PACKET_LIMIT + 5) + u32(1) + head("Getenv", u64(PACKET_LIMIT))),
    ("a frame of the largest length", u32(0xffffffff) + u32(1) + u32(4711)),
    ("text", b"GET / HTTP/1.1\r\n\r\n"),
    ("a packet that ends before its frame", frame(0, CHECK_ALIVE + b"\0")),
    ("a packet that ends behind its frame", frame(1, STAT[:-1])),
    ("a packet without its fields", frame(1, head("Getenv"))),
    ("a string longer than its frame", frame(1, head("Getenv", u64(1000), b"short"))),
    ("a bool of 2", frame(1, STAT[:-1] + b"\2")),
    ("a presence of 255", frame(1, head("ResolveUser", b"\xff"))),
    ("a list of 65537", frame(1, head("Spawn", u64(65537), u64(0) * 65537))),
    ("Data without its size", frame(1, head("Data", u32(0)))),
    ("Data of another size than its frame", frame(1, head("Data", u32(0), u64(4), b"abc"))),
    ("Data of 128 KiB + 1", stream((1, SPAWN), (1, data(bytes(DATA_LIMIT + 1))))),
    ("Data for stream 4", stream((1, SPAWN), (1, data(b"x", 4)))),

    ("a second Hello", frame(0, HELLO)),
    *[(f"{name}, which servers send", frame(1, u32(number)))
      for number, (name, _) in ANSWERS.items() if name not in ("Data", "Eof", "Window")],
    *[(f"{name}, which servers send, on channel 0", frame(0, u32(number)))
      for number, name in [(1, "Ack"), (264, "Closed")]],

    ("a Stat on channel 0", frame(0, STAT)),
    ("a Spawn on channel 0", frame(0, SPAWN)),
    ("Data on channel 0", frame(0, data(b"x"))),
    ("an Eof on channel 0", frame(0, EOF)),
    ("a Window on channel 0", frame(0, encode("Window", stream=1, credit=1))),
    ("a Cancel on channel 0", frame(0, encode("Cancel"))),
    ("a Signal on channel 0", frame(0, encode("Signal", number=15))),
    ("a Resize on channel 0", frame(0, encode("Resize", rows=1, columns=1))),
    ("a ProcessRun on channel 0",
     frame(0, encode("ProcessRun", command=["true"], capture_output=True))),
    ("an unknown packet on channel 0", frame(0, u32(4711) + b"content")),
    ("a Hello on another channel", frame(1, HELLO)),
    ("an Exit on another channel", frame(1, encode("Exit"))),

    ("a request on the channel of one before", stream((7, STAT), (7, STAT))),
    ("a request on a channel below", stream((7, STAT), (6, STAT))),
    ("a request on a channel that is open", stream((1, SPAWN), (1, STAT))),
    ("a request on the channel of an unknown packet", stream((7, u32(4711)), (7, STAT))),
    *[(f"{name} on a channel that was never opened", stream((5, STAT), (6, packet)))
      for name, packet in [("Data", data(b"x")), ("Eof", EOF), ("Cancel", encode("Cancel")),
                           ("Window", encode("Window", stream=1, credit=1)),
                           ("Signal", encode("Signal", number=15)),
                           ("Resize", encode("Resize", rows=1, columns=1)),
                           ("Keys", encode("Keys", text="x"))]],

    ("Data on stream 1", stream((1, SPAWN), (1, data(b"x", 1)))),
    ("Data on stream 2", stream((1, SPAWN), (1, data(b"x", 2)))),
    ("Data on stream 3", stream((1, SPAWN_ASKING), (1, data(b"x", 3)))),
    ("an Eof of stream 1", stream((1, SPAWN), (1, encode("Eof", stream=1)))),
    ("an Eof of stream 4711", stream((1, SPAWN), (1, encode("Eof", stream=4711)))),
    ("Data behind Eof", stream((1, SPAWN_DEAF), (1, EOF), (1, data(b"x")))),
    ("Data without content behind Eof", stream((1, SPAWN_DEAF), (1, EOF), (1, data(b"")))),
    ("a second Eof", stream((1, SPAWN_DEAF), (1, EOF), (1, EOF))),
    ("Data for a command without input", stream((1, SPAWN_WITHOUT_INPUT), (1, data(b"x")))),
    ("an Eof for a command without input", stream((1, SPAWN_WITHOUT_INPUT), (1, EOF))),
    ("Data for a Read", stream((1, READ), (1, data(b"x")))),
    ("an Eof for a Read", stream((1, READ), (1, EOF))),
    ("Data beyond the window", stream((1, SPAWN_DEAF), *[(1, data(bytes(DATA_LIMIT)))] * 24)),

    ("a Window that overflows",
     stream((1, SPAWN), (1, encode("Window", stream=1, credit=WINDOW_LIMIT - WINDOW + 1)))),
    ("a Window that overflows by itself",
     stream((1, SPAWN), (1, encode("Window", stream=2, credit=0xffffffff)))),
    ("Windows that overflow together",
     stream((1, SPAWN), *[(1, encode("Window", stream=1, credit=1 << 30))] * 2)),
    ("a Window of stream 0", stream((1, SPAWN), (1, encode("Window", stream=0, credit=1)))),
    ("a Window of stream 3", stream((1, SPAWN), (1, encode("Window", stream=3, credit=1)))),
    ("a Window of stream 1 of a Write", stream((1, WRITE), (1, encode("Window", stream=1,
                                                                         credit=1)))),
    ("a Window of stream 2 of a Read", stream((1, READ), (1, encode("Window", stream=2,
                                                                       credit=1)))),
    ("a Window of stream 0 of a Write", stream((1, WRITE), (1, encode("Window", stream=0,
                                                                         credit=1)))),

    ("a Signal for a Write", stream((1, WRITE), (1, encode("Signal", number=15)))),
    ("a Signal for a Read", stream((1, READ), (1, encode("Signal", number=15)))),
    ("a Resize for a Write", stream((1, WRITE), (1, encode("Resize", rows=1, columns=1)))),
    ("a Resize for a Read", stream((1, READ), (1, encode("Resize", rows=1, columns=1)))),
    ("Keys for a Spawn", stream((1, SPAWN), (1, encode("Keys", text="x")))),
    ("Keys for a Read", stream((1, READ), (1, encode("Keys", text="x")))),
    ("Keys on channel 0", frame(0, encode("Keys", text="x"))),
    ("signal 0", stream((1, SPAWN), (1, encode("Signal", number=0)))),
    ("signal 65", stream((1, SPAWN), (1, encode("Signal", number=65)))),
    ("signal 4294967295", stream((1, SPAWN), (1, encode("Signal", number=0xffffffff)))),
]


@for_each([(name, name) for name, _ in FATAL])
def fatal_is(bench, name):
    # A dispatcher waits for what still runs, so they are all sent on their way at once.
    if not bench.doomed:
        for other, content in FATAL:
            session = bench.doomed[other] = bench.start()
            session.send_raw(content)
            session.turn(0)
    with bench.doomed[name] as session:
        expect_status_3(session)


@for_each([("a request", frame(1, STAT)), ("CheckAlive", frame(0, CHECK_ALIVE)),
           ("Exit", frame(0, encode("Exit"))), ("an unknown packet", frame(1, u32(4711))),
           ("a Hello on channel 1", frame(1, HELLO)), ("a packet of the plain protocol", STAT)])
def fatal_is_anything_before_hello(bench, content):
    with bench.start(hello=False) as session:
        session.send_raw(content)
        expect_status_3(session)


@check
def what_is_fatal_is_so_behind_much_else(bench):
    with bench.start() as session:
        session.check_alive()
        expect_completed(spawn(session, "true"))
        channel = spawn(session, "cat", with_input=True)
        channel.started()
        channel.push(b"x")
        channel.expect_output(b"x")
        session.send(channel.number, data(b"y", 1))
        expect_status_3(session)


CUT = [
    ("a length", b"\0\0"),
    ("a header", frame(0, CHECK_ALIVE)[:9]),
    ("a header but for its last byte", frame(0, CHECK_ALIVE)[:11]),
    ("a packet", frame(1, STAT)[:-1]),
    ("a string of 4 MiB", frame(1, head("Getenv", u64(PACKET_LIMIT - 12),
                                        bytes(PACKET_LIMIT - 12)))[:-1]),
    ("an unknown packet", frame(1, u32(4711) + bytes(100))[:-1]),
    ("Data", frame(1, SPAWN) + frame(1, data(b"abc"))[:-1]),
    ("the numbers of Data", frame(1, SPAWN) + frame(1, data(b"abc"))[:-6]),
]


@for_each(CUT)
def input_that_ends_within(bench, content):
    with bench.start() as session:
        session.send_raw(content)
        session.end_input()
        expect_status_3(session)


@check
def input_that_ends_within_hello(bench):
    with bench.start(hello=False) as session:
        session.send_raw(frame(0, HELLO)[:-1])
        session.end_input()
        expect_status_3(session)


# The end


@check
def input_that_ends_between_frames_ends_with_0(bench):
    for hello in [False, None]:
        with bench.start(hello=hello) as session:
            session.finish()
    with bench.start() as session:
        channel = session.request("Getenv", key="LR_TEST")
        session.finish()
        channel.expect("EnvironVar", value=b"X=Y")


@check
def what_was_received_before_the_end_of_input_is_carried_out(bench):
    with bench.start() as session:
        channels = [session.request("Getenv", key="LR_TEST") for _ in range(10000)]
        command = spawn(session, "echo", "done")
        behind = session.request("Getenv", key="LR_TEST")
        session.finish()
        for channel in [*channels, behind]:
            channel.expect("EnvironVar", value=b"X=Y")
        expect_completed(command, 0, b"done\n")


@check
def exit_ends_with_0_and_what_stands_behind_it_is_not_carried_out(bench):
    with bench.start() as session:
        before = session.request("Getenv", key="LR_TEST")
        session.send(0, encode("Exit"))
        behind = shell(session, 'touch "$1"', bench.path("touched"))
        assert session.wait(10) == (0, b"")
        before.expect("EnvironVar", value=b"X=Y")
        assert not behind.answers and not behind.final, behind.final
    bench.leftovers()


@check
def exit_is_not_kept_up_by_what_waits(bench):
    before = time.monotonic()
    with bench.start() as session:
        os.mkfifo(bench.path("fifo"))
        large = bench.file("large", b"")
        os.truncate(large, 1 << 40)
        read_file(session, bench.path("fifo"))
        stat_of(session, large, sha512sum=True)
        write(session, bench.path("fifo"))
        write(session, bench.path("new"))
        unread = read_file(session, "/dev/zero")
        unread.generous = False
        spawn(session, "cat", with_input=True).started()
        session.send(0, encode("Exit"))
        assert session.wait(10) == (0, b"")
    assert elapsed(before) <= 4, elapsed(before)
    bench.leftovers("fifo", "large")


@check
def a_command_finds_its_input_closed_at_the_end(bench):
    with bench.start() as session:
        before = time.monotonic()
        channel = shell(session, "cat; echo over; exit 7", with_input=True)
        channel.started()
        channel.push(b"x" * 200000)
        channel.expect_output(b"x" * 200000)
        session.end_input()
        expect_end(channel, 7, b"over\n", input_lost=True)
        session.finish()
        assert elapsed(before) <= 4, elapsed(before)


@check
def a_command_gets_sighup_one_second_after_the_end(bench):
    with bench.start() as session:
        channel = shell(session, "sleep 100 & echo $!; wait")
        pid = channel.started()
        left = int(channel.line())
        daemons = shell(session, "setsid sleep 100 > /dev/null 2>&1 & echo $!; exec sleep 90")
        daemons.started()
        daemon = daemon_of(daemons)
        stopped = shell(session, "echo; kill -STOP $$; echo never")
        stopped.started()
        stopped.line()
        before = time.monotonic()
        session.end_input()
        channel.expect("Exited", returncode=-1)
        assert 0.8 <= elapsed(before) <= 2.8, elapsed(before)
        daemons.expect("Exited", returncode=-1)
        stopped.expect("Exited", returncode=-1)
        session.finish()
        assert elapsed(before) <= 4.5, elapsed(before)
        try:
            wait_until(lambda: process_is_gone(left) and process_is_gone(pid), 5,
                       "a process of the command goes on")
            assert not process_is_gone(daemon), "the daemon was killed"
        finally:
            os.kill(daemon, signal.SIGKILL)


DEAF = "trap '' HUP TERM INT; echo; while :; do sleep 1; done"


@check
def what_ignores_hang_ups_and_terminations_is_killed_after_five_seconds(bench):
    """In all the ways that a session, or a command in it, can come to its end: side by side."""
    ways = [None, "exit", "fatal", "closed", signal.SIGTERM, signal.SIGHUP, signal.SIGINT, "lease",
            "died"]
    with contextlib.ExitStack() as stack:
        sessions, commands = {}, {}
        for how in ways:
            hello = {"lease": 2} if how == "lease" else None
            session = sessions[how] = stack.enter_context(bench.start(hello=hello))
            channel = shell(session, DEAF)
            pid = channel.started()
            channel.line()
            commands[how] = (channel, pid)
        timed = shell(bench.session, DEAF, timeout=1500)
        timed.started()
        killed = stack.enter_context(bench.start())
        deaf = shell(killed, DEAF)
        daemons = shell(killed, "setsid sleep 100 > /dev/null 2>&1 & echo $!; sleep 90")
        orphans = [deaf.started(), daemons.started()]
        deaf.line()
        daemon = daemon_of(daemons)
        before = time.monotonic()
        killed.process.kill()
        for how, session in sessions.items():
            if how == "died":
                # Both ends, as when the client is killed while nobody was reading.
                session.open.clear()
                session.process.stdout.close()
                session.process.stdin.close()
            elif how != "lease":
                end_session(session, how)
                if session.outgoing:
                    session.turn(0)
        statuses = {}
        for how, session in sessions.items():
            try:
                statuses[how] = session.wait(max(0, 12 - elapsed(before)))
            except AssertionError as error:
                raise AssertionError(f"{how}: {error}") from None
            assert elapsed(before) >= 4.5, f"{how}: it ended after {elapsed(before)} seconds"
            channel, pid = commands[how]
            assert process_is_gone(pid), f"{how}: the command outlived the dispatcher"
        # Whoever was to see the end of the command has seen it.
        for how in [None, "exit", "lease"]:
            assert statuses[how] == (0, b""), f"{how}: {statuses[how]}"
            commands[how][0].expect("Exited", returncode=-9)
        assert statuses["fatal"][0] == 3 and statuses["fatal"][1].count(b"\n") == 1, statuses
        timed.expect("Exited", returncode=-9, timed_out=True)
        timed.expect("Closed")
        try:
            wait_until(lambda: all(map(process_is_gone, orphans)), 5,
                       "a command outlived a dispatcher that was killed outright")
            assert not process_is_gone(daemon), "the daemon was killed"
        finally:
            os.kill(daemon, signal.SIGKILL)


@check
def a_signal_ends_an_idle_dispatcher(bench):
    for signum in [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]:
        with bench.start() as session:
            session.check_alive()
            before = time.monotonic()
            session.process.send_signal(signum)
            assert session.wait(10) == (-signum, b""), "it does not end by the signal"
            assert elapsed(before) <= 3, elapsed(before)


@check
def a_closed_output_ends_an_idle_dispatcher(bench):
    with bench.start() as session:
        session.check_alive()
        end_session(session, "closed")
        session.wait(10)


@check
def a_client_that_is_gone_is_noticed_while_its_answers_wait(bench):
    with bench.start() as session:
        channel = shell(session, "echo; exec sleep 100")
        pid = channel.started()
        channel.line()
        session.reading = False
        for _ in range(20000):
            session.request("Getenv", key=FILLER_NAME)
        with contextlib.suppress(AssertionError):
            session.until(lambda: not session.outgoing, "", 0.2)
        session.outgoing.clear()
        session.open.clear()
        session.process.stdin.close()
        session.process.stdout.close()
        session.wait(10)
        wait_until(lambda: process_is_gone(pid), 5, "the command outlived the dispatcher")


@check
def a_lease_is_broken_by_silence_and_by_nothing_else(bench):
    with bench.start(hello={"lease": 2}) as session:
        channel = spawn(session, "cat", with_input=True)
        channel.started()
        for _ in range(12):
            # Silence is what this is about, so here is some.
            time.sleep(0.25)
            before = time.monotonic()
            session.check_alive()
        expect_end(channel, input_lost=True)
        assert session.wait(10) == (0, b"")
        assert 1.9 <= elapsed(before) <= 6, elapsed(before)


# The program


@check
def debug_logs_each_packet_by_name(bench):
    with bench.start(options=["--debug"]) as session:
        session.ask("Getenv", "EnvironVar", key="LR_TEST")
        channel = spawn(session, "cat", with_input=True)
        channel.started()
        channel.push(b"x")
        channel.eof()
        expect_end(channel)
        session.check_alive()
        session.end_input()
        status, text = session.wait()
    assert status == 0, status
    for name in ["Hello", "Getenv", "EnvironVar", "Spawn", "Started", "Data", "Eof", "Exited",
                 "Closed", "CheckAlive", "Ack"]:
        assert re.search(rf"\b{name}\b".encode(), text), f"{name} is not in {text}"


@check
def an_idle_dispatcher_sends_an_ack_after_30_seconds(bench):
    """Begun with the first check."""
    session = bench.idle
    session.until(lambda: session.acks > 0, "no Ack came", max(33 - elapsed(bench.idle_since), 1))
    session.finish()
    assert session.acks <= elapsed(bench.idle_since) / 29, f"{session.acks} came"


@check
def nothing_is_left_on_standard_error_and_the_status_is_0(bench):
    """The session of all the checks before, if none of them failed."""
    bench.session.check_alive()
    pid = bench.session.process.pid
    descriptors = os.listdir(f"/proc/{pid}/fd")
    assert len(descriptors) <= 8, f"it has {len(descriptors)} descriptors"
    children = read(f"/proc/{pid}/task/{pid}/children").split()
    names = [read(f"/proc/{child.decode()}/comm") for child in children]
    assert names in ([], [b"longreach-guard\n"]), f"it has the children {names}"
    bench.session.finish()


def main(command):
    if not command:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with contextlib.closing(Bench(command)) as bench:
        return make_all(bench, "session-client")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
