"""The client's end of a session, from docs/protocol.md.

It holds everything that comes against the page: nothing but frames, each packet whole, nothing on a
channel before Started or FileInfo, behind an Eof, beyond a window or behind the final packet.  One
thread does it all: sending only queues, and whatever waits moves both directions meanwhile, so that
neither end ever waits for the other.
"""

import collections
import os
import select
import struct
import subprocess
import time

import packets
from checks import Room, expect_answer, shorten
from machine import environment
from packets import Answer, decode_field, decode_fields, encode_bytes, encode_packet, u32

PATIENCE = 60
WINDOW = 256 << 10
WINDOW_LIMIT = (1 << 31) - 1
DATA_LIMIT = 128 << 10
PACKET_LIMIT = 4 << 20
FOREVER = (1 << 64) - 1
PIECE = 1 << 20

REQUESTS = {
    **packets.REQUESTS,
    "Hello": (256, "features:list data_size:u32 lease:u32"),
    "Data": (257, "stream:u32 content:bytes"),
    "Eof": (258, "stream:u32"),
    "Window": (259, "stream:u32 credit:u32"),
    "Cancel": (260, ""),
    "Spawn": (261, "command:list environment:list unset:list user:str? group:str? umask:str? "
                   "cwd:str? with_input:bool with_output:bool timeout:u64 linger:i64 term:str? "
                   "rows:u32 columns:u32"),
    "Signal": (265, "number:u32"),
    "Resize": (266, "rows:u32 columns:u32"),
    "Write": (267, "file:str mode:str? owner:str? group:str? preserve:bool size:i64 sync:bool"),
    "Read": (269, "file:str offset:u64 length:u64"),
    "List": (271, "path:str follow_links:bool itself:bool"),
    "MakeDirectory": (273, "path:str mode:str? owner:str? group:str? parents:bool"),
    "Remove": (274, "path:str recursive:bool"),
    "Rename": (275, "source:str target:str replace:bool"),
    "Link": (276, "target:str path:str symbolic:bool replace:bool"),
    "ReadLink": (277, "path:str"),
    "SetAttributes": (278, "path:str follow_links:bool recursive:bool mode:str? owner:str? "
                           "group:str? set_atime:bool atime:i64 set_mtime:bool mtime:i64"),
    "MakeTemporary": (279, "directory:str? prefix:str is_directory:bool"),
    "FileSystem": (280, "path:str"),
    "SpawnAsking": (282, "command:list environment:list"),
    "Keys": (283, "text:str"),
    "PutTree": (290, "path:str name:str place:u32 preserve:bool"),
    "GetTree": (291, "path:str follow_links:bool preserve:bool count:bool"),
}

ANSWERS = {
    **packets.ANSWERS,
    257: ("Data", "stream:u32 content:bytes"),
    258: ("Eof", "stream:u32"),
    259: ("Window", "stream:u32 credit:u32"),
    262: ("Started", "pid:i64"),
    263: ("Exited", "returncode:i32 timed_out:bool user_time:u64 system_time:u64 "
                    "max_resident:u64"),
    264: ("Closed", ""),
    268: ("Written", "in_place:bool"),
    270: ("FileInfo", "type:str mode:u64 size:u64 mtime:u64"),
    272: ("DirectoryEntry", "name:str type:str mode:u64 owner:str group:str size:u64 mtime:u64 "
                            "ctime:u64 device:u64 inode:u64 links:u64 blocks:u64 target:str?"),
    281: ("FileSystemInfo", "block_size:u64 size:u64 free:u64 available:u64 files:u64 "
                            "files_free:u64 name_max:u64 read_only:bool"),
    292: ("TreePlace", "path:str"),
    293: ("TreeDone", "directories:u64 files:u64 links:u64 bytes:u64"),
}

FINAL = {"Ok", "Ack", "StatResult", "ResolveResult", "UserEntry", "GroupEntry", "EnvironVar",
         "Closed", "Written", "FileSystemInfo", "TreeDone", "OSError", "InvalidField", "ProcessError"}


# Frames


def frame(channel, packet):
    return u32(4 + len(packet)) + u32(channel) + packet


def encode(name, /, **fields):
    return encode_packet(*REQUESTS[name], fields)


def data(content, stream=0):
    return u32(257) + u32(stream) + encode_bytes(content)


def decode(packet):
    position = 0

    def take(size):
        nonlocal position
        position += size
        assert position <= len(packet), f"a frame ends inside its packet: {shorten(packet)}"
        return packet[position - size:position]

    number = decode_field("u32", take)
    assert number in ANSWERS, f"packet {number} is no answer"
    name, layout = ANSWERS[number]
    answer = Answer(name, decode_fields(layout, take))
    assert position == len(packet), f"a frame goes on behind its packet: {shorten(packet)}"
    return answer


# A channel


class Channel:
    """One request, and what has come for it."""

    def __init__(self, session, number, outputs=2):
        self.session = session
        self.number = number
        self.answers = collections.deque()  # but for Data, Eof and Window; next takes them
        streams = range(1, outputs + 1)
        self.content = {stream: bytearray() for stream in streams}
        self.received = dict.fromkeys(streams, 0)
        self.allowed = dict.fromkeys(streams, WINDOW)
        self.ended = set()
        self.credit = WINDOW  # what we may send on stream 0
        self.generous = True  # it gives credit as content comes
        self.opened = False
        self.final = None

    # What comes

    def take(self, answer):
        assert self.final is None, f"{shorten(answer)} comes behind the final {self.final.name}"
        if answer.name == "Data":
            self.take_data(**answer.fields)
        elif answer.name == "Eof":
            self.take_eof(**answer.fields)
        elif answer.name == "Window":
            self.take_credit(**answer.fields)
        else:
            self.opened = self.opened or answer.name in (
                "Started", "FileInfo", "TreePlace")
            self.answers.append(answer)
            if answer.name in FINAL:
                self.final = answer

    def take_data(self, stream, content):
        assert self.opened, "Data comes before Started or FileInfo"
        assert stream in self.content, f"Data comes on stream {stream}"
        assert stream not in self.ended, "Data comes behind Eof"
        assert len(content) <= self.session.data_size, f"{len(content)} bytes come in one Data"
        self.session.largest = max(self.session.largest, len(content))
        self.received[stream] += len(content)
        assert self.received[stream] <= self.allowed[stream], "Data comes beyond the window"
        self.content[stream] += content
        if self.generous and self.allowed[stream] - self.received[stream] <= WINDOW // 2:
            self.give(WINDOW // 2, stream)

    def take_eof(self, stream):
        assert self.opened, "Eof comes before Started or FileInfo"
        assert stream in self.content and stream not in self.ended, f"Eof comes for {stream}"
        self.ended.add(stream)

    def take_credit(self, stream, credit):
        assert stream == 0, f"credit comes for stream {stream}"
        self.credit += credit
        assert self.credit <= WINDOW_LIMIT, "the credit overflows"

    # What is asked of it

    def send(self, name, /, **fields):
        self.session.send(self.number, encode(name, **fields))

    def give(self, credit, stream=1):
        self.allowed[stream] += credit
        self.send("Window", stream=stream, credit=credit)

    def push(self, content):
        """Send, whatever the window says."""
        self.credit -= len(content)
        for start in range(0, len(content), DATA_LIMIT):
            self.session.send(self.number, data(content[start:start + DATA_LIMIT]))

    def write(self, content):
        """Send as the window allows, until all is sent or the channel is closed."""
        view = memoryview(content)
        while view:
            self.until(lambda: self.credit > 0 or self.final, "no credit came")
            if self.final:
                return
            size = min(len(view), self.credit)
            self.push(bytes(view[:size]))
            view = view[size:]

    def eof(self):
        self.send("Eof", stream=0)

    def until(self, condition, what, seconds=PATIENCE):
        self.session.until(condition, what, seconds)

    def next(self, seconds=PATIENCE):
        """The next answer that is no Data, Eof or Window."""
        self.until(lambda: self.answers, "no answer came in time", seconds)
        return self.answers.popleft()

    def expect(self, name, /, seconds=PATIENCE, **fields):
        return expect_answer(self.next(seconds), name, **fields)

    def expect_invalid(self, field):
        assert self.expect("InvalidField", field=field)["error_message"], "there is no message"

    def expect_errno(self, number):
        fields = self.expect("OSError", errno=number, strerror=os.strerror(number))
        assert fields["msg"], "there is no message"

    def expect_output(self, expected, stream=1):
        """The next output, up to where EXPECTED ends."""
        content = self.content[stream]
        self.until(lambda: len(content) >= len(expected) or self.final or stream in self.ended,
                   f"no more output came than {shorten(bytes(content))}")
        got = bytes(content[:len(expected)])
        assert got == expected, f"the output is {shorten(got)}, expected {shorten(expected)}"
        del content[:len(expected)]

    def line(self, stream=1):
        content = self.content[stream]
        self.until(lambda: b"\n" in content or self.final or stream in self.ended,
                   f"no line came, but {shorten(bytes(content))}")
        line, newline, _ = bytes(content).partition(b"\n")
        assert newline, f"the output ended with {shorten(line)}"
        del content[:len(line) + 1]
        return line.rstrip(b"\r")

    def started(self):
        """The process id of a Spawn."""
        return self.expect("Started")["pid"]


# The session


class Session:
    """A dispatcher, and the client's end of its session."""

    def __init__(self, command, environment, nonce="Zebra7", options=(), prefix=(), hello=None,
                 **popen):
        """HELLO: fields of the Hello that is sent at once; False: none is."""
        self.process = subprocess.Popen([*prefix, *command, "--session", nonce, *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment, bufsize=0, **popen)
        for pipe in self.pipes():
            os.set_blocking(pipe.fileno(), False)
        self.outgoing = bytearray()
        self.incoming = bytearray()
        self.stderr = b""
        self.open = {self.process.stdout, self.process.stderr}
        self.input_ended = False
        self.reading = True
        self.banner = None
        self.channels = {}
        self.last = 0
        self.raw = False
        self.acks = 0  # on channel 0
        self.data_size = DATA_LIMIT
        self.largest = 0  # of the Data that came
        if hello is not False:
            self.hello(**(hello or {}))

    def pipes(self):
        return self.process.stdin, self.process.stdout, self.process.stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in self.pipes():
            pipe.close()

    def hello(self, features=(), data_size=0, lease=0):
        if data_size:
            self.data_size = max(1024, min(data_size, DATA_LIMIT))
        self.send(0, encode("Hello", features=features, data_size=data_size, lease=lease))

    def send(self, channel, packet):
        self.outgoing += frame(channel, packet)

    def send_raw(self, content):
        """Frames of any kind, or something else; what comes for channels they open is dropped."""
        self.outgoing += content
        self.raw = True

    def request(self, name, /, number=None, **fields):
        """A request on a channel that it opens."""
        self.last = number or self.last + 1
        outputs = 3 if name == "SpawnAsking" else 2
        channel = self.channels[self.last] = Channel(self, self.last, outputs)
        channel.send(name, **fields)
        return channel

    def raw_request(self, packet):
        self.last += 1
        channel = self.channels[self.last] = Channel(self, self.last)
        self.send(self.last, packet)
        return channel

    def ask(self, name, expected, /, **fields):
        """A request with one answer, whose name is EXPECTED; the answer's fields."""
        channel = self.request(name, **fields)
        answer = channel.expect(expected)
        assert channel.final, f"{expected} is not final"
        return answer

    # Moving bytes

    def turn(self, seconds):
        """Move what can be moved; wait for that at most SECONDS."""
        self.close_input_if_ended()
        poll = select.poll()
        descriptors = {}
        for pipe in self.open:
            if pipe is self.process.stderr or self.reading:
                descriptors[pipe.fileno()] = pipe
                poll.register(pipe, select.POLLIN)
        if self.outgoing and not self.process.stdin.closed:
            descriptors[self.process.stdin.fileno()] = self.process.stdin
            poll.register(self.process.stdin, select.POLLOUT)
        for descriptor, _ in poll.poll(max(0, seconds) * 1000):
            pipe = descriptors[descriptor]
            if pipe is self.process.stdin:
                self.write()
            elif piece := pipe.read(PIECE):
                self.received(pipe, piece)
            else:
                self.open.discard(pipe)
        self.close_input_if_ended()

    def close_input_if_ended(self):
        if self.input_ended and not self.outgoing:
            self.process.stdin.close()

    def write(self):
        try:
            del self.outgoing[:os.write(self.process.stdin.fileno(), self.outgoing[:DATA_LIMIT])]
        except BrokenPipeError:
            self.outgoing.clear()

    def received(self, pipe, piece):
        if pipe is self.process.stderr:
            self.stderr += piece
            return
        self.incoming += piece
        if self.banner is None:
            line, newline, rest = bytes(self.incoming).partition(b"\n")
            if newline:
                self.banner = line
                self.incoming = bytearray(rest)
        if self.banner is not None:
            self.take_frames()

    def take_frames(self):
        position = 0
        while len(self.incoming) - position >= 12:
            size, channel, number = struct.unpack_from(">III", self.incoming, position)
            limit = 20 + DATA_LIMIT if number == 257 else 4 + PACKET_LIMIT
            assert 8 <= size <= limit, f"a frame has {size} bytes: {bytes(self.incoming[:40])}"
            if len(self.incoming) - position < 4 + size:
                break
            packet = bytes(self.incoming[position + 8:position + 4 + size])
            position += 4 + size
            self.take(channel, decode(packet))
        del self.incoming[:position]

    def take(self, channel, answer):
        if channel in self.channels:
            self.channels[channel].take(answer)
        elif channel != 0:
            assert self.raw, f"{shorten(answer)} comes on channel {channel}"
        else:
            assert answer.name == "Ack", f"{shorten(answer)} comes on channel 0"
            self.acks += 1

    def until(self, condition, what, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, what
            assert self.process.stdout in self.open or not self.reading, (
                f"{what}: the output ended; standard error: {self.stderr!r}")
            self.turn(left)

    def flush(self):
        self.until(lambda: not self.outgoing, "the dispatcher stopped reading")

    def check_alive(self):
        """A round trip on channel 0."""
        before = self.acks
        self.send(0, encode("CheckAlive"))
        self.until(lambda: self.acks > before, "no Ack came")

    # The end

    def end_input(self):
        self.input_ended = True

    def wait(self, seconds=PATIENCE):
        """Its exit status and what it wrote to standard error."""
        deadline = time.monotonic() + seconds
        while self.open:
            left = deadline - time.monotonic()
            assert left > 0, "the dispatcher didn't end"
            self.turn(left)
        try:
            status = self.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError("the dispatcher closed its output and didn't end") from None
        assert not (self.reading and self.incoming), (
            f"its output ends with {shorten(bytes(self.incoming))}")
        return status, self.stderr

    def finish(self, seconds=PATIENCE):
        self.end_input()
        status = self.wait(seconds)
        assert status == (0, b""), f"the dispatcher ended with {status}"


# What checks work with


class SessionRoom(Room):
    """A directory, and a session that checks share until one fails: nobody knows what is still to
    come then."""

    def __init__(self, command):
        self.command = command
        self.shared = None

    def start(self):
        return Session(self.command, environment(TMPDIR=self.directory))

    @property
    def session(self):
        if self.shared is None or self.shared.process.poll() is not None:
            self.shared = self.start()
        return self.shared

    def discard(self):
        if self.shared is not None:
            self.shared.__exit__()
            self.shared = None

    def ask(self, name, expected="Ok", /, **fields):
        return self.session.ask(name, expected, **fields)

    def fails(self, number, name, /, **fields):
        self.session.request(name, **fields).expect_errno(number)

    def refused(self, field, name, /, **fields):
        self.session.request(name, **fields).expect_invalid(field)
