#!/usr/bin/env python3
"""Holds a dispatcher's requests for trees of files against docs/protocol.md.

usage: trees_client.py DISPATCHER [ARG...]
"""

import errno
import os
import pwd
import stat
import struct
import sys

from checks import check, for_each, make_all, wait_until
from session import WINDOW, SessionRoom

TEXTS = {"D": 3, "F": 3, "L": 4, "S": 1, "P": 2}
NUMBERS = {"T": 2, "D": 2, "F": 4, "H": 1, "L": 1, "S": 1, "P": 1}
KINDS = "TDUFCHALSPZ"
LIMIT = 10240  # bytes of a record without content
MTIME = 1_500_000_000_123_456_789
NAMES = [b"with space", b"new\nline", b"\xff\xfe", b"-rf", b"*", b".hidden", b"n" * 255]


# Records


def text(value):
    value = os.fsencode(value)
    return struct.pack(">H", len(value)) + value + b"\0"


def record(kind, *values, content=b""):
    body = b"".join(struct.pack(">Q", value) if isinstance(value, int) else text(value)
                    for value in values) + content
    return kind.encode() + struct.pack(">I", len(body)) + body


def enter(name="", mode=0o755):
    return record("D", name, "", "", mode, MTIME)


def leave():
    return record("U")


def file(name, content=b"", mode=0o644, identity=0):
    return (record("F", name, "", "", mode, MTIME, len(content), identity)
            + (record("C", content=content) if content else b""))


def head(name, size, identity=0):
    """A file of which more has to come."""
    return record("F", name, "", "", 0o644, MTIME, size, identity)


def link(name, target):
    return record("L", name, target, "", "", MTIME)


def same(name, identity):
    return record("S", name, identity)


def done():
    return record("Z")


def tree(*entries):
    """A directory with ENTRIES, as a stream."""
    return enter() + b"".join(entries) + leave() + done()


def records_of(stream):
    stream = bytes(stream)
    records = []
    while stream:
        kind = chr(stream[0])
        assert kind in KINDS, f"a record of the kind {kind!r} comes"
        size, = struct.unpack(">I", stream[1:5])
        body, stream = stream[5:5 + size], stream[5 + size:]
        assert len(body) == size, "the stream ends inside a record"
        assert kind == "C" or size <= LIMIT, f"a record of {size} bytes comes"
        records.append((kind, *values_of(kind, body)))
    return records


def values_of(kind, body):
    if kind == "C":
        return (body,)
    values = []
    for _ in range(TEXTS.get(kind, 0)):
        length, = struct.unpack(">H", body[:2])
        assert body[2 + length] == 0 and b"\0" not in body[2:2 + length], "a text has no end"
        values.append(body[2:2 + length])
        body = body[3 + length:]
    count = NUMBERS.get(kind, 0)
    assert len(body) == 8 * count, f"{len(body)} bytes are left in a record {kind}"
    return (*values, *struct.unpack(f">{count}Q", body))


# Requests


def put(bench, stream, path=None, name="", place=0, preserve=False):
    """The channel of a PutTree that has got all of STREAM."""
    channel = bench.session.request("PutTree", path=path or bench.path("t"), name=name, place=place,
                                    preserve=preserve)
    channel.write(stream)
    if not channel.final:
        channel.eof()
    return channel


def problems_of(channel):
    records = records_of(channel.content[1])
    assert all(kind == "P" for kind, *_ in records), "something else than problems comes"
    return [values for _, *values in records]


def put_well(bench, stream, problems=0, **fields):
    """TreePlace and TreeDone of a tree that is made, and what problems there were."""
    channel = put(bench, stream, **fields)
    place = channel.expect("TreePlace")["path"]
    counts = channel.expect("TreeDone")
    assert channel.ended == {1}, "there is no Eof"
    told = problems_of(channel)
    assert len(told) == problems, f"these problems were told: {told}"
    return place, counts, told


def get(bench, path, follow_links=True, preserve=False, count=False):
    channel = bench.session.request("GetTree", path=path, follow_links=follow_links,
                                    preserve=preserve, count=count)
    place = channel.expect("TreePlace")["path"]
    channel.expect("Ok")
    assert channel.ended == {1}, "there is no Eof"
    assert place == os.fsencode(path), f"TreePlace has {place}"
    return records_of(channel.content[1])


def read(path):
    with open(path, "rb") as opened:
        return opened.read()


# ---- PutTree


@check
def a_tree_is_made_with_names_modes_times_and_links(bench):
    inner = [file(name, b"content of " + name, mode=0o640) for name in NAMES]
    stream = tree(enter("d", 0o2750), *inner, link("l", "../nowhere"), leave(), file("empty"))
    place, counts, _ = put_well(bench, stream)
    top = os.fsencode(bench.path("t"))
    assert place == top, place
    assert sorted(os.listdir(top)) == [b"d", b"empty"]
    assert sorted(os.listdir(top + b"/d")) == sorted(NAMES + [b"l"])
    for name in NAMES:
        info = os.lstat(top + b"/d/" + name)
        assert read(top + b"/d/" + name) == b"content of " + name
        assert stat.S_IMODE(info.st_mode) == 0o640 and info.st_mtime_ns == MTIME
    assert os.readlink(top + b"/d/l") == b"../nowhere"
    assert os.lstat(top + b"/d/l").st_mtime_ns == MTIME
    info = os.lstat(top + b"/d")
    assert stat.S_IMODE(info.st_mode) == 0o750, "set-id bits come without preserve"
    assert info.st_mtime_ns == MTIME, "the directory's time was changed again"
    assert counts == {"directories": 2, "files": len(NAMES) + 1, "links": 1,
                      "bytes": sum(len(name) + 11 for name in NAMES)}, counts


@check
def holes_stay_holes_and_several_names_one_file(bench):
    size = 8 << 20
    big = (head("big", size, 1) + record("H", size - 4096) + record("C", content=b"x" * 4096))
    put_well(bench, tree(big, same("other name", 1)))
    info = os.lstat(bench.path("t/big"))
    assert info.st_size == size and info.st_blocks * 512 <= 1 << 20, info
    assert info.st_nlink == 2 and os.path.samefile(bench.path("t/big"), bench.path("t/other name"))
    assert read(bench.path("t/big"))[-4097:] == b"\0" + b"x" * 4096


@for_each([("another file", "kept", "t/d/f", errno.ESTALE), ("a link to it", "moved", "t/d/f", errno.ESTALE),
           ("a link to its directory", "moved", "t/d", errno.ENOTDIR)])
def another_name_is_for_the_file_that_came_and_not_for(bench, target, place, number):
    bench.file("kept")
    channel = bench.session.request("PutTree", path=bench.path("t"), name="", place=0,
                                    preserve=False)
    channel.expect("TreePlace")
    channel.write(enter() + enter("d") + file("f", b"content", identity=1) + leave())
    bench.session.check_alive()
    wait_until(lambda: os.path.exists(bench.path("t/d/f")), 5, "the file doesn't come")
    if target == "kept":
        os.rename(bench.path("kept"), bench.path(place))
    else:
        os.rename(bench.path(place), os.path.join(os.path.dirname(bench.path(place)), target))
        os.symlink(target, bench.path(place))
    channel.write(same("g", 1) + leave() + done())
    channel.eof()
    channel.expect("TreeDone", files=1)
    assert [problem[2] for problem in problems_of(channel)] == [number], problems_of(channel)
    assert not os.path.lexists(bench.path("t/g"))


@check
def a_file_alone_and_a_link_alone_are_trees(bench):
    put_well(bench, file("", b"alone") + done(), path=bench.path("f"))
    assert read(bench.path("f")) == b"alone"
    put_well(bench, link("", "f") + done(), path=bench.path("l"))
    assert os.readlink(bench.path("l")) == "f"


@check
def a_tree_goes_where_place_says(bench):
    top = bench.subdirectory("t")
    put_well(bench, tree(file("a")), place=0)
    assert sorted(os.listdir(top)) == ["a"]
    place, _, _ = put_well(bench, tree(file("b")), place=1, name="n")
    assert place == os.fsencode(top + "/n") and os.listdir(top + "/n") == ["b"]
    put_well(bench, tree(file("c")), path=bench.path("new"), place=1, name="n")
    assert os.listdir(bench.path("new")) == ["c"]
    put_well(bench, tree(file("d")), place=2, name="m")
    assert os.listdir(top + "/m") == ["d"]
    put(bench, tree(), path=bench.path("none"), place=2, name="m").expect_errno(errno.ENOENT)
    put(bench, tree(), path=bench.path("none/x"), place=0).expect_errno(errno.ENOENT)
    for place in (3, 1 << 31):
        put(bench, tree(), place=place).expect_invalid("place")


@check
def what_is_there_is_replaced_and_a_directory_is_filled(bench):
    top = bench.subdirectory("t")
    bench.file("t/kept", b"kept")
    bench.file("t/old", b"old and longer")
    os.symlink("kept", top + "/l")
    put_well(bench, tree(file("old", b"new"), file("l", b"no link any more")))
    assert read(top + "/kept") == b"kept" and read(top + "/old") == b"new"
    assert not os.path.islink(top + "/l") and read(top + "/l") == b"no link any more"


@check
def what_can_t_be_made_is_told_and_the_rest_is_made(bench):
    top = bench.subdirectory("t")
    bench.subdirectory("out")
    bench.subdirectory("t/is-directory")
    bench.file("t/is-directory/x")
    bench.file("t/is-file", b"file")
    os.symlink("../out", top + "/is-link")
    stream = tree(file("is-directory", b"new"), enter("is-file"), file("in"), leave(),
                  enter("is-link"), file("in"), leave(), file("last", b"last"))
    _, counts, told = put_well(bench, stream, problems=3)
    assert sorted(os.path.basename(path) for path, _, _ in told) == [b"is-directory", b"is-file",
                                                                     b"is-link"], told
    assert all(what for _, what, _ in told)
    assert read(top + "/last") == b"last" and read(top + "/is-file") == b"file"
    assert os.listdir(bench.path("out")) == [] and counts["files"] == 1
    bench.leftovers("t", "out")


@check
def a_file_that_is_abandoned_is_not_made(bench):
    bench.subdirectory("t")
    bench.file("t/old", b"old")
    stream = tree(head("old", 10) + record("C", content=b"12345") + record("A"),
                  head("new", 10) + record("A"), file("last"))
    put_well(bench, stream)
    assert sorted(os.listdir(bench.path("t"))) == ["last", "old"]
    assert read(bench.path("t/old")) == b"old"


@check
def the_last_part_of_a_tree_needs_no_eof_of_its_own_piece(bench):
    channel = bench.session.request("PutTree", path=bench.path("t"), name="", place=0,
                                    preserve=False)
    for byte in tree(file("a", b"abc"), link("l", "a")):
        channel.write(bytes([byte]))
    channel.eof()
    channel.expect("TreePlace")
    channel.expect("TreeDone", files=1, links=1)


@check
def owners_and_set_id_bits_come_with_preserve(bench):
    user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else str(os.getuid())
    stream = (record("D", "", user, "", 0o755, MTIME)
              + record("F", "f", user, str(os.getgid()), 0o6755, MTIME, 0, 0) + leave() + done())
    put_well(bench, stream, preserve=True)
    info = os.lstat(bench.path("t/f"))
    assert stat.S_IMODE(info.st_mode) == 0o6755 and info.st_uid == os.getuid(), info


@for_each([("an owner who is not known", "no-such-name-here", None, 1),
           ("a group that is not known", None, "no-such-name-here", 1),
           ("an owner", "", None, 0), ("a group", None, "", 0),
           ("an owner whom only root can give files to", "root" if os.getuid() else "", None, 0)])
def set_id_bits_do_not_come_without(bench, owner, group, problems):
    owner = str(os.getuid()) if owner is None else owner
    group = str(os.getgid()) if group is None else group
    put_well(bench, enter() + record("F", "f", owner, group, 0o6755, MTIME, 0, 0) + leave() + done(),
             problems, preserve=True)
    info = os.lstat(bench.path("t/f"))
    assert stat.S_IMODE(info.st_mode) == 0o755 and info.st_uid == os.getuid(), info


@check
def what_waits_for_an_id_is_credited_once(bench):
    user, group = str(os.getuid()), str(os.getgid())
    channel = bench.session.request("PutTree", path=bench.path("t"), name="", place=0,
                                    preserve=True)
    channel.write(enter() + file("large", bytes(100_000))
                  + record("F", "f", user, group, 0o644, MTIME, 0, 0))
    bench.session.check_alive()
    channel.write(leave() + done())
    channel.eof()
    channel.expect("TreePlace")
    channel.expect("TreeDone", files=2)
    assert channel.credit <= WINDOW, "more credit came than was used"


@for_each([
    ("nothing", b""),
    ("no end", enter() + leave()),
    ("no leave", enter() + done()),
    ("a leave too many", tree()[:-5] + leave() + done()),
    ("two at the top", file("") + file("") + done()),
    ("more behind the end", tree() + file("x")),
    ("a named top", enter("x") + leave() + done()),
    ("no name", tree(file(""))),
    ("a dot", tree(file("."))),
    ("two dots", tree(file(".."))),
    ("two dots to enter", tree(enter(".."), leave())),
    ("a slash", tree(file("../out"))),
    ("a slash in a link's name", tree(link("a/b", "c"))),
    ("a name of 256 bytes", tree(file(b"n" * 256))),
    ("a text of 4097 bytes", tree(link("l", b"t" * 4097))),
    ("a NUL in a name", tree(file("a\0b"))),
    ("content without a file", tree(record("C", content=b"x"))),
    ("a hole without a file", tree(record("H", 5))),
    ("an end of no file", tree(record("A"))),
    ("more content than its size", tree(head("f", 2) + record("C", content=b"abc"))),
    ("a larger hole than its size", tree(head("f", 2) + record("H", 3))),
    ("a hole without end", tree(head("f", 2) + record("H", (1 << 64) - 1))),
    ("less content than its size", tree(head("f", 4) + record("C", content=b"abc"), file("g"))),
    ("a link inside a file", tree(head("f", 2), link("l", "x"), record("C", content=b"ab"))),
    ("a size beyond all files", tree(head("f", (1 << 64) - 1))),
    ("a name of a file that did not come", tree(same("s", 1))),
    ("a later number first", tree(file("f", identity=2))),
    ("a number a second time", tree(file("f", identity=1), file("l", identity=1))),
    ("an unknown kind", enter() + record("X") + leave() + done()),
    ("a record that is too long", enter() + b"F" + struct.pack(">I", LIMIT + 1)),
    ("a record of 4 GiB", b"D\xff\xff\xff\xff"),
    ("a number too many", enter() + record("U", 1) + done()),
    ("a number too few", record("D", "", "", "", 0o755) + leave() + done()),
    ("a text without its NUL", enter() + b"S" + struct.pack(">IH", 12, 1) + b"ab" + b"\0" * 8),
    ("a text beyond its record", enter() + b"S" + struct.pack(">IH", 12, 500) + b"a" * 10),
])
def what_is_no_tree_is_refused_and_makes_nothing_outside(bench, stream):
    bench.file("out", b"out")
    channel = put(bench, stream)
    answer = channel.next()
    if answer.name == "TreePlace":
        answer = channel.next()
    assert answer.name == "InvalidField" and answer.fields["field"] == b"tree", answer
    assert answer.fields["error_message"], "there is no message"
    bench.leftovers("out", "t")
    assert read(bench.path("out")) == b"out"
    for where, _, names in os.walk(bench.path("t")):
        assert all(name in ("f", "l") for name in names), (where, names)
    bench.session.check_alive()


@check
def directories_end_somewhere_below_each_other(bench):
    deep = b"".join(enter("d") for _ in range(4097))
    channel = put(bench, enter() + deep)
    channel.expect("TreePlace")
    channel.expect_invalid("tree")
    bench.ask("Remove", path=bench.path("t"), recursive=True)  # Python can't


@check
def directories_that_are_left_out_end_somewhere_too(bench):
    bench.subdirectory("t")
    bench.file("t/d")
    channel = put(bench, tree(*[enter("d")] * 4097, *[leave()] * 4097))
    channel.expect("TreePlace")
    channel.expect_invalid("tree")


@check
def a_directory_that_is_moved_away_leads_nowhere_else(bench):
    """Of more than are held open at a time.  Where it goes is as deep as where it was: whoever goes
    up from there gets no further than the bench's directory."""
    where = bench.path("elsewhere" + "/e" * 6)
    os.makedirs(where)
    channel = bench.session.request("PutTree", path=bench.path("t"), name="", place=0,
                                    preserve=False)
    channel.expect("TreePlace")
    channel.write(enter() + enter("d") * 40)
    bench.session.check_alive()
    wait_until(lambda: os.path.exists(bench.path("t" + "/d" * 40)), 5, "directories don't come")
    os.rename(bench.path("t" + "/d" * 6), where + "/moved")
    channel.write(leave() * 35 + file("planted") + leave() * 6 + done())
    channel.eof()
    channel.expect_invalid("tree")
    assert os.listdir(where) == ["moved"]


@check
def a_tree_in_the_place_of_a_file_is_read_to_its_end(bench):
    bench.file("t")
    _, _, told = put_well(bench, tree(file("f")), problems=1)
    assert told[0][2] == errno.ENOTDIR, told
    channel = put(bench, enter() + done())
    channel.expect("TreePlace")
    channel.expect_invalid("tree")


@check
def a_tree_may_be_nothing_but_problems(bench):
    _, counts, _ = put_well(bench, record("P", "x", "gone", 5) + done())
    assert set(counts.values()) == {0}, counts
    bench.leftovers()


@check
def a_tree_that_is_given_up_leaves_no_half_file(bench):
    bench.subdirectory("t")
    bench.file("t/f", b"old")
    channel = bench.session.request("PutTree", path=bench.path("t"), name="", place=0,
                                    preserve=False)
    channel.expect("TreePlace")
    channel.write(enter() + head("f", 1 << 20) + record("C", content=b"x" * 1000))
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)
    wait_until(lambda: os.listdir(bench.path("t")) == ["f"], 5, "the half file stays")
    assert read(bench.path("t/f")) == b"old"


@check
def the_end_of_a_session_leaves_no_half_file(bench):
    with bench.start() as session:
        channel = session.request("PutTree", path=bench.path("t"), name="", place=0, preserve=False)
        channel.expect("TreePlace")
        channel.write(enter() + head("f", 1 << 20) + record("C", content=b"x" * 1000))
        session.check_alive()
        session.finish()
    assert os.listdir(bench.path("t")) == []


# ---- GetTree


@check
def a_tree_is_sent_as_it_is(bench):
    top = os.fsencode(bench.subdirectory("t"))
    os.mkdir(top + b"/d")
    for name in NAMES:
        bench.file(os.path.join("t", "d", os.fsdecode(name)), b"is " + name, 0o640)
    os.symlink("nowhere", top + b"/l")
    os.link(top + b"/d/-rf", top + b"/name")
    os.mkfifo(top + b"/fifo")
    records = get(bench, bench.path("t"))
    assert records[0][:2] == ("D", b"") and records[-2:] == [("U",), ("Z",)], records
    files = [values for kind, *values in records if kind == "F"]
    problems = [values for kind, *values in records if kind == "P"]
    names = {values[0] for values in files} | {values[0] for kind, *values in records if kind == "S"}
    assert names == set(NAMES) | {b"name"}, names
    assert all(owner == group == b"" for _, owner, group, *_ in files), "owners come unasked"
    assert [values[0] for kind, *values in records if kind == "L"] == [b"l"]
    assert [path for path, _, _ in problems] == [top + b"/fifo"], problems
    content = b"".join(values[0] for kind, *values in records if kind == "C")
    assert len(content) == sum(len(name) + 3 for name in NAMES), content
    info = os.lstat(top + b"/d")
    assert (b"d", b"", b"", 0o755, info.st_mtime_ns) in [tuple(values) for kind, *values in records
                                                       if kind == "D"]


@check
def a_tree_that_was_sent_can_be_put(bench):
    bench.subdirectory("one")
    bench.file("one/f", b"content" * 1000)
    os.symlink("f", bench.path("one/l"))
    channel = bench.session.request("GetTree", path=bench.path("one"), follow_links=False,
                                    preserve=True, count=False)
    channel.expect("TreePlace")
    channel.expect("Ok")
    put_well(bench, bytes(channel.content[1]), path=bench.path("two"), preserve=True)
    assert read(bench.path("two/f")) == b"content" * 1000
    assert os.lstat(bench.path("two/f")).st_mtime_ns == os.lstat(bench.path("one/f")).st_mtime_ns


@check
def a_tree_is_counted_before_it_is_sent(bench):
    bench.subdirectory("t")
    for number in range(10):
        bench.file(f"t/{number}", b"x" * number)
    assert get(bench, bench.path("t"), count=True)[0] == ("T", 45, 10)


@check
def owners_come_where_they_are_asked_for(bench):
    bench.file("f")
    record_of_file = get(bench, bench.path("f"), preserve=True)[0]
    assert record_of_file[0] == "F" and record_of_file[1] == b"", record_of_file
    assert record_of_file[2] and record_of_file[3], record_of_file


@check
def a_link_is_followed_only_at_the_end_of_the_path_and_if_asked(bench):
    bench.subdirectory("t")
    bench.file("t/f")
    os.symlink("t", bench.path("l"))
    assert [kind for kind, *_ in get(bench, bench.path("l"), follow_links=False)] == ["L", "Z"]
    assert [kind for kind, *_ in get(bench, bench.path("l"))] == ["D", "F", "C", "U", "Z"]


@check
def a_tree_that_is_not_there_is_an_error(bench):
    bench.fails(errno.ENOENT, "GetTree", path=bench.path("none"), follow_links=True, preserve=False,
                count=False)


@check
def no_more_of_a_tree_comes_than_there_is_credit_for(bench):
    bench.subdirectory("t")
    for number in range(8):
        bench.file(f"t/{number}", bytes(100_000))
        with open(bench.path(f"t/{number}"), "wb") as opened:
            opened.write(os.urandom(100_000))
    channel = bench.session.request("GetTree", path=bench.path("t"), follow_links=True,
                                    preserve=False, count=False)
    channel.generous = False
    channel.expect("TreePlace")
    channel.until(lambda: channel.received[1] == channel.allowed[1], "the window is not filled")
    bench.session.check_alive()
    assert not channel.answers and channel.received[1] == channel.allowed[1]
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)


@check
def nothing_is_left(bench):
    """Of all the checks before, if none of them failed."""
    session = bench.session
    session.check_alive()
    assert len(os.listdir(f"/proc/{session.process.pid}/fd")) <= 10, "descriptors are left"
    session.finish()


def main(command):
    if not command:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return make_all(SessionRoom(command), "trees-client")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
