"""A table of checks, and how they are made one after the other."""

import collections
import os
import shutil
import sys
import tempfile
import time

CHECKS = []


class Skip(Exception):
    """The check can't be made here."""


class Room:
    """What a check works in: a directory of its own."""

    directory = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def file(self, name, content=b"old", mode=0o644):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def subdirectory(self, name, mode=0o755):
        path = self.path(name)
        os.mkdir(path)
        os.chmod(path, mode)
        return path

    def leftovers(self, *expected):
        """Files that were forgotten."""
        found = set(os.listdir(self.directory)) - set(expected)
        assert not found, f"left behind: {found}"


def check(function):
    CHECKS.append((function.__name__.replace("_", "-"), function))
    return function


def for_each(rows):
    """One check a row; the first item of a row completes its name."""
    def register(function):
        for row in rows:
            CHECKS.append((function.__name__.replace("_", "-") + ": " + row[0],
                           lambda bench, row=row: function(bench, *row[1:])))
        return function
    return register


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def shorten(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:100] + "..." + text[-80:]


def expect_answer(answer, name, /, **fields):
    """Hold the answer against what is expected; return all its fields."""
    assert answer.name == name, f"expected {name}, and got {shorten(answer)}"
    for field, value in fields.items():
        if isinstance(value, str):
            value = os.fsencode(value)
        assert answer.fields[field] == value, (
            f"{name}: {field} is {shorten(answer.fields[field])}, expected {shorten(value)}")
    return answer.fields


def make_all(bench, name):
    """Make the checks on BENCH, a Room with a discard: after a failed check nobody knows which
    answers are still to come.  The exit status."""
    os.umask(0o022)
    counts = collections.Counter()
    top = tempfile.mkdtemp(prefix=name + "-")
    os.chmod(top, 0o755)
    try:
        for position, (title, function) in enumerate(CHECKS):
            bench.directory = os.path.join(top, str(position))
            os.mkdir(bench.directory)
            try:
                function(bench)
                result = "passed"
                print(f"ok {title}")
            except Skip as reason:
                result = "skipped"
                print(f"skip {title}: {reason}")
            except Exception as error:
                result = "failed"
                known = isinstance(error, (AssertionError, OSError)) and str(error)
                print(f"not ok {title}: {error if known else shorten(error)}")
                bench.discard()
            counts[result] += 1
            sys.stdout.flush()
            shutil.rmtree(bench.directory, ignore_errors=True)
    finally:
        bench.discard()
        shutil.rmtree(top, ignore_errors=True)
    print(f"{counts['skipped']} skipped")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0
