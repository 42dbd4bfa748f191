#!/usr/bin/env python3
"""Holds a dispatcher's requests about file systems against docs/protocol.md.

usage: files_client.py DISPATCHER [ARG...]

LR_MANY_FILES sets how many entries a large directory has (20,000), and how deep a deep one is (a
tenth of that).
"""

import contextlib
import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
import threading
import time

from checks import Skip, check, for_each, make_all, wait_until
from machine import (ROOT, environment, group_name, mounting, only_ordinary_user, only_root,
                     other_group, other_user, unused_id, user_name)
from packets import decode_fields
from session import ANSWERS, Session, SessionRoom

MANY_FILES = int(os.environ.get("LR_MANY_FILES", 20000))
NAMES = [b"plain", b"with space", b"new\nline", b"\xff\xfe", b"-rf", b"*", b".hidden", b"a" * 255,
         b"\\", b"caf\xc3\xa9"]


class Bench(SessionRoom):
    def make(self, path, **fields):
        return self.ask("MakeDirectory", path=path, **{"parents": False, **fields})

    def remove(self, path, recursive=True):
        return self.ask("Remove", path=path, recursive=recursive)

    def change(self, path, expected="Ok", **fields):
        return self.session.request("SetAttributes", path=path, **attributes(**fields)).expect(
            expected)

    def tree(self, name):
        """A tree with a bit of everything."""
        top = self.subdirectory(name)
        for number in range(3):
            below = os.path.join(top, f"d{number}")
            os.makedirs(os.path.join(below, "deep", "er"))
            for each in NAMES:
                with open(os.path.join(os.fsencode(below), each), "wb"):
                    pass
            os.symlink("/etc", os.path.join(below, "link"))
            os.symlink("nowhere", os.path.join(below, "dangling"))
            os.mkfifo(os.path.join(below, "fifo"))
        return top


def attributes(**fields):
    return {"follow_links": True, "recursive": False, "set_atime": False, "atime": 0,
            "set_mtime": False, "mtime": 0, **fields}


def entries_of(content):
    """The packets that a List's stream is made of."""
    content = bytes(content)
    position = 0

    def take(size):
        nonlocal position
        position += size
        assert position <= len(content), "the stream ends inside an entry"
        return content[position - size:position]

    entries = []
    while position < len(content):
        assert struct.unpack(">I", take(4))[0] == 272, "the stream is not made of entries"
        entries.append(decode_fields(ANSWERS[272][1], take))
    return entries


def listing(session, path, follow_links=True, itself=False):
    channel = session.request("List", path=path, follow_links=follow_links, itself=itself)
    info = channel.expect("FileInfo")
    channel.expect("Ok")
    assert channel.ended == {1}, "there is no Eof"
    return info, entries_of(channel.content[1])


def by_name(entries):
    found = {entry["name"]: entry for entry in entries}
    assert len(found) == len(entries), "a name comes twice"
    return found


# ---- List


@check
def a_list_has_all_entries_with_what_lstat_says(bench):
    top = os.fsencode(bench.tree("t")) + b"/d0"
    info, entries = listing(bench.session, top)
    assert info["type"] == b"dir", info
    found = by_name(entries)
    assert set(found) == set(os.listdir(top)), found.keys()
    for name, entry in found.items():
        expected = os.lstat(os.path.join(top, name))
        assert entry["mode"] == stat.S_IMODE(expected.st_mode), entry
        assert entry["owner"] == os.fsencode(user_name(expected.st_uid)), entry
        assert entry["group"] == os.fsencode(group_name(expected.st_gid)), entry
        assert (entry["size"], entry["mtime"], entry["ctime"]) == (
            expected.st_size, expected.st_mtime_ns, expected.st_ctime_ns), entry
        assert (entry["device"], entry["inode"], entry["links"], entry["blocks"]) == (
            expected.st_dev, expected.st_ino, expected.st_nlink, expected.st_blocks), entry
    types = {b"link": b"link", b"dangling": b"link", b"fifo": b"fifo", b"deep": b"dir",
             b"plain": b"file"}
    for name, expected in types.items():
        assert found[name]["type"] == expected, found[name]
    assert found[b"link"]["target"] == b"/etc" and found[b"dangling"]["target"] == b"nowhere"
    assert found[b"plain"]["target"] is None


@check
def an_empty_directory_has_no_entries(bench):
    assert listing(bench.session, bench.subdirectory("empty"))[1] == []


@check
def a_link_to_a_directory_is_followed_if_that_is_asked_for(bench):
    bench.file("one")
    os.symlink(bench.directory, bench.path("link"))
    assert {b"one", b"link"} == set(by_name(listing(bench.session, bench.path("link"))[1]))
    channel = bench.session.request("List", path=bench.path("link"), follow_links=False,
                                    itself=False)
    assert channel.expect("OSError")["errno"] in (errno.ENOTDIR, errno.ELOOP)


@check
def what_has_the_path_can_be_listed_itself(bench):
    os.symlink(bench.directory, bench.path("link"))
    _, [entry] = listing(bench.session, bench.path("link"), follow_links=False, itself=True)
    assert (entry["name"], entry["type"], entry["target"]) == (
        os.fsencode(bench.path("link")), b"link", os.fsencode(bench.directory)), entry
    _, [entry] = listing(bench.session, bench.path("link"), itself=True)
    assert entry["type"] == b"dir" and entry["target"] is None, entry


@for_each([("nothing", "missing", errno.ENOENT), ("a file", "file", errno.ENOTDIR)])
def only_a_directory_is_listed(bench, name, number):
    bench.file("file")
    bench.fails(number, "List", path=bench.path(name), follow_links=True, itself=False)


@check
def a_directory_that_cannot_be_read(bench):
    only_ordinary_user()
    bench.subdirectory("closed", 0o300)
    bench.fails(errno.EACCES, "List", path=bench.path("closed"), follow_links=True, itself=False)


@check
def a_directory_that_cannot_be_searched_still_has_names_and_types(bench):
    only_ordinary_user()
    top = bench.subdirectory("names")
    bench.file("names/file")
    os.mkdir(top + "/dir")
    os.chmod(top, 0o400)
    found = by_name(listing(bench.session, top)[1])
    os.chmod(top, 0o700)
    assert {name: entry["type"] for name, entry in found.items()} == {b"file": b"file",
                                                                      b"dir": b"dir"}


def fill(top, count):
    for number in range(count):
        os.close(os.open(f"{top}/{number:06}", os.O_CREAT | os.O_WRONLY, 0o600))


@check
def a_large_directory_comes_in_constant_memory_beside_other_requests(bench):
    top = bench.subdirectory("many")
    fill(top, MANY_FILES)
    with bench.start() as session:
        session.ask("Getenv", "EnvironVar", key="HOME")
        channel = session.request("List", path=top, follow_links=True, itself=False)
        channel.generous = False
        channel.expect("FileInfo")
        session.ask("Getenv", "EnvironVar", key="HOME")
        channel.until(lambda: len(channel.content[1]) > 200 << 10, "the window isn't used")
        with open(f"/proc/{session.process.pid}/status", "rb") as status:
            peak = [line for line in status if line.startswith(b"VmHWM")][0]
        channel.generous = True
        channel.give(1 << 20)
        channel.expect("Ok")
        found = by_name(entries_of(channel.content[1]))
        assert len(found) == MANY_FILES, len(found)
        assert int(peak.split()[1]) < 32 << 10, peak
        session.finish()
    bench.remove(top)
    bench.leftovers()


@check
def a_list_can_be_cancelled(bench):
    top = bench.subdirectory("many")
    fill(top, 3000)
    channel = bench.session.request("List", path=top, follow_links=True, itself=False)
    channel.generous = False
    channel.expect("FileInfo")
    channel.send("Cancel")
    channel.expect_errno(errno.ECANCELED)
    bench.session.check_alive()


# ---- MakeDirectory


@check
def a_directory_is_made_for_its_owner_alone(bench):
    bench.make(bench.path("a"))
    info = os.stat(bench.path("a"))
    assert stat.S_IMODE(info.st_mode) == 0o700 and info.st_uid == os.geteuid(), info


@for_each([(mode, mode) for mode in ("755", "1777", "2750", "0", "7777")])
def a_directory_gets_the_mode(bench, mode):
    bench.make(bench.path("a"), mode=mode)
    assert stat.S_IMODE(os.stat(bench.path("a")).st_mode) == int(mode, 8)


@check
def a_directory_gets_owner_and_group(bench):
    only_root()
    bench.make(bench.path("a"), owner=other_user().pw_name, group=other_group().gr_name, mode="750")
    info = os.stat(bench.path("a"))
    assert user_name(info.st_uid) == other_user().pw_name and group_name(info.st_gid) == other_group().gr_name
    assert stat.S_IMODE(info.st_mode) == 0o750


@check
def a_directory_that_cannot_have_its_owner_is_not_left_behind(bench):
    only_ordinary_user()
    bench.fails(errno.EPERM, "MakeDirectory", path=bench.path("a"), owner="0", parents=False)
    bench.leftovers()


@check
def the_group_of_a_set_group_id_directory_goes_on_below(bench):
    os.chmod(bench.subdirectory("top"), 0o2755)
    bench.make(bench.path("top/a"), mode="755")
    assert stat.S_IMODE(os.stat(bench.path("top/a")).st_mode) == 0o2755


@check
def directories_above_are_made_if_that_is_asked_for(bench):
    bench.fails(errno.ENOENT, "MakeDirectory", path=bench.path("a/b"), parents=False)
    for path in ("a/b//c/", "a/b/c", "a"):
        bench.make(bench.path(path), parents=True, mode="755")
    assert stat.S_IMODE(os.stat(bench.path("a/b")).st_mode) == 0o755
    bench.file("file")
    bench.fails(errno.ENOTDIR, "MakeDirectory", path=bench.path("file/a"), parents=True)
    bench.fails(errno.EEXIST, "MakeDirectory", path=bench.path("file"), parents=True)
    bench.fails(errno.EEXIST, "MakeDirectory", path=bench.path("a"), parents=False)


@for_each([("mode", "mode", "8"), ("owner", "owner", "no such user"),
           ("group", "group", "no such group"), ("path", "path", "a\0b")])
def what_makes_no_sense_is_refused_by_name(bench, field, value):
    fields = {"path": bench.path("a"), "parents": False, field: value}
    bench.refused(field, "MakeDirectory", **fields)
    bench.leftovers()


# ---- Remove


@check
def a_file_a_link_and_an_empty_directory_are_removed(bench):
    bench.file("file")
    kept = bench.subdirectory("kept")
    os.symlink(kept, bench.path("link"))
    os.symlink("nowhere", bench.path("dangling"))
    bench.subdirectory("empty")
    for name in ("file", "link", "dangling", "empty"):
        bench.remove(bench.path(name), recursive=False)
    bench.leftovers("kept")
    bench.fails(errno.ENOENT, "Remove", path=bench.path("file"), recursive=False)
    bench.fails(errno.ENOENT, "Remove", path="", recursive=True)


@check
def a_directory_with_something_in_it_needs_recursive(bench):
    top = bench.tree("t")
    bench.fails(errno.ENOTEMPTY, "Remove", path=top, recursive=False)
    assert os.listdir(top + "/d0")
    bench.remove(top)
    bench.leftovers()


@check
def a_tree_goes_with_its_links_and_not_with_what_they_lead_to(bench):
    kept = bench.subdirectory("kept")
    bench.file("kept/file")
    top = bench.tree("t")
    os.symlink(kept, top + "/d1/out")
    os.symlink("..", top + "/d1/deep/up")
    bench.remove(top + "//")
    bench.leftovers("kept")
    assert os.listdir(kept) == ["file"]


@check
def a_link_with_a_slash_behind_it_is_not_removed(bench):
    bench.subdirectory("kept")
    bench.file("kept/file")
    os.symlink("kept", bench.path("link"))
    bench.fails(errno.ENOTDIR, "Remove", path=bench.path("link/"), recursive=True)
    assert os.path.lexists(bench.path("link")) and os.listdir(bench.path("kept")) == ["file"]


@for_each([(path, path) for path in ("/", "//", ".", "..", "a/.", "a/..", "./", "/tmp/../")])
def what_has_no_name_of_its_own_is_not_removed(bench, path):
    bench.refused("path", "Remove", path=path, recursive=True)


@check
def a_deep_tree_is_removed(bench):
    depth = MANY_FILES // 10
    top = bench.subdirectory("deep")
    descriptor = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("directory-with-a-name-of-some-length", dir_fd=descriptor)
        below = os.open("directory-with-a-name-of-some-length", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("file", os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    bench.change(top, recursive=True, mode="711")
    bench.remove(top)
    bench.leftovers()


@check
def what_cannot_be_removed_is_named(bench):
    only_ordinary_user()
    bench.subdirectory("t")
    bench.subdirectory("t/locked")
    bench.file("t/locked/file")
    os.chmod(bench.path("t/locked"), 0o500)
    fields = bench.session.request("Remove", path=bench.path("t"), recursive=True).expect("OSError")
    os.chmod(bench.path("t/locked"), 0o700)
    assert fields["errno"] == errno.EACCES and b"t/locked/file" in fields["msg"], fields


def unmount(place):
    """Who has answered may let go of what it looked at a moment later."""
    wait_until(lambda: subprocess.run(["umount", place], check=False).returncode == 0, 5,
               f"{place} stays in use")


@check
def a_mount_point_is_not_entered(bench):
    only_root()
    bench.subdirectory("t")
    bench.subdirectory("t/mounted")
    bench.subdirectory("kept")
    bench.file("kept/file")
    subprocess.run(["mount", "--bind", bench.path("kept"), bench.path("t/mounted")], check=True)
    try:
        bench.fails(errno.EBUSY, "Remove", path=bench.path("t"), recursive=True)
    finally:
        unmount(bench.path("t/mounted"))
    assert os.listdir(bench.path("kept")) == ["file"]


@check
def a_removal_can_be_cancelled_and_holds_up_nobody(bench):
    top = bench.subdirectory("many")
    fill(top, MANY_FILES)
    channel = bench.session.request("Remove", path=top, recursive=True)
    bench.ask("Getenv", "EnvironVar", key="HOME")
    channel.send("Cancel")
    answer = channel.next()
    if answer.name != "Ok":
        assert answer.fields["errno"] == errno.ECANCELED, answer
        assert os.listdir(top), "all is gone"
        bench.remove(top)
    bench.leftovers()


def swap_for_ever(victim, link, stop):
    """VICTIM, a directory, is a link in every other moment."""
    aside = victim + ".aside"
    while not stop.is_set():
        with contextlib.suppress(OSError):
            os.rename(victim, aside)
            os.symlink(link, victim)
            os.unlink(victim)
            os.rename(aside, victim)


@for_each([("removal", "remove"), ("chmod", "chmod")])
def a_directory_that_becomes_a_link_meanwhile_leads_nowhere(bench, what):
    kept = bench.subdirectory("kept", 0o755)
    for number in range(20):
        bench.file(f"kept/{number}", mode=0o644)
    stop = threading.Event()
    for turn in range(15):
        top = bench.subdirectory(f"t{turn}")
        for number in range(10):
            os.makedirs(f"{top}/victim/{number}/below")
        stop.clear()
        swapper = threading.Thread(target=swap_for_ever, args=(top + "/victim", kept, stop))
        swapper.start()
        try:
            if what == "remove":
                bench.session.request("Remove", path=top, recursive=True).next()
            else:
                bench.session.request(
                    "SetAttributes", path=top,
                    **attributes(recursive=True, mode="700", follow_links=False)).next()
        finally:
            stop.set()
            swapper.join()
    assert len(os.listdir(kept)) == 20, "files behind a link were removed"
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o755, "what a link leads to was changed"
    assert all(stat.S_IMODE(os.stat(f"{kept}/{number}").st_mode) == 0o644 for number in range(20))


# ---- Rename, Link, ReadLink


@check
def a_file_and_a_directory_are_renamed(bench):
    bench.file("a", b"one")
    bench.subdirectory("d")
    for old, new in (("a", "b"), ("d", "e")):
        bench.ask("Rename", source=bench.path(old), target=bench.path(new), replace=False)
    bench.leftovers("b", "e")
    bench.fails(errno.ENOENT, "Rename", source=bench.path("a"), target=bench.path("c"),
                replace=True)


@check
def a_rename_replaces_only_if_that_is_asked_for(bench):
    bench.file("a", b"new")
    bench.file("b", b"old")
    bench.fails(errno.EEXIST, "Rename", source=bench.path("a"), target=bench.path("b"),
                replace=False)
    with open(bench.path("b"), "rb") as file:
        assert file.read() == b"old"
    bench.ask("Rename", source=bench.path("a"), target=bench.path("b"), replace=True)
    with open(bench.path("b"), "rb") as file:
        assert file.read() == b"new"


def refuse_renameat2():
    """From here on this process, and what it becomes, has no renameat2, as in an old kernel."""
    load, equal, answer = 0x20, 0x15, 0x06  # operations of classic BPF
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.ENOSYS
    number = 316 if os.uname().machine == "x86_64" else 276
    program = b"".join(struct.pack("HBBI", *each) for each in (
        (load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, refuse), (answer, 0, 0, allow)))
    text = ctypes.create_string_buffer(program)
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(text))
    for arguments in ((38, 1, 0), (22, 2, header)):  # no new privileges; a filter of system calls
        if libc.prctl(*arguments, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


@check
def a_kernel_that_can_only_replace_does_not(bench):
    for name in ("a", "b", "c"):
        bench.file(name, name.encode())
    for name in ("d", "e"):
        bench.subdirectory(name)

    with Session(bench.command, environment(TMPDIR=bench.directory),
                 preexec_fn=refuse_renameat2) as session:
        def rename(source, target):
            return session.request("Rename", source=bench.path(source), target=bench.path(target),
                                   replace=False)

        for source, target in (("a", "b"), ("d", "e"), ("a", "d"), ("d", "a")):
            rename(source, target).expect_errno(errno.EEXIST)
        for source, target in (("a", "e/a"), ("d", "f")):
            rename(source, target).expect("Ok")
        os.chmod(bench.path("e"), 0o555)
        if not ROOT:
            for source, target in (("e/a", "g"), ("f", "e/f")):
                rename(source, target).expect_errno(errno.EACCES)
        session.finish()
    os.chmod(bench.path("e"), 0o755)
    bench.leftovers("b", "c", "e", "f")
    for name, content in (("e/a", b"a"), ("b", b"b")):
        with open(bench.path(name), "rb") as file:
            assert file.read() == content


@check
def a_rename_to_another_file_system_says_so(bench):
    if os.stat("/dev/shm").st_dev == os.stat(bench.directory).st_dev:
        raise Skip("there is no other file system")
    bench.fails(errno.EXDEV, "Rename", source=bench.file("a"), target=f"/dev/shm/lr-{os.getpid()}",
                replace=True)


@check
def links_are_made_and_read(bench):
    bench.file("a")
    for symbolic in (True, False):
        name = bench.path(f"link-{symbolic}")
        target = b"no\nwhere \xff" if symbolic else bench.path("a")
        fields = {"target": target, "path": name, "symbolic": symbolic}
        bench.ask("Link", replace=False, **fields)
        bench.fails(errno.EEXIST, "Link", replace=False, **fields)
        bench.ask("Link", replace=True, **fields)
    assert os.readlink(os.fsencode(bench.path("link-True"))) == b"no\nwhere \xff"
    assert os.stat(bench.path("link-False")).st_ino == os.stat(bench.path("a")).st_ino
    answer = bench.ask("ReadLink", "ResolveResult", path=bench.path("link-True"))
    assert answer["value"] == b"no\nwhere \xff", answer
    bench.fails(errno.EINVAL, "ReadLink", path=bench.path("a"))
    bench.fails(errno.ENOENT, "ReadLink", path=bench.path("b"))
    bench.leftovers("a", "link-True", "link-False")


@check
def a_link_replaces_a_file_and_no_directory(bench):
    bench.file("a")
    bench.subdirectory("d")
    fields = {"target": "x", "symbolic": True, "replace": True}
    bench.ask("Link", path=bench.path("a"), **fields)
    assert os.readlink(bench.path("a")) == "x"
    bench.fails(errno.EISDIR, "Link", path=bench.path("d"), **fields)
    bench.leftovers("a", "d")


@check
def a_link_of_the_longest_target(bench):
    target = b"x" * 4095
    bench.ask("Link", target=target, path=bench.path("a"), symbolic=True, replace=False)
    assert bench.ask("ReadLink", "ResolveResult", path=bench.path("a"))["value"] == target
    _, [entry] = listing(bench.session, bench.directory)
    assert entry["target"] == target


# ---- SetAttributes


@check
def mode_and_times_are_set(bench):
    path = bench.file("a")
    bench.change(path, mode="4711", set_mtime=True, mtime=1_000_000_001_000_000_007)
    info = os.stat(path)
    assert stat.S_IMODE(info.st_mode) == 0o4711 and info.st_mtime_ns == 1_000_000_001_000_000_007
    bench.change(path, set_atime=True, atime=-5, set_mtime=True, mtime=0)
    info = os.stat(path)
    assert (info.st_atime_ns, info.st_mtime_ns) == (-5, 0), info
    before = time.time()
    bench.change(path, set_mtime=True, mtime=-2**63)
    info = os.stat(path)
    assert info.st_atime_ns == -5 and before - 1 < info.st_mtime < time.time() + 1, info
    bench.fails(errno.ENOENT, "SetAttributes", path=bench.path("b"), **attributes(mode="644"))


@check
def a_symbolic_mode_depends_on_what_there_is(bench):
    path, place = bench.file("a", mode=0o640), bench.subdirectory("d")
    os.chmod(place, 0o2750)
    for mode, of_file, of_directory in (("u+x,g=u-w,o=", 0o750, 0o2750), ("a=rX", 0o555, 0o2555),
                                        ("a-x", 0o444, 0o2444), ("+X", 0o444, 0o2555),
                                        ("g-s,u+ws", 0o4644, 0o4755), ("=640", 0o640, 0o640)):
        for each, wanted in ((path, of_file), (place, of_directory)):
            bench.change(each, mode=mode)
            assert stat.S_IMODE(os.stat(each).st_mode) == wanted, (mode, oct(os.stat(each).st_mode))
    for mode in ("u", "u+q", "u+x,", "rwx", "00755", "", "u=755", "+77777"):
        bench.refused("mode", "SetAttributes", path=path, **attributes(mode=mode))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


@check
def in_a_tree_each_has_a_symbolic_mode_of_its_own(bench):
    top = bench.tree("t")
    os.chmod(top + "/d1", 0o070)  # which its owner can't read before
    runs = os.path.join(os.fsencode(top), b"d0", NAMES[0])
    os.chmod(runs, 0o700)
    # Done twice it would be undone.
    bench.change(top + "/d1", recursive=True, mode="u=g,g=o,u+r")
    assert stat.S_IMODE(os.stat(top + "/d1").st_mode) == 0o700
    bench.change(top, recursive=True, mode="a=rX,u+w")
    for directory, names, files in os.walk(os.fsencode(top)):
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            wanted = 0o755 if stat.S_ISDIR(info.st_mode) or path == runs else 0o644
            assert stat.S_ISLNK(info.st_mode) or stat.S_IMODE(info.st_mode) == wanted, name


@check
def a_link_is_followed_only_if_that_is_asked_for(bench):
    path = bench.file("a", mode=0o600)
    os.symlink("a", bench.path("link"))
    bench.change(bench.path("link"), mode="640", set_mtime=True, mtime=10)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    bench.change(bench.path("link"), follow_links=False, set_mtime=True, mtime=20)
    assert os.stat(path).st_mtime_ns == 10 and os.lstat(bench.path("link")).st_mtime_ns == 20


@check
def the_owner_is_set_before_the_mode(bench):
    only_root()
    path = bench.file("a")
    bench.change(path, owner=other_user().pw_name, mode="4755")
    info = os.stat(path)
    assert user_name(info.st_uid) == other_user().pw_name and stat.S_IMODE(info.st_mode) == 0o4755
    assert info.st_gid == os.getegid(), "the group was changed, too"
    bench.change(path, group=other_group().gr_name)
    info = os.stat(path)
    assert group_name(info.st_gid) == other_group().gr_name and user_name(info.st_uid) == other_user().pw_name


@check
def ids_without_names_are_taken(bench):
    only_root()
    number = unused_id()
    path = bench.file("a")
    bench.change(path, owner=str(number), group=str(number))
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (number, number)


@check
def only_root_gives_files_away(bench):
    only_ordinary_user()
    bench.fails(errno.EPERM, "SetAttributes", path=bench.file("a"), **attributes(owner="0"))


@check
def a_tree_is_changed_and_no_link_followed(bench):
    kept = bench.file("kept", mode=0o604)
    top = bench.tree("t")
    os.symlink(kept, top + "/d0/out")
    bench.change(top, recursive=True, mode="750", set_mtime=True, mtime=7)
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o604
    for directory, names, files in os.walk(os.fsencode(top)):
        for name in [b".", *names, *files]:
            info = os.lstat(os.path.join(directory, name))
            assert info.st_mtime_ns == 7, name
            assert stat.S_ISLNK(info.st_mode) or stat.S_IMODE(info.st_mode) == 0o750, name


@check
def a_tree_can_be_closed_and_opened_again(bench):
    top = bench.tree("t")
    bench.change(top, recursive=True, mode="0")
    bench.change(top, recursive=True, mode="755")
    assert stat.S_IMODE(os.stat(top + "/d2/deep/er").st_mode) == 0o755


# ---- MakeTemporary, FileSystem


@check
def temporary_files_and_directories(bench):
    seen = set()
    for is_directory in (False, True) * 3:
        value = bench.ask("MakeTemporary", "ResolveResult", directory=bench.directory,
                          prefix="x.", is_directory=is_directory)["value"]
        info = os.lstat(value)
        assert stat.S_ISDIR(info.st_mode) == is_directory, info
        assert stat.S_IMODE(info.st_mode) == (0o700 if is_directory else 0o600), info
        assert value.startswith(os.fsencode(bench.path("x."))), value
        seen.add(value)
    assert len(seen) == 6
    bench.refused("prefix", "MakeTemporary", directory=bench.directory, prefix="../x",
                  is_directory=False)
    for directory in (bench.path("none"), ""):
        bench.fails(errno.ENOENT, "MakeTemporary", directory=directory, prefix="",
                    is_directory=True)


@check
def temporary_files_are_where_the_environment_says(bench):
    with bench.start() as session:
        value = session.ask("MakeTemporary", "ResolveResult", prefix="", is_directory=False)
        assert os.path.dirname(value["value"]) == os.fsencode(bench.directory), value
        session.finish()


@check
def a_file_system_is_described(bench):
    answer = bench.ask("FileSystem", "FileSystemInfo", path=bench.directory)
    expected = os.statvfs(bench.directory)
    assert answer["size"] == expected.f_blocks * expected.f_frsize, answer
    assert answer["block_size"] == expected.f_bsize and answer["files"] == expected.f_files
    assert answer["name_max"] == expected.f_namemax and not answer["read_only"], answer
    assert answer["available"] <= answer["free"] <= answer["size"], answer
    bench.fails(errno.ENOENT, "FileSystem", path=bench.path("none"))


@check
def a_read_only_file_system_and_a_full_one_say_so(bench):
    only_root()
    place = bench.subdirectory("m")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=3", "tmpfs", place], check=True)
    try:
        bench.make(place + "/a")
        bench.make(place + "/b")
        bench.fails(errno.ENOSPC, "MakeDirectory", path=place + "/c", parents=False)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        assert bench.ask("FileSystem", "FileSystemInfo", path=place)["read_only"]
        bench.fails(errno.EROFS, "Remove", path=place + "/a", recursive=True)
        bench.fails(errno.EROFS, "MakeDirectory", path=place + "/d", parents=True)
        bench.fails(errno.EROFS, "SetAttributes", path=place + "/a", **attributes(mode="700"))
    finally:
        unmount(place)


@check
def nothing_is_left(bench):
    """Of all the checks before, if none of them failed."""
    session = bench.session
    session.check_alive()
    pid = session.process.pid
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= 10, 5, "descriptors are left")
    session.finish()


def main(command):
    if not command:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    bench = Bench(command)
    return make_all(bench, "files-client")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
