"""Packets to bytes and back, from docs/protocol.md: what the clients in Python share."""

import collections
import os
import struct

INTEGERS = {"i32": ">i", "u32": ">I", "i64": ">q", "u64": ">Q"}

# Of both protocols: id, and fields in wire order.
REQUESTS = {
    "CheckAlive": (2, ""),
    "Exit": (3, ""),
    "ProcessRun": (8, "command:list stdin:bytes? capture_output:bool user:str? group:str? "
                      "umask:str? cwd:str?"),
    "Stat": (10, "path:str follow_links:bool sha512sum:bool"),
    "ResolveUser": (12, "user:str?"),
    "ResolveGroup": (13, "group:str?"),
    "Upload": (14, "file:str content:bytes mode:str? owner:str? group:str?"),
    "Download": (16, "file:str"),
    "QueryUser": (18, "user:str query_password_hash:bool"),
    "QueryGroup": (20, "group:str"),
    "Getenv": (22, "key:str"),
}

ANSWERS = {
    0: ("Ok", ""),
    1: ("Ack", ""),
    4: ("OSError", "errno:i64 strerror:str msg:str"),
    5: ("InvalidField", "field:str error_message:str"),
    6: ("ProcessCompleted", "stdout:bytes? stderr:bytes? returncode:i32"),
    7: ("ProcessError", "message:str"),
    9: ("StatResult", "type:str mode:u64 owner:str group:str size:u64 mtime:u64 ctime:u64 "
                      "sha512sum:bytes?"),
    11: ("ResolveResult", "value:str"),
    15: ("DownloadResult", "content:bytes"),
    17: ("UserEntry", "name:str uid:i64 group:str gid:i64 groups:list password_hash:str? gecos:str "
                      "home:str shell:str"),
    19: ("GroupEntry", "name:str gid:i64 members:list"),
    21: ("EnvironVar", "value:str?"),
}

Answer = collections.namedtuple("Answer", "name fields")


def u32(value):
    return struct.pack(">I", value)


def u64(value):
    return struct.pack(">Q", value)


def encode_bytes(value):
    value = os.fsencode(value)
    return u64(len(value)) + value


def fields_of(layout):
    return [word.split(":") for word in layout.split()]


def encode_packet(number, layout, fields):
    """A packet; optional fields that are not given are absent."""
    fields = dict(fields)
    pieces = [u32(number)]
    for field, kind in fields_of(layout):
        value = fields.pop(field) if not kind.endswith("?") else fields.pop(field, None)
        if kind.endswith("?"):
            pieces.append(b"\0" if value is None else b"\1" + encode_bytes(value))
        elif kind == "bool":
            pieces.append(b"\1" if value else b"\0")
        elif kind == "list":
            pieces.append(u64(len(value)) + b"".join(map(encode_bytes, value)))
        elif kind in INTEGERS:
            pieces.append(struct.pack(INTEGERS[kind], value))
        else:
            pieces.append(encode_bytes(value))
    assert not fields, f"packet {number} has no {', '.join(fields)}"
    return b"".join(pieces)


def decode_field(kind, take):
    """A field; TAKE gives the next so many bytes."""
    if kind.endswith("?"):
        return decode_field(kind[:-1], take) if decode_field("bool", take) else None
    if kind == "bool":
        value = take(1)
        assert value in (b"\0", b"\1"), f"a bool is {value!r}"
        return value == b"\1"
    if kind in INTEGERS:
        form = INTEGERS[kind]
        return struct.unpack(form, take(struct.calcsize(form)))[0]
    size = decode_field("u64", take)
    if kind == "list":
        return [decode_field("str", take) for _ in range(size)]
    return take(size)


def decode_fields(layout, take):
    return {field: decode_field(kind, take) for field, kind in fields_of(layout)}
