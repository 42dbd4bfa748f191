#!/usr/bin/env python3
"""A second dispatcher for the plain protocol, written from docs/protocol.md.

It shows that the page is enough to write one, tests the client that tests the real one, and is the
"any plain dispatcher program" of the connector tests.  It favours plainness over speed: content is
held in memory.

One thread reads requests, one writes answers, and the main one carries them out in order.  The first
two never wait for the third, so a client may write and read in whatever order it likes.
"""

import collections
import contextlib
import errno
import grp
import hashlib
import os
import pwd
import queue
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

STRING_LIMIT = 4 << 20
LIST_LIMIT = 65536
BYTES_LIMIT = 16 << 30
TOTAL_LIMIT = 16 << 20
LARGEST_ID = 4294967294

HANGUP_AFTER = 1.0
KILL_AFTER = 5.0
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

REQUESTS = {
    2: ("CheckAlive", []),
    3: ("Exit", []),
    8: ("ProcessRun", [("command", "list"), ("stdin", "optional bytes"),
                       ("capture_output", "bool"), ("user", "optional str"),
                       ("group", "optional str"), ("umask", "optional str"),
                       ("cwd", "optional str")]),
    10: ("Stat", [("path", "str"), ("follow_links", "bool"), ("sha512sum", "bool")]),
    12: ("ResolveUser", [("user", "optional str")]),
    13: ("ResolveGroup", [("group", "optional str")]),
    14: ("Upload", [("file", "str"), ("content", "bytes"), ("mode", "optional str"),
                    ("owner", "optional str"), ("group", "optional str")]),
    16: ("Download", [("file", "str")]),
    18: ("QueryUser", [("user", "str"), ("query_password_hash", "bool")]),
    20: ("QueryGroup", [("group", "str")]),
    22: ("Getenv", [("key", "str")]),
}

ANSWERS = {
    "Ok": (0, ()),
    "Ack": (1, ()),
    "OSError": (4, ("i64", "str", "str")),
    "InvalidField": (5, ("str", "str")),
    "ProcessCompleted": (6, ("optional bytes", "optional bytes", "i32")),
    "ProcessError": (7, ("str",)),
    "StatResult": (9, ("str", "u64", "str", "str", "u64", "u64", "u64", "optional bytes")),
    "ResolveResult": (11, ("str",)),
    "DownloadResult": (15, ("bytes",)),
    "UserEntry": (17, ("str", "i64", "str", "i64", "list", "optional str", "str", "str", "str")),
    "GroupEntry": (19, ("str", "i64", "list")),
    "EnvironVar": (21, ("optional str",)),
}

Request = collections.namedtuple("Request", "name fields")


class Malformed(Exception):
    """The stream can't be understood any further."""


class Failure(Exception):
    """The request is answered with this packet instead of the one it hoped for."""

    def __init__(self, *answer):
        super().__init__(answer)
        self.answer = answer


def invalid(field, why):
    return Failure("InvalidField", field, why)


def os_failure(error, what):
    return Failure("OSError", error.errno or 0, os.strerror(error.errno or 0),
                   f"cannot {what}: {os.strerror(error.errno or 0)}")


@contextlib.contextmanager
def trying(what):
    """Operating system errors inside become OSError answers."""
    try:
        yield
    except OSError as error:
        raise os_failure(error, what) from None


# The stream


class Input:
    """The requests, decoded."""

    def __init__(self, stream):
        self.stream = stream
        self.total = 0

    def exactly(self, size):
        pieces = []
        while size > 0:
            piece = self.stream.read(min(size, 1 << 20))
            if not piece:
                raise Malformed("the input ends inside a packet")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def u64(self):
        return struct.unpack(">Q", self.exactly(8))[0]

    def bool(self, what):
        value = self.exactly(1)[0]
        if value > 1:
            raise Malformed(f"{what} is {value}, and a bool is 0 or 1")
        return value == 1

    def bytes(self, what, limit):
        size = self.u64()
        if size > limit:
            raise Malformed(f"{what} is {size} bytes long, and the limit is {limit}")
        return size

    def str(self, what):
        size = self.bytes(what, STRING_LIMIT)
        self.total += size + 1
        if self.total > TOTAL_LIMIT:
            raise Malformed(f"the strings up to {what} need more than {TOTAL_LIMIT} bytes in all")
        return self.exactly(size)

    def field(self, what, kind):
        if kind.startswith("optional "):
            if not self.bool("the presence of " + what):
                return None
            kind = kind[len("optional "):]
        if kind == "bool":
            return self.bool(what)
        if kind == "str":
            return self.str(what)
        if kind == "bytes":
            return self.exactly(self.bytes(what, BYTES_LIMIT))
        count = self.u64()
        if count > LIST_LIMIT:
            raise Malformed(f"{what} has {count} items, and the limit is {LIST_LIMIT}")
        return [self.str(what) for _ in range(count)]

    def request(self):
        """The next request; None at the end of input."""
        first = self.stream.read(1)
        if not first:
            return None
        number = struct.unpack(">I", first + self.exactly(3))[0]
        if number not in REQUESTS:
            raise Malformed(f"packet id {number} is not that of a request")
        name, layout = REQUESTS[number]
        self.total = 0
        return Request(name, {field: self.field(f"{name}: {field}", kind)
                              for field, kind in layout})


def encode(name, *values):
    number, kinds = ANSWERS[name]
    pieces = [struct.pack(">I", number)]

    def add_bytes(value):
        value = os.fsencode(value)
        pieces.append(struct.pack(">Q", len(value)))
        pieces.append(value)

    for kind, value in zip(kinds, values, strict=True):
        if kind.startswith("optional "):
            pieces.append(b"\0" if value is None else b"\1")
            if value is not None:
                add_bytes(value)
        elif kind in ("str", "bytes"):
            add_bytes(value)
        elif kind == "list":
            pieces.append(struct.pack(">Q", len(value)))
            for item in value:
                add_bytes(item)
        else:
            pieces.append(struct.pack({"i32": ">i", "i64": ">q", "u64": ">Q"}[kind], value))
    return b"".join(pieces)


class Ending:
    """When the input ended, or a signal or a closed output ended everything.

    The pipe becomes readable as soon as one of these has happened, so that a wait for a command
    can wait for it too."""

    def __init__(self):
        self.since = None
        self.dropped = False
        self.wakeup, self.waker = os.pipe()

    def begin(self, dropped=False):
        self.dropped = self.dropped or dropped
        if self.since is None:
            self.since = time.monotonic()
            os.write(self.waker, b"!")

    def deadline(self, seconds):
        return None if self.since is None else self.since + seconds

    def is_past(self, seconds):
        return self.since is not None and time.monotonic() >= self.since + seconds


# Users, groups, modes


def database_entry(by_name, by_id, text):
    """The entry of a name or decimal id, or None."""
    try:
        return by_name(os.fsdecode(text))
    except KeyError:
        pass
    number = decimal_id(text)
    try:
        return None if number is None else by_id(number)
    except KeyError:
        return None


def decimal_id(text):
    if re.fullmatch(rb"[0-9]{1,20}", text) and int(text) <= LARGEST_ID:
        return int(text)
    return None


def user_entry(text, field):
    entry = database_entry(pwd.getpwnam, pwd.getpwuid, text)
    if entry is None:
        raise invalid(field, f"there is no user {os.fsdecode(text)}")
    return entry


def group_entry(text, field):
    entry = database_entry(grp.getgrnam, grp.getgrgid, text)
    if entry is None:
        raise invalid(field, f"there is no group {os.fsdecode(text)}")
    return entry


def user_name(number):
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number):
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def octal(text, field, largest):
    if not re.fullmatch(rb"[0-7]{1,4}", text) or int(text, 8) > largest:
        raise invalid(field, f"{field} must be one to four octal digits, at most {largest:o}")
    return int(text, 8)


# Requests


def handle_check_alive():
    return ("Ack",)


def handle_getenv(key):
    return "EnvironVar", None if key == b"" or b"=" in key else os.environb.get(key)


def handle_resolve_user(user):
    if user is None:
        return "ResolveResult", user_name(os.geteuid())
    return "ResolveResult", user_entry(user, "user").pw_name


def handle_resolve_group(group):
    if group is None:
        return "ResolveResult", group_name(os.getegid())
    return "ResolveResult", group_entry(group, "group").gr_name


def shadow_hash(name):
    with trying("read /etc/shadow"), open("/etc/shadow", "rb") as shadow:
        for line in shadow:
            fields = line.rstrip(b"\n").split(b":")
            if fields[0] == os.fsencode(name) and len(fields) > 1:
                return fields[1]
    raise invalid("user", f"{name} has no shadow entry")


def handle_query_user(user, query_password_hash):
    entry = user_entry(user, "user")
    password_hash = shadow_hash(entry.pw_name) if query_password_hash else None
    groups = [group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem]
    return ("UserEntry", entry.pw_name, entry.pw_uid, group_name(entry.pw_gid), entry.pw_gid, groups,
            password_hash, entry.pw_gecos, entry.pw_dir, entry.pw_shell)


def handle_query_group(group):
    entry = group_entry(group, "group")
    return "GroupEntry", entry.gr_name, entry.gr_gid, entry.gr_mem


FILE_TYPES = {
    stat.S_IFDIR: "dir", stat.S_IFCHR: "chr", stat.S_IFBLK: "blk", stat.S_IFREG: "file",
    stat.S_IFIFO: "fifo", stat.S_IFLNK: "link", stat.S_IFSOCK: "sock",
}


def handle_stat(path, follow_links, sha512sum):
    what = f"stat {os.fsdecode(path)}"
    try:
        info = os.stat(path, follow_symlinks=follow_links)
    except FileNotFoundError:
        raise invalid("path", f"{os.fsdecode(path)} does not exist") from None
    except OSError as error:
        raise os_failure(error, what) from None
    checksum = None
    if sha512sum and stat.S_ISREG(info.st_mode):
        with trying(f"read {os.fsdecode(path)}"), open(path, "rb") as file:
            hashing = hashlib.sha512()
            while piece := file.read(1 << 20):
                hashing.update(piece)
            checksum = hashing.digest()
    nanoseconds = (1 << 64) - 1
    return ("StatResult", FILE_TYPES.get(stat.S_IFMT(info.st_mode), "other"),
            stat.S_IMODE(info.st_mode), user_name(info.st_uid), group_name(info.st_gid),
            info.st_size, info.st_mtime_ns & nanoseconds, info.st_ctime_ns & nanoseconds, checksum)


def handle_download(file):
    try:
        with open(file, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > BYTES_LIMIT:
                raise OSError(errno.EMSGSIZE, "")
            return "DownloadResult", stream.read()
    except FileNotFoundError:
        raise invalid("file", f"{os.fsdecode(file)} does not exist") from None
    except OSError as error:
        raise os_failure(error, f"read {os.fsdecode(file)}") from None


def upload_ids(owner, group):
    """The uid and gid an uploaded file gets."""
    uid, gid = os.geteuid(), os.getegid()
    if owner is not None:
        entry = database_entry(pwd.getpwnam, pwd.getpwuid, owner)
        if entry is not None:
            uid, gid = entry.pw_uid, entry.pw_gid
        else:
            uid = decimal_id(owner)
            if uid is None:
                raise invalid("owner", f"there is no user {os.fsdecode(owner)}")
    if group is not None:
        entry = database_entry(grp.getgrnam, grp.getgrgid, group)
        gid = decimal_id(group) if entry is None else entry.gr_gid
        if gid is None:
            raise invalid("group", f"there is no group {os.fsdecode(group)}")
    return uid, gid


def resolve_target(file):
    """Where FILE leads, also if nothing is there yet."""
    for _ in range(40):
        try:
            link = os.readlink(file)
        except OSError:
            return file
        file = os.path.join(os.path.dirname(file), link)
    raise OSError(errno.ELOOP, "")


def carry_over_attributes(source, target_fd):
    for name in os.listxattr(source):
        if name.startswith("user.") or name in ("security.selinux", "system.posix_acl_access"):
            with contextlib.suppress(OSError):
                os.setxattr(target_fd, name, os.getxattr(source, name))


def set_and_fill(fd, content, uid, gid, mode):
    """Content first, then owner, then mode: an owner's change takes set-id bits away."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view):]
    os.fchown(fd, uid, gid)
    os.fchmod(fd, mode)


def write_in_place(target, content, uid, gid, mode):
    fd = os.open(target, os.O_WRONLY | os.O_NOCTTY)
    with open(fd, "wb", closefd=True):
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.ftruncate(fd, 0)
            set_and_fill(fd, content, uid, gid, mode)
        else:
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view):]


def replace(target, exists, content, uid, gid, mode):
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(target) or b".", prefix=b".upload-")
    try:
        with open(fd, "wb", closefd=True):
            if exists:
                carry_over_attributes(target, fd)
            set_and_fill(fd, content, uid, gid, mode)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def handle_upload(file, content, mode, owner, group):
    mode = 0o600 if mode is None else octal(mode, "mode", 0o7777)
    uid, gid = upload_ids(owner, group)
    with trying(f"write {os.fsdecode(file)}"):
        if file == b"":
            raise OSError(errno.ENOENT, "")
        target = resolve_target(file)
        try:
            found = os.lstat(target)
        except FileNotFoundError:
            found = None
        if found is not None and stat.S_ISDIR(found.st_mode) or target.endswith(b"/"):
            raise OSError(errno.EISDIR, "")
        if found is not None and not stat.S_ISREG(found.st_mode):
            write_in_place(target, content, uid, gid, mode)
            return ("Ok",)
        try:
            # Making a file and giving it away fail with the same numbers; only the first may lead
            # to writing in place.
            probe = tempfile.mkstemp(dir=os.path.dirname(target) or b".", prefix=b".upload-")
            os.close(probe[0])
            os.unlink(probe[1])
        except OSError as error:
            if found is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            write_in_place(target, content, uid, gid, mode)
            return ("Ok",)
        try:
            replace(target, found is not None, content, uid, gid, mode)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            write_in_place(target, content, uid, gid, mode)
    return ("Ok",)


# Commands


class Command:
    """A running command, until it has ended and its output too."""

    def __init__(self, child, content, ending):
        self.child = child
        self.ending = ending
        self.content = memoryview(content or b"")
        self.output = {stream: bytearray() for stream in (child.stdout, child.stderr)
                       if stream is not None}
        self.poll = select.poll()
        self.streams = {}
        self.pidfd = os.pidfd_open(child.pid)
        self.poll.register(self.pidfd, select.POLLIN)
        self.poll.register(ending.wakeup, select.POLLIN)
        for stream in self.output:
            self.watch(stream, select.POLLIN)
        if child.stdin is not None:
            self.watch(child.stdin, select.POLLOUT)
        self.signals = [(HANGUP_AFTER, signal.SIGHUP), (KILL_AFTER, signal.SIGKILL)]

    def watch(self, stream, events):
        os.set_blocking(stream.fileno(), False)
        self.poll.register(stream, events)
        self.streams[stream.fileno()] = stream

    def forget(self, stream):
        self.poll.unregister(stream)
        del self.streams[stream.fileno()]
        stream.close()

    def feed(self):
        try:
            self.content = self.content[os.write(self.child.stdin.fileno(), self.content):]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.content = self.content[:0]
        if not self.content:
            self.forget(self.child.stdin)

    def collect(self, stream):
        piece = os.read(stream.fileno(), 1 << 16)
        self.output[stream] += piece
        if not piece:
            self.forget(stream)

    def signal_when_due(self):
        """Carry out what is due of the end.  The group is known to exist: its leader has not been
        reaped.  Return the milliseconds until more is due."""
        while self.ending.since is not None and self.signals:
            due = self.ending.deadline(self.signals[0][0]) - time.monotonic()
            if due > 0:
                return due * 1000
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, self.signals.pop(0)[1])
        return None

    def wait(self):
        ended = False
        while not ended or (not self.ending.is_past(KILL_AFTER)
                            and any(not stream.closed for stream in self.output)):
            for fd, _ in self.poll.poll(self.signal_when_due()):
                if fd == self.ending.wakeup:
                    self.poll.unregister(fd)
                    if self.child.stdin is not None and not self.child.stdin.closed:
                        self.forget(self.child.stdin)
                elif fd == self.pidfd:
                    ended = True
                    self.poll.unregister(fd)
                elif fd in self.streams:
                    stream = self.streams[fd]
                    if stream is self.child.stdin:
                        self.feed()
                    else:
                        self.collect(stream)
        os.close(self.pidfd)
        self.child.wait()
        for stream in list(self.streams.values()):
            self.forget(stream)
        return [bytes(output) for output in self.output.values()] or [None, None]


def handle_process_run(ending, command, stdin, capture_output, user, group, umask, cwd):
    if not command:
        raise invalid("command", "the command is empty")
    umask = 0o077 if umask is None else octal(umask, "umask", 0o777)
    user = None if user is None else user_entry(user, "user")
    group = None if group is None else group_entry(group, "group")
    if cwd is not None and not os.path.isdir(cwd):
        raise invalid("cwd", f"{os.fsdecode(cwd)} is not a directory")
    if ending.is_past(HANGUP_AFTER):
        raise os_failure(OSError(errno.ECANCELED, ""), "start a command: the input has ended")

    gid = group.gr_gid if group else user.pw_gid if user else None

    def become():
        os.setpgid(0, 0)
        if user and (os.geteuid() == 0 or user.pw_uid != os.geteuid()):
            os.initgroups(user.pw_name, user.pw_gid)
        if gid is not None:
            os.setresgid(gid, gid, gid)
        if user:
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        os.umask(umask)
        if cwd is not None:
            os.chdir(cwd)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    output = subprocess.PIPE if capture_output else subprocess.DEVNULL
    try:
        if command[0] == b"":
            raise OSError(errno.ENOENT, "")
        child = subprocess.Popen(command, preexec_fn=become, stdout=output, stderr=output,
                                 stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                                 bufsize=0)
    except subprocess.SubprocessError:
        raise Failure("ProcessError", "cannot set the user, groups, umask or directory of "
                      + os.fsdecode(command[0])) from None
    except OSError as error:
        raise os_failure(error, f"run {os.fsdecode(command[0])}") from None
    stdout, stderr = Command(child, stdin, ending).wait()
    return "ProcessCompleted", stdout, stderr, child.returncode


HANDLERS = {
    "CheckAlive": handle_check_alive,
    "Stat": handle_stat,
    "ResolveUser": handle_resolve_user,
    "ResolveGroup": handle_resolve_group,
    "Upload": handle_upload,
    "Download": handle_download,
    "QueryUser": handle_query_user,
    "QueryGroup": handle_query_group,
    "Getenv": handle_getenv,
}


def refuse_nul(request):
    kinds = next(dict(layout) for name, layout in REQUESTS.values() if name == request.name)
    for field, value in request.fields.items():
        texts = value if kinds[field] == "list" else [value]
        if not kinds[field].endswith(("bytes", "bool")) and any(b"\0" in text for text in texts
                                                                if text is not None):
            raise invalid(field, f"{field} contains a NUL byte")


def answer(request, ending):
    try:
        refuse_nul(request)
        if request.name == "ProcessRun":
            return handle_process_run(ending, **request.fields)
        return HANDLERS[request.name](**request.fields)
    except Failure as failure:
        return failure.answer


# The program


class Dispatcher:
    def __init__(self, debug):
        self.debug = debug
        self.ending = Ending()
        self.requests = queue.SimpleQueue()
        self.answers = queue.SimpleQueue()

    def log(self, text):
        sys.stderr.write(f"plain_dispatcher: {text}\n")
        sys.stderr.flush()

    def read_requests(self):
        """Ends in a queued None or Malformed, whatever comes first."""
        source = Input(sys.stdin.buffer)
        last = None
        try:
            while (request := source.request()) is not None:
                self.requests.put(request)
        except Malformed as error:
            last = error
        self.requests.put(last)
        self.ending.begin()

    def write_answers(self):
        while (packet := self.answers.get()) is not None:
            try:
                sys.stdout.buffer.write(packet)
                if self.answers.empty():
                    sys.stdout.buffer.flush()
            except OSError:
                return self.drop()

    def watch_output(self):
        """An output that nobody reads any more is noticed even while there is nothing to write."""
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        poll.poll()
        self.drop()

    def await_signal(self):
        signal.sigwait(ENDING_SIGNALS)
        self.drop()

    def drop(self):
        self.ending.begin(dropped=True)
        self.requests.put(None)

    def carry_out_requests(self):
        while (request := self.requests.get()) is not None and not self.ending.dropped:
            if isinstance(request, Malformed):
                self.log(str(request))
                return 3
            if self.debug:
                self.log(request.name)
            if request.name == "Exit":
                return 0
            packet = answer(request, self.ending)
            if self.debug:
                self.log(packet[0])
            self.answers.put(encode(*packet))
        return 0

    def run(self):
        # Blocked in every thread, and taken by the one that waits for them: a handler could be put off
        # until the main thread's next request.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        writer = threading.Thread(target=self.write_answers, daemon=True)
        writer.start()
        threading.Thread(target=self.read_requests, daemon=True).start()
        threading.Thread(target=self.watch_output, daemon=True).start()
        threading.Thread(target=self.await_signal, daemon=True).start()
        status = self.carry_out_requests()
        self.answers.put(None)
        while writer.is_alive() and not self.ending.dropped:
            writer.join(0.1)
        with contextlib.suppress(OSError):
            if not self.ending.dropped:
                sys.stdout.buffer.flush()
        # Without the interpreter's own ending, which would wait for the thread that reads.
        os._exit(status)


def main(arguments):
    if "--help" in arguments:
        print("usage: plain_dispatcher.py [--debug | --version | --help]")
        return 0
    if "--version" in arguments:
        print("plain_dispatcher.py")
        return 0
    if set(arguments) - {"--debug"}:
        print("plain_dispatcher.py: unknown option; see --help", file=sys.stderr)
        return 2
    if os.isatty(0) or os.isatty(1):
        print("plain_dispatcher.py: speaks a protocol, not to a terminal", file=sys.stderr)
        return 2
    return Dispatcher("--debug" in arguments).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
