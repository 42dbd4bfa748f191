#!/usr/bin/env python3
"""Random requests, many side by side through `longreach batch`, held against a model.

  random_requests.py LONGREACH URL FAR NEAR SEED SECONDS

Each of WORKERS has a directory of its own in FAR, knows what is in it, and makes one request at a
time; each answer has to be what it knows.  Some of the requests are taken back, or have no time: then
the file is the old or the new one, whole.  NEAR is for files on this side.
"""

import base64
import hashlib
import json
import os
import queue
import random
import subprocess
import sys
import threading
import time

WORKERS = 64
NAMES = [f"f{number}" for number in range(6)]
LARGEST = 3_000_000


def text_of(fields, name):
    if name in fields:
        return fields[name].encode()
    return base64.b64decode(fields[name + "_base64"])


class Batch:
    """Its input is written by a thread, so that neither end ever waits for the other."""

    def __init__(self, longreach, url):
        self.process = subprocess.Popen([longreach, "batch", url], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.waiting = {}
        self.count = 0
        self.lines = queue.Queue()
        self.writer = threading.Thread(target=self.write)
        self.writer.start()

    def write(self):
        with self.process.stdin as stream:
            while (line := self.lines.get()) is not None:
                stream.write(line)
                stream.flush()

    def ask(self, take, op, **fields):
        """TAKE gets the result and the error, one of which is None."""
        self.count += 1
        self.waiting[self.count] = take
        self.lines.put(json.dumps({"id": self.count, "op": op, **fields}).encode() + b"\n")
        return self.count

    def serve(self):
        while self.waiting:
            line = self.process.stdout.readline()
            assert line, f"the batch has ended, and {len(self.waiting)} requests have no answer"
            answer = json.loads(line)
            self.waiting.pop(answer["id"])(answer.get("result"), answer.get("error"))

    def finish(self):
        self.lines.put(None)
        self.writer.join()
        assert self.process.stdout.read() == b"", "there are more answers than requests"
        assert self.process.wait() == 0, self.process.returncode


class Worker:
    def __init__(self, batch, number, far, near, seed, end):
        self.batch, self.number, self.end = batch, number, end
        self.directory = f"{far}/{number}"
        self.local = f"{near}/{number}"
        self.random = random.Random(f"{seed} {number}")
        self.files = {}
        self.actions = [getattr(self, name) for name in dir(Worker) if name.startswith("do_")]
        batch.ask(self.succeed, "make_directory", path=self.directory)

    def expect(self, holds, *what):
        assert holds, f"worker {self.number}: {what}"[:2000]

    def go_on(self):
        if time.monotonic() < self.end:
            self.random.choice(self.actions)(self.random.choice(NAMES))

    def succeed(self, result, error):
        self.expect(error is None, error)
        self.go_on()

    def path(self, name):
        return f"{self.directory}/{name}"

    def content(self, most=None):
        size = self.random.randrange(1 + (most or self.random.choice([0, 1, 1000, 5000, 300_000])))
        return self.random.randbytes(size)

    def local_file(self, content):
        with open(self.local, "wb") as file:
            file.write(content)
        return self.local

    def check_file(self, name, content, error):
        """What came of NAME, where there must be nothing if there is no such file."""
        if name in self.files:
            self.expect(error is None and content() == self.files[name], name, error)
        else:
            self.expect(error is not None and error["kind"] == "invalid-value", name, error)
        self.go_on()

    # ---- files

    def do_put(self, name):
        content = self.content()
        self.files[name] = content
        self.batch.ask(self.succeed, "put", file=self.path(name),
                       content_base64=base64.b64encode(content).decode())

    def do_put_from(self, name):
        content = self.files[name] = self.content(300_000)
        self.batch.ask(self.succeed, "put", **{"from": self.local_file(content)},
                       file=self.path(name))

    def do_get(self, name):
        self.batch.ask(lambda result, error: self.check_file(
            name, lambda: text_of(result, "content"), error), "get", file=self.path(name))

    def do_get_to(self, name):
        def content():
            with open(self.local, "rb") as file:
                return file.read()

        self.batch.ask(lambda result, error: self.check_file(name, content, error), "get",
                       file=self.path(name), to=self.local)

    def do_get_part(self, name):
        offset, length = self.random.randrange(5000), 1 + self.random.randrange(5000)

        def take(result, error):
            if error is None and name in self.files:
                self.expect(text_of(result, "content")
                            == self.files[name][offset:offset + length], name, offset, length)
            else:
                self.expect(error is not None and name not in self.files, name, error)
            self.go_on()

        self.batch.ask(take, "get", file=self.path(name), offset=offset, length=length)

    def do_stat(self, name):
        def take(result, error):
            self.expect(error is None, error)
            if name in self.files:
                self.expect(result["size"] == len(self.files[name]), name, result)
                self.expect(result["sha512sum"] == hashlib.sha512(self.files[name]).hexdigest(), name)
            else:
                self.expect(result is None, name, result)
            self.go_on()

        self.batch.ask(take, "stat", path=self.path(name), sha512sum=True)

    def do_list(self, _):
        def take(result, error):
            self.expect(error is None, error)
            self.expect({entry["name"]: entry["size"] for entry in result["entries"]}
                        == {name: len(content) for name, content in self.files.items()}, result)
            self.go_on()

        self.batch.ask(take, "list", path=self.directory)

    def do_remove(self, name):
        def take(_, error):
            self.expect((error is None) == (self.files.pop(name, None) is not None), name, error)
            self.go_on()

        self.batch.ask(take, "remove", path=self.path(name))

    def do_rename(self, name):
        target = self.random.choice(NAMES)

        def take(_, error):
            self.expect((error is None) == (name in self.files), name, target, error)
            if error is None:
                self.files[target] = self.files.pop(name)
            self.go_on()

        self.batch.ask(take, "rename", source=self.path(name), target=self.path(target))

    # ---- commands

    def do_run(self, _):
        status = self.random.randrange(256)

        def take(result, error):
            end = error or result
            self.expect(end.get("exit_status", end.get("returncode")) == status, status, end)
            self.expect(text_of(end, "stdout") == b"out" and text_of(end, "stderr") == b"err", end)
            self.go_on()

        self.batch.ask(take, "run",
                       command=["sh", "-c", f"printf out; printf err >&2; exit {status}"])

    def do_cat(self, _):
        content = self.content()

        def take(result, error):
            self.expect(error is None and text_of(result, "stdout") == content, len(content), error)
            self.go_on()

        self.batch.ask(take, "run", command=["cat"],
                       input_base64=base64.b64encode(content).decode())

    def do_no_program(self, _):
        def take(_, error):
            self.expect(error is not None and error["kind"] == "remote-os", error)
            self.go_on()

        self.batch.ask(take, "run", command=["/no/such/program"])

    # ---- what is cut short

    def do_run_too_long(self, _):
        def take(_, error):
            self.expect(error is not None and error["kind"] == "timeout", error)
            self.go_on()

        self.batch.ask(take, "run", command=["sleep", "1000"], timeout=self.random.uniform(0.001, 0.1))

    def do_put_in_no_time(self, name):
        content = self.content(LARGEST)
        self.batch.ask(lambda _, error: self.look_again(name, content, error, "timeout"), "put",
                       **{"from": self.local_file(content)}, file=self.path(name),
                       timeout=self.random.uniform(0.001, 0.1))

    def do_put_and_cancel(self, name):
        content = self.content(LARGEST)
        errors = []
        request = self.batch.ask(lambda _, error: errors.append(error), "put",
                                 **{"from": self.local_file(content)}, file=self.path(name))
        self.cancel(request, errors, lambda error: self.look_again(name, content, error,
                                                                   "cancelled"))

    def do_run_and_cancel(self, _):
        def take(error):
            self.expect(error is not None and error["kind"] == "cancelled", error)
            self.go_on()

        errors = []
        self.cancel(self.batch.ask(lambda _, error: errors.append(error), "run",
                                   command=["sleep", "1000"]), errors, take)

    def cancel(self, request, errors, take):
        """TAKE gets the error of REQUEST, which is in ERRORS once it is answered."""
        def taken_back(_, error):
            self.expect(error is None, error)
            if errors:
                take(errors[0])
            else:
                self.batch.waiting[request] = lambda _, error: take(error)

        self.batch.ask(taken_back, "cancel", request=request)

    def look_again(self, name, content, error, kind):
        """The file is the old one or has CONTENT, if ERROR says that nobody waited for it."""
        if error is None:
            self.files[name] = content
            self.go_on()
            return
        self.expect(error["kind"] == kind, error)

        def take(result, error):
            found = None if error else text_of(result, "content")
            self.expect(found in (self.files.get(name), content), name, error)
            if found is not None:
                self.files[name] = found
            self.go_on()

        self.batch.ask(take, "get", file=self.path(name))


def main():
    longreach, url, far, near, seed, seconds = sys.argv[1:]
    batch = Batch(longreach, url)
    end = time.monotonic() + float(seconds)
    for number in range(WORKERS):
        Worker(batch, number, far, near, seed, end)
    try:
        batch.serve()
        batch.finish()
    finally:
        batch.lines.put(None)
        batch.process.kill()
    print(batch.count)


if __name__ == "__main__":
    main()
