#!/usr/bin/env python3
"""Holds the interface structures and enumerations against the record tests/frozen/layout.

  layout.py SOURCE-TREE              say what is different, and exit 1 if anything is
  layout.py SOURCE-TREE --update     write the record anew

What was recorded must stay: each structure's members with their offsets and sizes, each
enumerator's value.  Members may be appended, and a structure may grow by that; then the record has
to follow.  It is one for machines with 64-bit longs and pointers (LP64).
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

RESERVES = {"reserved"}  # members out of which others may come, at the end of a structure


def compiler():
    return shlex.split(os.environ.get("CC", "cc"))


def declarations(include):
    """The structures and enumerations of the headers: {name: [member]}, {name: [enumerator]}."""
    text = subprocess.run(
        [*compiler(), "-E", "-P", "-I", include, "-x", "c", "-"],
        input="#include <longreach/connector.h>\n",
        stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text, flags=re.S)
    structures = {}
    for name, body in re.findall(r"struct\s+(lr_\w+)\s*\{(.*?)\}\s*;", text, re.S):
        members = [member_name(part) for part in body.split(";") if part.strip()]
        structures[name] = members
    enumerations = {}
    for name, body in re.findall(r"enum\s+(lr_\w+)\s*\{(.*?)\}\s*;", text, re.S):
        enumerations[name] = [part.split("=")[0].strip() for part in body.split(",") if part.strip()]
    return structures, enumerations


def member_name(declaration):
    function = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
    if function:
        return function.group(1)
    return re.search(r"(\w+)\s*(\[[^]]*\])?\s*$", declaration).group(1)


def measure(include):
    """The lines of the record as the headers are now."""
    structures, enumerations = declarations(include)
    lines = ["#include <longreach/connector.h>", "#include <stddef.h>", "#include <stdio.h>",
             "int main (void) {"]
    for name, members in sorted(structures.items()):
        lines.append(f'printf ("struct {name} %zu\\n", sizeof (struct {name}));')
        for member in members:
            lines.append(f'printf ("  {member} %zu %zu\\n", offsetof (struct {name}, {member}), '
                         f'sizeof ((struct {name} *) 0)->{member});')
    for name, values in sorted(enumerations.items()):
        lines.append(f'printf ("enum {name} %zu\\n", sizeof (enum {name}));')
        for value in values:
            lines.append(f'printf ("  {value} %lld\\n", (long long) {value});')
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as scratch:
        program = os.path.join(scratch, "layout")
        subprocess.run([*compiler(), "-I", include, "-x", "c", "-", "-o", program],
                       input="\n".join(lines), check=True, universal_newlines=True)
        return subprocess.run([program], stdout=subprocess.PIPE, check=True,
                              universal_newlines=True).stdout


def parse(record):
    """{"struct lr_x": (size, {member: (offset, size)})}, with the members in order."""
    types = {}
    for line in record.splitlines():
        if not line or line.startswith("#"):
            continue
        words = line.split()
        if line.startswith(" "):
            members[words[0]] = tuple(int(word) for word in words[1:])
        else:
            members = {}
            types[" ".join(words[:-1])] = (int(words[-1]), members)
    return types


def compare(recorded, now):
    """What breaks programs and plugins that are built, and what only has to be recorded."""
    broken, new = [], []
    for name, (size, members) in recorded.items():
        if name not in now:
            broken.append(f"{name} is gone")
            continue
        new_size, new_members = now[name]
        for member, place in members.items():
            if member not in new_members:
                broken.append(f"{name}: {member} is gone")
            elif new_members[member] != place and member not in RESERVES:
                broken.append(f"{name}: {member} was {describe(place)} and is "
                              f"{describe(new_members[member])}")
        added = [member for member in new_members if member not in members]
        if new_size < size or (new_size > size and (not added or "reserved" in last(members))):
            broken.append(f"{name} was {size} bytes and is {new_size}")
        if added:
            new.append(f"{name} has more: {', '.join(added)}")
    new += [f"{name} is new" for name in now if name not in recorded]
    return broken, new


def last(members):
    return list(members)[-1] if members else ""


def describe(place):
    return f"{place[0]}" if len(place) == 1 else f"{place[1]} bytes at {place[0]}"


def main():
    tree = sys.argv[1]
    path = os.path.join(tree, "tests", "frozen", "layout")
    measured = measure(os.path.join(tree, "include"))
    if "--update" in sys.argv[2:]:
        with open(path, "w", encoding="ascii") as file:
            file.write("# Structures (bytes), members (offset, bytes), enumerators (value): see "
                       "tests/layout.py.\n" + measured)
        return 0
    with open(path, encoding="ascii") as file:
        recorded = parse(file.read())
    broken, new = compare(recorded, parse(measured))
    for line in broken:
        print(f"what is built would break: {line}")
    for line in new:
        print(f"not recorded yet: {line}")
    if new and not broken:
        print("What is new is at its end, where it may be.  Record it: tests/layout.py . --update")
    return 1 if broken or new else 0


if __name__ == "__main__":
    sys.exit(main())
