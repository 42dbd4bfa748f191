#!/usr/bin/env python3
"""A far side that does not keep the session protocol, in the way that its first argument names:

    hostile_dispatcher.py MODE --session NONCE

tests/test-hostile.c knows what the library has to say to each.  What is polite about all of them but
`deaf` and its like: they end when their input does, so that closing takes no time.
"""

import os
import signal
import struct
import sys
import time

OK, ACK, CHECK_ALIVE, EXIT, OS_ERROR, INVALID_FIELD, PROCESS_ERROR = 0, 1, 2, 3, 4, 5, 7
STAT_RESULT, STAT, GROUP_ENTRY, ENVIRON_VAR, GETENV = 9, 10, 19, 21, 22
HELLO, DATA, EOF, WINDOW, CANCEL, SPAWN, STARTED, EXITED, CLOSED = range(256, 265)
WRITE, WRITTEN, READ, FILE_INFO = 267, 268, 269, 270
PUT_TREE, GET_TREE, TREE_PLACE, TREE_DONE = range(290, 294)

REQUESTS = (STAT, GETENV, SPAWN, WRITE, READ, PUT_TREE, GET_TREE)
WINDOW_INITIAL = 256 << 10


def u32(*values):
    return struct.pack(f">{len(values)}I", *values)


def text(value):
    return struct.pack(">Q", len(value)) + value


def frame(channel, packet, body=b""):
    return u32(8 + len(body), channel, packet) + body


def data(channel, stream, content):
    return frame(channel, DATA, u32(stream) + text(content))


def eof(channel, stream):
    return frame(channel, EOF, u32(stream))


def window(channel, stream, credit):
    return frame(channel, WINDOW, u32(stream, credit))


def os_error(channel, errnum, strerror, message):
    return frame(channel, OS_ERROR, struct.pack(">q", errnum) + text(strerror) + text(message))


def value(channel, content):
    return frame(channel, ENVIRON_VAR, b"\1" + text(content))


def started(channel):
    return frame(channel, STARTED, struct.pack(">q", 4711))


def exited(channel):
    return frame(channel, EXITED, struct.pack(">i?QQQ", 0, False, 0, 0, 0))


def file_info(channel, size):
    return frame(channel, FILE_INFO, text(b"file") + struct.pack(">QQQ", 0o644, size, 0))


def stat_result(channel, digest=None):
    body = text(b"file") + struct.pack(">Q", 0o644) + text(b"ann") + text(b"staff")
    body += struct.pack(">QQQ", 1, 2, 3) + (b"\0" if digest is None else b"\1" + text(digest))
    return frame(channel, STAT_RESULT, body)


class Far:
    """This side, as the client sees it."""

    def __init__(self, nonce):
        self.nonce = nonce
        self.input = b""
        self.left = None  # bytes that are said before it ends, with status 7; None: all

    def say(self, *pieces):
        rest = b"".join(pieces)
        ends = self.left is not None and len(rest) >= self.left
        if ends:
            rest = rest[:self.left]
        if self.left is not None:
            self.left -= len(rest)
        try:
            while rest:
                rest = rest[os.write(1, rest):]
        except OSError:
            os._exit(0)
        if ends:
            os._exit(7)

    def banner(self, protocol=b"2"):
        self.say(b"LONGREACH " + protocol + b" " + self.nonce + b" 0 channels=1024,terminal\n")

    def exactly(self, size):
        while len(self.input) < size:
            piece = os.read(0, 1 << 16)
            if not piece:
                os._exit(0)
            self.input += piece
        taken, self.input = self.input[:size], self.input[size:]
        return taken

    def packet(self):
        """Channel, id and the rest of the next one; Exit is obeyed."""
        length, channel, packet = struct.unpack(">III", self.exactly(12))
        body = self.exactly(length - 8)
        if (channel, packet) == (0, EXIT):
            os._exit(0)
        return channel, packet, body

    def request(self):
        while True:
            channel, packet, _ = self.packet()
            if packet in REQUESTS or (packet == CHECK_ALIVE and channel != 0):
                return channel, packet

    def until(self, channel, packet):
        while self.packet()[:2] != (channel, packet):
            pass

    def silence(self):
        while True:
            self.packet()

    def answer(self, channel, packet):
        """As a dispatcher should."""
        if packet == GETENV:
            self.say(value(channel, b"value"))
        elif packet == STAT:
            self.say(stat_result(channel))
        elif packet == CHECK_ALIVE:
            self.say(frame(channel, ACK))
        elif packet == READ:
            self.say(file_info(channel, 7), data(channel, 1, b"content"), eof(channel, 1),
                     frame(channel, OK))
        elif packet == WRITE:
            self.say(window(channel, 0, 1 << 30))
            self.until(channel, EOF)
            self.say(frame(channel, WRITTEN, b"\0"))
        else:
            self.say(started(channel), data(channel, 1, b"output"), data(channel, 2, b"error"),
                     eof(channel, 2), eof(channel, 1), exited(channel), frame(channel, CLOSED))

    def serve(self):
        while True:
            self.answer(*self.request())


# What stands in the place of a banner


def says_nothing(far):
    while os.read(0, 1 << 16):
        pass
    os._exit(0)


def half_a_banner(far):
    far.say(b"LONGREACH 2 " + far.nonce)
    says_nothing(far)


def endless(descriptor, piece):
    def go_on(far):
        try:
            while True:
                os.write(descriptor, piece * (65536 // len(piece)))
        except OSError:
            os._exit(0)
    return go_on


def silent_and_deaf(far):
    while True:
        time.sleep(10)


def ends_itself(far):
    os.kill(os.getpid(), signal.SIGKILL)


def says_why(far):
    os.write(2, b"web: \33[1mno\33[0m such \0 container\377\n")
    os._exit(125)


def prints_and_ends(far):
    far.say(b"Welcome to web!\r\nThis account is not available.\r\n")
    os._exit(1)


def closes_its_output(far):
    os.close(1)
    says_nothing(far)


def closes_its_input_first(far):
    os.close(0)
    far.banner()
    silent_and_deaf(far)


INSTEAD_OF_A_BANNER = {
    "silent": says_nothing,
    "half-a-banner": half_a_banner,
    "old-protocol": lambda far: (far.banner(b"1"), says_nothing(far)),
    "new-protocol": lambda far: (far.say(b"Welcome! "), far.banner(b"17"), says_nothing(far)),
    "another-nonce": lambda far: (far.say(b"LONGREACH 2 0123456789abcdef 0 terminal\n"),
                                  says_nothing(far)),
    "endless-noise": endless(1, b"noise without an end, "),
    "endless-lines": endless(1, b"\n"),
    "endless-zeros": endless(1, b"\0"),
    "endless-stderr": endless(2, b"complaint\n"),
    "deaf": silent_and_deaf,
    "exits": lambda far: os._exit(7),
    "is-killed": ends_itself,
    "says-why": says_why,
    "prints-and-ends": prints_and_ends,
    "closes-its-output": closes_its_output,
    "closes-its-input-first": closes_its_input_first,
}


# What is said when the first request has come, whatever it is

AT_THE_FIRST_REQUEST = {
    "garbage": lambda channel: b"\xff" * 1000,
    "text": lambda channel: b"Connection closed by foreign host.\n",
    "zeros": lambda channel: bytes(1000),
    "oversized": lambda channel: u32((4 << 20) + 5, channel, ENVIRON_VAR),
    "largest-length": lambda channel: u32(0xffffffff, channel, DATA, 1),
    "no-room": lambda channel: u32(7, channel, 0),
    "another-banner": lambda channel: b"LONGREACH 2 0123456789abcdef 0 terminal\n",
    "unknown-packet": lambda channel: frame(channel, 4711, b"what is this?"),
    "unknown-packet-0": lambda channel: frame(0, 23),
    "a-request": lambda channel: frame(channel, CHECK_ALIVE),
    "plain-answer": lambda channel: frame(channel, 6, b"\0\0\0\0\0\0"),
    "no-such-channel": lambda channel: frame(99, ACK),
    "no-such-channel-data": lambda channel: data(99, 1, b"x"),
    "no-such-channel-eof": lambda channel: eof(99, 1),
    "no-such-channel-window": lambda channel: window(99, 0, 1),
    "no-such-channel-error": lambda channel: os_error(99, 2, b"No", b"no"),
    "channel-0": lambda channel: frame(0, CLOSED),
    "wrong-kind": lambda channel: frame(channel, GROUP_ENTRY, text(b"g") + bytes(16)),
    "stream-0": lambda channel: data(channel, 0, b"x"),
    "stream-9": lambda channel: data(channel, 9, b"x"),
    "too-much-data": lambda channel: u32(20 + (128 << 10) + 1, channel, DATA, 1, 0, (128 << 10) + 1),
    "data-at-once": lambda channel: data(channel, 1, b"x"),
    "eof-at-once": lambda channel: eof(channel, 1),
    "too-much-credit": lambda channel: window(channel, 0, 0xffffffff),
    "credit-for-an-output": lambda channel: window(channel, 1, 1),
    "nul-in-an-error": lambda channel: os_error(channel, 2, b"No such file", b"can\0not"),
    "a-bool-of-2": lambda channel: frame(channel, WRITTEN, b"\2"),
    "two-billion-items": lambda channel: frame(channel, GROUP_ENTRY,
                                               text(b"g") + bytes(8) + b"\0\0\0\0\x80\0\0\0"),
    "a-string-without-end": lambda channel: frame(channel, ENVIRON_VAR, b"\1\x7f" + b"\xff" * 7),
    "behind-a-packet": lambda channel: frame(channel, ACK, b"x"),
}


# What is said to one kind of request


def file_of(far, channel, *packets):
    far.say(file_info(channel, 10), *packets)


IN_ANSWER = {
    # Getenv
    "nul-in-a-value": lambda far, c: far.say(value(c, b"a\0b")),
    "twice": lambda far, c: far.say(value(c, b"first"), value(c, b"second")),
    "final-and-data": lambda far, c: far.say(value(c, b"first"), data(c, 1, b"x")),
    "final-and-window": lambda far, c: far.say(value(c, b"first"), window(c, 0, 0xffffffff)),
    "escapes-in-an-error": lambda far, c: far.say(
        os_error(c, 13, b"\33[2Jdenied\r\n", b"cannot \33]0;owned\7 \xff\xfe read\x9b")),
    "strange-errno": lambda far, c: far.say(os_error(c, -2 ** 63, b"", b"")),
    "long-error": lambda far, c: far.say(
        os_error(c, 5, b"Input/output error", b"x" * ((4 << 20) - 200))),
    "escapes-in-a-field": lambda far, c: far.say(
        frame(c, INVALID_FIELD, text(b"k\33[1me\ny") + text(b"is\r\nwrong"))),
    # Stat
    "short-digest": lambda far, c: far.say(stat_result(c, b"short")),
    "long-digest": lambda far, c: far.say(stat_result(c, b"x" * 100000)),
    # Spawn
    "started-twice": lambda far, c: far.say(started(c), started(c)),
    "exited-twice": lambda far, c: far.say(started(c), exited(c), exited(c)),
    "exited-without-started": lambda far, c: far.say(exited(c)),
    "closed-without-started": lambda far, c: far.say(frame(c, CLOSED)),
    "closed-without-exited": lambda far, c: far.say(started(c), frame(c, CLOSED)),
    "closed-twice": lambda far, c: far.say(started(c), exited(c), frame(c, CLOSED),
                                           frame(c, CLOSED)),
    "eof-twice": lambda far, c: far.say(started(c), eof(c, 2), eof(c, 2)),
    "data-behind-eof": lambda far, c: far.say(started(c), eof(c, 2), data(c, 2, b"x")),
    "output-before-started": lambda far, c: far.say(data(c, 1, b"x")),
    "output-without-end": lambda far, c: (far.say(started(c)), flood(far, c)),
    # Read
    "info-twice": lambda far, c: file_of(far, c, file_info(c, 10)),
    "content-before-info": lambda far, c: far.say(data(c, 1, b"x")),
    "ok-without-info": lambda far, c: far.say(frame(c, OK)),
    "ok-without-eof": lambda far, c: file_of(far, c, data(c, 1, b"0123456789"), frame(c, OK)),
    "ok-before-content": lambda far, c: file_of(far, c, eof(c, 1), frame(c, OK),
                                                data(c, 1, b"0123456789")),
    "on-the-error-stream": lambda far, c: file_of(far, c, data(c, 2, b"0123456789")),
    "past-the-window": lambda far, c: file_of(
        far, c, *[data(c, 1, bytes(64 << 10))] * 1000),
    # Write
    "written-at-once": lambda far, c: far.say(frame(c, WRITTEN, b"\0")),
    "written-twice": lambda far, c: (far.until(c, EOF), far.say(frame(c, WRITTEN, b"\0") * 2)),
    "output-of-a-write": lambda far, c: far.say(data(c, 1, b"x")),
}


# Trees


def record(kind, *fields):
    """Texts and numbers."""
    body = b"".join(struct.pack(">H", len(field)) + field + b"\0" if isinstance(field, bytes)
                    else struct.pack(">Q", field) for field in fields)
    return kind + u32(len(body)) + body


def entered(name, mode=0o755):
    return record(b"D", name, b"", b"", mode, 0)


LEFT, ALL = record(b"U"), record(b"Z")


def content(size):
    return b"C" + u32(size) + b"c" * size


def tree_file(name, size=4, sent=4, mode=0o644, number=0):
    return record(b"F", name, b"", b"", mode, 0, size, number) + (content(sent) if sent else b"")


def link(name, target):
    return record(b"L", name, target, b"", b"", 0)


def same(name, number):
    return record(b"S", name, number)


def top(*records):
    return entered(b"") + b"".join(records) + LEFT + ALL


DEEP = 5000

TREES = {
    "name-up": top(tree_file(b"../outside/planted")),
    "name-dots": top(tree_file(b"..")),
    "name-dot": top(tree_file(b".")),
    "name-slash": top(tree_file(b"sub/planted")),
    "name-absolute": top(tree_file(b"/tmp/planted")),
    "name-empty": top(tree_file(b"")),
    "name-long": top(tree_file(b"x" * 256)),
    "name-nul": top(record(b"F", b"a\0b", b"", b"", 0o644, 0, 0, 0)),
    "directory-up": top(entered(b".."), tree_file(b"planted"), LEFT),
    "link-up": top(link(b"..", b"x")),
    "long-owner": top(record(b"F", b"file", b"x" * 64, b"", 0o644, 0, 0, 0)),
    "same-up": top(tree_file(b"one", number=1), same(b"../outside/planted", 1)),
    "named-top": entered(b"outside") + LEFT + ALL,
    "two-tops": top()[:-len(ALL)] + tree_file(b"") + ALL,
    "left-twice": entered(b"") + LEFT + LEFT + ALL,
    "not-left": entered(b"") + ALL,
    "no-end": entered(b"") + LEFT,
    "nothing": ALL,
    "behind-the-end": top() + ALL,
    "unknown": top(record(b"B", b"device")),
    "too-much-content": top(tree_file(b"file", 3, 4)),
    "too-little-content": top(tree_file(b"file", 5, 4)),
    "content-of-nothing": top(content(4)),
    "hole-of-nothing": top(record(b"H", 4)),
    "abandoned-nothing": top(record(b"A")),
    "long-hole": top(tree_file(b"file", 4, 0), record(b"H", 5)),
    "endless-size": top(tree_file(b"file", 1 << 63, 4)),
    "same-of-nothing": top(same(b"file", 1)),
    "same-of-itself": top(same(b"file", 0)),
    "wrong-number": top(tree_file(b"file", number=7)),
    "endless-depth": entered(b"") + entered(b"d") * DEEP,
    "huge-record": b"D" + u32(1 << 30),
    "cut-text": top(b"D" + u32(3) + b"\0\5x"),
    # What could come from an honest one that changes meanwhile
    "link-then-directory": top(link(b"way", b"../outside"), entered(b"way"),
                               tree_file(b"planted"), LEFT),
    "link-then-file": top(link(b"way", b"../outside/kept"), tree_file(b"way")),
    "absolute-link-then-directory": top(link(b"way", b"/"), entered(b"way"), LEFT),
    "file-twice": top(tree_file(b"file"), tree_file(b"file")),
    "two-links": top(link(b"one", b"x"), link(b"two", b"x")),
    "two-names": top(tree_file(b"one", number=1), same(b"two", 1)),
    "directory-twice": top(entered(b"sub"), LEFT, entered(b"sub"), tree_file(b"planted"), LEFT),
    "file-then-directory": top(tree_file(b"file"), entered(b"file"), tree_file(b"x"), LEFT),
    "problem-for-a-terminal": top(record(b"P", b"\x1b[2Jname", b"cannot\x1b]0;x\x07\nread", 5)),
    "set-id": top(tree_file(b"file", mode=0o6755), entered(b"sub", 0o7777), LEFT),
}


def give_tree(records):
    def answer(far, channel):
        # Pieces of an odd size, so that records are cut anywhere.
        pieces = [data(channel, 1, records[i:i + 7919]) for i in range(0, len(records), 7919)]
        far.say(frame(channel, TREE_PLACE, text(b"/x")), *pieces, eof(channel, 1),
                frame(channel, OK))
    return answer


IN_ANSWER.update({"tree-" + name: give_tree(records) for name, records in TREES.items()})
IN_ANSWER.update({
    "tree-without-place": lambda far, c: far.say(data(c, 1, ALL)),
    "put-tree-tells-a-tree": lambda far, c: far.say(frame(c, TREE_PLACE, text(b"/x")),
                                                    data(c, 1, top())),
})


def flood(far, channel):
    while True:
        far.say(data(channel, 1, bytes(64 << 10)))


# What goes on behind the first request


BEHIND_A_REQUEST = {
    "half-a-frame": lambda far, channel: far.say(value(channel, b"value")[:15]),
    "half-a-header": lambda far, channel: far.say(u32(40)[:3]),
    "half-a-data": lambda far, channel: far.say(started(channel), data(channel, 1, bytes(99))[:70]),
    "no-answer": lambda far, channel: None,
}


def endless_acks(far):
    far.request()
    endless(1, frame(0, ACK))(far)


def endless_complaints(far):
    if os.fork() == 0:
        endless(2, b"complaint\n")(far)
    far.serve()


def closes_its_input(far):
    far.request()
    os.close(0)
    silent_and_deaf(far)


def closes_its_output_later(far):
    far.request()
    closes_its_output(far)


def exits_with_a_request(far):
    far.request()
    os.write(2, b"out of luck\n")
    os._exit(9)


AFTERWARDS = {
    "deaf-afterwards": silent_and_deaf,
    "endless-acks": endless_acks,
    "endless-complaints": endless_complaints,
    "closes-its-input": closes_its_input,
    "closes-its-output-later": closes_its_output_later,
    "exits-with-a-request": exits_with_a_request,
    "is-killed-later": lambda far: (far.request(), ends_itself(far)),
    "exits-between-requests": lambda far: (far.answer(*far.request()), os._exit(3)),
    "good": Far.serve,
}


def main(mode, option, nonce):
    far = Far(nonce.encode())
    if mode in INSTEAD_OF_A_BANNER:
        INSTEAD_OF_A_BANNER[mode](far)
        return
    if mode.startswith("cut-"):
        far.left = int(mode.removeprefix("cut-"))
        mode = "good"
    far.banner()
    if mode in AFTERWARDS:
        AFTERWARDS[mode](far)
    channel, _ = far.request()
    if mode in AT_THE_FIRST_REQUEST:
        far.say(AT_THE_FIRST_REQUEST[mode](channel))
    elif mode in IN_ANSWER:
        IN_ANSWER[mode](far, channel)
    else:
        BEHIND_A_REQUEST[mode](far, channel)
    far.silence()


if __name__ == "__main__":
    main(*sys.argv[1:])
