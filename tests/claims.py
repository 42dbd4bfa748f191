#!/usr/bin/env python3
"""Whether each test that docs/security.md names is there: tests/claims.py TREE

`FILE: TEST` is a test of tests/FILE, `conformance: FAMILY/CHECK` a check of the table,
`test-NAME.sh` a whole file, and fuzz-NAME a fuzz target.  Each row of a table that says where it is
tested names one at least."""

import pathlib
import re
import sys

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


def main():
    tree = pathlib.Path(sys.argv[1])
    problems = []
    in_table = False
    for line in (tree / "docs/security.md").read_text().splitlines():
        row = ROW.match(line)
        in_table = bool(row) and (in_table or "where it is tested" in line)
        if not in_table or "where it is tested" in line or "---" in line:
            continue
        references = NAMED.findall(row["tests"])
        if not references:
            problems.append(f"no test is named for: {row['claim'].strip()}")
        problems += [f"there is no {r}" for r in references if not is_there(tree, r)]
    print("".join(f"docs/security.md: {problem}\n" for problem in problems), end="")
    return 1 if problems else 0


sys.exit(main())
