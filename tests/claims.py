#!/usr/bin/env python3
"""Whether what the pages name is there: tests/claims.py TREE

In docs/architecture.md what begins with "In `FOLDER/`", a paragraph or a table behind it, names each
source in that folder, and nothing else; and no source includes what is above its folder.

In docs/security.md `FILE: TEST` is a test of tests/FILE, `conformance: FAMILY/CHECK` a check of the
table, `test-NAME.sh` a whole file, and fuzz-NAME a fuzz target.  Each row of a table that says where
it is tested names one at least."""

import pathlib
import re
import sys

FOLDERS = {"protocol", "tree", "core", "dispatcher", "plugins", "cli", "askpass", "conformance",
           "tests", "fuzz", "bench"}
# What includes what, as the page draws it.
MAY_INCLUDE = {"protocol": set(), "tree": {"protocol"}, "core": {"protocol", "tree"},
               "dispatcher": {"protocol", "tree"}, "plugins": set(), "cli": {"conformance"},
               "askpass": {"core"}, "conformance": set()}
INCLUDED = re.compile(r'^ *# *include "([a-z]+)/', re.M)
FOLDER = re.compile(r"^In `([\w/]+)/`")
SOURCES = (".c", ".h", ".def", ".map", ".py", ".sh")
ROW = re.compile(r"^\|(?P<claim>[^|]+)\|(?P<tests>[^|]+)\|$")
NAMED = re.compile(r"`([^`]+)`")


def holds(text, name):
    """Whether a test called NAME stands in TEXT, of either kind."""
    return re.search(rf"^Test \([^,]*, {re.escape(name)}[,)]", text, re.M) or f'"{name}"' in text


def is_there(tree, reference):
    file, _, name = reference.partition(": ")
    if file == "conformance":
        family, _, check = name.partition("/")
        table = (tree / "conformance/checks.def").read_text()
        return f"CHECK ({family}, {check}," in table
    if file.startswith("fuzz-"):
        return (tree / f"fuzz/{file}.c").exists()
    path = tree / "tests" / file
    return path.exists() and (not name or bool(holds(path.read_text(), name)))


def named_sources(text):
    """{folder: names}, as "In `FOLDER/`" and what stands behind it, up to a table's end, have them."""
    found = {}
    blocks = text.split("\n\n")
    for block, following in zip(blocks, blocks[1:] + [""]):
        folder = FOLDER.match(block)
        if folder:
            named = NAMED.findall(block + (following if following.startswith("|") else ""))
            found[folder[1]] = {name for name in named
                                if name.endswith(SOURCES + (".[ch]",)) and "NAME" not in name}
    return found


def check_folder(folder, named):
    """What is wrong with the names of what is in FOLDER."""
    there = {path.name for path in folder.iterdir() if path.suffix in SOURCES}
    if folder.name in ("tests", "fuzz"):
        there = {name for name in there if not name.startswith(("test-", "fuzz-"))}
    if folder.name == "cli":
        there.discard("templates.c")  # made
    covered = set()
    for name in named:
        base = name.removesuffix(".[ch]")
        files = {base + ".c", base + ".h"} if base != name else {name}
        if not files <= there:
            yield f"there is no {folder.name}/{name}"
        # A source brings its header along.
        covered |= files | {name.removesuffix(".c") + ".h"}
    yield from (f"{folder.name}/{name} has no place" for name in sorted(there - covered))


def check_arrows(tree):
    for folder, others in MAY_INCLUDE.items():
        for source in sorted((tree / folder).rglob("*.[ch]")):
            wrong = set(INCLUDED.findall(source.read_text())) - others - {folder}
            yield from (f"{source.relative_to(tree)} includes {other}/" for other in sorted(wrong))


def check_architecture(tree):
    yield from check_arrows(tree)
    folders = named_sources((tree / "docs/architecture.md").read_text())
    yield from (f"{folder}/ has no place" for folder in sorted(FOLDERS - folders.keys()))
    for folder, named in folders.items():
        yield from check_folder(tree / folder, named)


def check_security(tree):
    in_table = False
    for line in (tree / "docs/security.md").read_text().splitlines():
        row = ROW.match(line)
        in_table = bool(row) and (in_table or "where it is tested" in line)
        if not in_table or "where it is tested" in line or "---" in line:
            continue
        references = NAMED.findall(row["tests"])
        if not references:
            yield f"no test is named for: {row['claim'].strip()}"
        yield from (f"there is no {r}" for r in references if not is_there(tree, r))


def main():
    tree = pathlib.Path(sys.argv[1])
    problems = [f"docs/architecture.md: {problem}" for problem in check_architecture(tree)]
    problems += [f"docs/security.md: {problem}" for problem in check_security(tree)]
    print("".join(f"{problem}\n" for problem in problems), end="")
    return 1 if problems else 0


sys.exit(main())
