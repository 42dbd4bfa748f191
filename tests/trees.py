"""Trees of files for the tests of put -r and get -r.

    trees.py make DIRECTORY               make one with all that a tree can have
    trees.py many DIRECTORY COUNT         COUNT small files
    trees.py compare ONE OTHER [owners]   say what differs, and fail if anything does

Nothing here uses paths below the top: they can be longer than the kernel takes."""

import hashlib
import os
import stat
import sys

DEPTH = 300  # directories below each other: more than the path of a file has room for
MIB = 1 << 20


def write(directory, name, content=b"", mode=0o644):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), mode)


def write_sparse(directory, name, size, pieces):
    file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)
    os.ftruncate(file, size)
    for offset, content in pieces:
        os.pwrite(file, content, offset)
    os.close(file)


def subdirectory(directory, name):
    os.mkdir(name, dir_fd=directory)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)


def make_deep(directory):
    deep = subdirectory(directory, "deep")
    for _ in range(DEPTH):
        below = subdirectory(deep, "a directory below a directory")
        write(deep, "beside", b"it")
        os.close(deep)
        deep = below
    write(deep, "bottom", b"the end")
    os.close(deep)


def make(path):
    os.mkdir(path)
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    write(top, "empty")
    write(top, "small", b"a few bytes")
    write(top, "large", os.urandom(3 * MIB + 17))
    for mode in (0o000, 0o400, 0o755, 0o666, 0o600, 0o711):
        # Only root can read the first of them.
        if mode & 0o400 or os.geteuid() == 0:
            write(top, "mode %03o" % mode, b"mode", mode)
    for name in (b"new\nline", b"not \xff\xfe UTF-8", b" ", b"-rf", b"\\", b"'\"$(x)`x`*?",
                 b"\x1b[31mred", b"~", b"...", b".hidden", b"n" * 255, "\u00fc\u4e16".encode()):
        write(top, name, b"name")
    write(top, "same", b"two names")
    sub = subdirectory(top, "sub")
    os.link("same", "same too", src_dir_fd=top, dst_dir_fd=sub)
    os.link("same", "same again", src_dir_fd=top, dst_dir_fd=top)
    os.symlink("small", "link", dir_fd=top)
    os.symlink("../small", "link up", dir_fd=sub)
    os.symlink("/nowhere/at all", "link to nothing", dir_fd=top)
    os.symlink("sub", "link to a directory", dir_fd=top)
    os.symlink("x" * 1000, "long link", dir_fd=top)
    write_sparse(top, "hole", 4 * MIB, [])
    write_sparse(top, "hole at the end", 8 * MIB, [(0, b"start")])
    write_sparse(top, "hole at the start", 8 * MIB, [(8 * MIB - 3, b"end")])
    write_sparse(top, "holes", 9 * MIB + 5, [(MIB, b"one"), (5 * MIB, b"two" * 100000)])
    os.close(subdirectory(top, "nothing in it"))
    make_deep(top)
    locked = subdirectory(top, "read only")
    write(locked, "file", b"locked")
    os.fchmod(locked, 0o555)
    os.close(locked)
    os.utime("sub", ns=(1, 1234567890123456789), dir_fd=top)
    os.utime("small", ns=(1, -1500000000), dir_fd=top)
    os.utime("link", ns=(1, 987654321987654321), dir_fd=top, follow_symlinks=False)
    os.utime("empty", ns=(1, 4102444800000000001), dir_fd=top)
    os.close(sub)
    os.close(top)
    os.utime(path, ns=(1, 1111111111111111111))


def many(path, count):
    os.mkdir(path)
    for i in range(count):
        directory = "%s/%02d" % (path, i % 50)
        os.makedirs(directory, exist_ok=True)
        with open("%s/%d" % (directory, i), "wb") as stream:
            stream.write(b"%d\n" % i * (i % 700))


def digest(directory, name):
    state = hashlib.sha1()
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as stream:
        while block := stream.read(MIB):
            state.update(block)
    return state.hexdigest()


def look(directory, path, seen, names, owners):
    for name in sorted(os.fsencode(name) for name in os.listdir(directory)):
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
        place = path + b"/" + name
        kind = stat.S_IFMT(info.st_mode)
        entry = [oct(kind), info.st_mtime_ns]
        if owners:
            entry += [info.st_uid, info.st_gid]
        if kind != stat.S_IFLNK:
            entry.append(oct(info.st_mode & (0o7777 if owners else 0o777)))
        if kind == stat.S_IFLNK:
            entry.append(os.readlink(name, dir_fd=directory))
        elif kind == stat.S_IFREG:
            entry += [info.st_size, digest(directory, name), info.st_nlink]
            if info.st_blocks < info.st_size // 512:
                entry.append("it has holes")
            entry.append(names.setdefault((info.st_dev, info.st_ino), place))
        seen[place] = entry
        if kind == stat.S_IFDIR:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
            look(below, place, seen, names, owners)
            os.close(below)


def look_at(path, owners):
    seen = {}
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    look(top, b"", seen, {}, owners)
    info = os.fstat(top)
    seen[b""] = [oct(info.st_mode), info.st_mtime_ns]
    os.close(top)
    return seen


def compare(one, other, *owners):
    first, second = look_at(one, owners), look_at(other, owners)
    differences = [place for place in sorted({*first, *second})
                   if first.get(place) != second.get(place)]
    for place in differences[:10]:
        print(place[-80:], first.get(place), second.get(place))
    print(len(first), "entries")
    sys.exit(bool(differences) or len(first) < 2)


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    {"make": make, "many": lambda path, count: many(path, int(count)),
     "compare": compare}[sys.argv[1]](*sys.argv[2:])
