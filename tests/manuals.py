#!/usr/bin/env python3
"""Holds the manual pages of section 3 against the public headers, so that they can't disagree.

  manuals.py SOURCE-TREE     say what is different, and exit 1 if anything is

Each page speaks of one header.  Its SYNOPSIS has each function and callback type of that header, as
it is declared there; what follows has an entry for each of them, for each structure with its
members, each enumerator and each macro; and no page speaks of anything that no header has.
"""

import os
import re
import shlex
import subprocess
import sys

PAGES = {
    "docs/longreach.3": "longreach.h",
    "docs/longreach-connector.3": "connector.h",
}

# Members that mean the same wherever they are, which a page says once.
COMMON_MEMBERS = {"size", "struct_size", "reserved", "timeout_ms"}

# Sections after the SYNOPSIS that are no reference: a name in there is not its entry.
NO_REFERENCE = ("TUTORIAL", "EXAMPLES", "SEE ALSO")


def squeeze(text):
    """TEXT with the spaces only that keep words apart."""
    return re.sub(r"\s*([*(),])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


# ---- headers ----


class Header:
    """What one header declares, without what it includes."""

    def __init__(self):
        self.functions = {}  # name: (type, parameters)
        self.callbacks = {}  # name: (type, parameters), of typedefs of functions
        self.structures = {}  # name: {member: its declaration}
        self.types = []  # typedefs of anything else
        self.enumerators = []
        self.macros = []


def preprocess(include, header):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    text = subprocess.run(
        [*compiler, "-E", "-P", "-I", include, "-x", "c", "-"],
        input=f"#include <longreach/{header}>\n",
        stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    return re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", text)


def split_parameters(text):
    parameters = [squeeze(part) for part in text.split(",")]
    return [] if parameters == ["void"] else parameters


def member_name(declaration):
    function = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
    if function:
        return function.group(1)
    return re.search(r"(\w+)\s*(\[[^]]*\])?\s*$", declaration).group(1)


def read_header(include, name):
    """All that NAME declares, with what it includes."""
    header = Header()
    text = preprocess(include, name)
    for structure, body in re.findall(r"struct\s+(lr_\w+)\s*\{(.*?)\}\s*;", text, re.S):
        members = [part for part in body.split(";") if part.strip()]
        header.structures[structure] = {member_name(member): squeeze(member) for member in members}
    for body in re.findall(r"enum\s+lr_\w+\s*\{(.*?)\}\s*;", text, re.S):
        header.enumerators += [part.split("=")[0].strip() for part in body.split(",") if part.strip()]
    text = re.sub(r"\{.*?\}", "", text, flags=re.S)
    header.types = re.findall(r"typedef\s+[^;(]*?\b(lr_\w+)\s*;", text)
    for typedef, kind, function, parameters in re.findall(
            r"(?:^|;)\s*(typedef\s+)?([^;(]*?)\b(lr_\w+)\s*\(([^()]*)\)\s*(?=;)", text):
        table = header.callbacks if typedef else header.functions
        table[function] = (squeeze(kind), split_parameters(parameters))
    with open(os.path.join(include, "longreach", name), encoding="utf-8") as file:
        macros = re.findall(r"^#\s*define\s+((?:LR|lr)_\w*[A-Za-z0-9])\b(?!_)", file.read(), re.M)
    header.macros = sorted(set(macros))
    return header


def without(header, other):
    """HEADER without what is OTHER's, which it includes."""
    for table in ("functions", "callbacks", "structures"):
        for name in getattr(other, table):
            getattr(header, table).pop(name, None)
    for names in ("enumerators", "types"):
        others = getattr(other, names)
        setattr(header, names, [name for name in getattr(header, names) if name not in others])
    return header


def words_of(include):
    """Each lr_ or LR_ word that the headers have, but for what is private to them, and comments."""
    words = set()
    for name in PAGES.values():
        with open(os.path.join(include, "longreach", name), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        words |= set(re.findall(r"\b(?:lr|LR)_\w*[A-Za-z0-9]\b", text))
    return words


# ---- pages ----


def arguments(line):
    """The arguments of a macro line, with quotes taken off."""
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]


class Page:
    def __init__(self, text):
        sections = re.split(r"^\.Sh (.*)$", text, flags=re.M)
        self.text = text
        self.sections = dict(zip(sections[1::2], sections[2::2]))
        reference = [body for title, body in self.sections.items()
                     if title not in ("NAME", "SYNOPSIS", *NO_REFERENCE)]
        self.reference = "\n".join(reference)
        self.subsections = re.split(r"^\.Ss .*$", self.reference, flags=re.M)

    def synopsis(self):
        """{name: (type, parameters)}; the type is "" where none is given."""
        prototypes = {}
        kind = ""
        for line in self.sections["SYNOPSIS"].splitlines():
            words = arguments(line)
            if words[:1] == [".Ft"]:
                kind = squeeze(" ".join(words[1:]))
            elif words[:1] == [".Fn"]:
                parameters = [squeeze(word) for word in words[2:]]
                prototypes[words[1]] = (kind, [] if parameters == ["void"] else parameters)
                kind = ""
        return prototypes

    def entries(self):
        """The functions that an item of a list, or a paragraph, begins with."""
        named = set()
        for block in re.split(r"^\.(?:Pp|Ss .*|Bl .*|El|Ed)$", self.reference, flags=re.M):
            opening = re.match(r"\s*((?:\.Fn \S+.*\n(?:and\n|,\n)?)+)", block)
            if opening:
                named |= set(re.findall(r"^\.Fn (\w+)", opening.group(1), re.M))
        for item in re.findall(r"^\.It (.*)$", self.reference, re.M):
            named |= set(re.findall(r"\bFn (\w+)", item))
        return named

    def marked(self, *macros):
        """The first words that any of MACROS has in the reference."""
        lines = re.findall(r"^\.(?:.* )?(?:%s) (.*)$" % "|".join(macros), self.reference, re.M)
        return set(re.findall(r"\w+", " ".join(lines)))

    def members_near(self, structure):
        """The members that the subsections name which speak of STRUCTURE."""
        named = set()
        for subsection in self.subsections:
            if re.search(r"^\.(?:.* )?Vt struct %s\b" % structure, subsection, re.M) \
                    or re.search(r"^struct %s$" % structure, subsection, re.M):
                for line in re.findall(r"^\.(?:It )?(?:.* )?(?:Va|Fn) (.*)$", subsection, re.M):
                    named |= set(re.findall(r"\w+", line))
        return named

    def declarations(self):
        """The structures that are shown as code: {name: [member's declaration]}."""
        return {name: [squeeze(part) for part in body.split(";") if part.strip()]
                for name, body in re.findall(r"^struct (lr_\w+)\n\{(.*?)^\};", self.reference,
                                             re.M | re.S)}


# ---- what disagrees ----


def spoken(prototype):
    kind, parameters = prototype
    return f"{kind or '(no type)'} ({', '.join(parameters) or 'void'})"


def check_synopsis(page, header):
    shown = page.synopsis()
    declared = dict(header.functions)
    declared.update({name: ("typedef " + kind, parameters)
                     for name, (kind, parameters) in header.callbacks.items()})
    for name, prototype in sorted(declared.items()):
        if name not in shown:
            yield f"SYNOPSIS has no {name}"
        elif shown[name] != prototype:
            yield f"SYNOPSIS has {name} as {spoken(shown[name])}, the header as {spoken(prototype)}"
    for name in sorted(set(shown) - set(declared) - set(header.macros)):
        yield f"SYNOPSIS has {name}, which the header does not declare"


def check_entries(page, header):
    entries = page.entries()
    for name in sorted({**header.functions, **header.callbacks}):
        if name not in entries:
            yield f"the function {name} has no entry"
    constants = page.marked("Dv", "Fn", "It Fn")
    for name in header.enumerators:
        if name not in constants:
            yield f"the enumerator {name} has no entry"
    for name in header.macros:
        if name not in constants:
            yield f"the macro {name} has no entry"
    for name in header.types:
        if not re.search(r"^\.(?:.* )?Vt \"?(?:const )?%s\b" % name, page.reference, re.M):
            yield f"the type {name} has no entry"
    for name, members in sorted(header.structures.items()):
        near = page.members_near(name)
        if not near:
            yield f"struct {name} has no entry"
        else:
            for member, declaration in members.items():
                if "(*" not in declaration and member not in near | COMMON_MEMBERS:
                    yield f"the member {member} of struct {name} has no entry"


def check_structures(page, header):
    for name, declarations in page.declarations().items():
        members = header.structures.get(name)
        if members is not None and declarations != list(members.values()):
            yield f"struct {name} is shown otherwise than it is declared"


def check_table(page, header):
    """Hooks are shown with their parameters, operations in a table with their arguments."""
    for name, member in header.structures.get("lr_connector", {}).items():
        parameters = re.fullmatch(r"void\(\*\w+\)\((.*)\)", member)
        if not parameters:
            continue
        parameters = split_parameters(parameters.group(1))
        if parameters[0].startswith("lr_call*"):
            structure = re.search(r"struct (\w+)", parameters[-1])
            row = re.search(r"^\.It Va (?:\w+ , )?%s\b.* Ta(?: Vt struct (\w+))? Ta " % name,
                            page.reference, re.M)
            if not row or row.group(1) != (structure.group(1) if structure else None):
                yield f"the operation {name} is not in the table with its arguments"
        else:
            shown = [arguments(line)[1:] for line
                     in re.findall(r'^\.It (Fn "\(\*%s\)" .*)$' % name, page.reference, re.M)]
            if [[squeeze(word) for word in words[1:]] for words in shown] != [parameters]:
                yield f"the hook {name} is not shown as it is declared"


def check_words(page, words):
    for word in sorted(set(re.findall(r"\b(?:lr|LR)_\w*[A-Za-z0-9]\b", page.text)) - words):
        yield f"there is no {word} in the headers"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = sys.argv[1]
    include = os.path.join(tree, "include")
    application = read_header(include, "longreach.h")
    headers = {
        "longreach.h": application,
        "connector.h": without(read_header(include, "connector.h"), application),
    }
    words = words_of(include)
    found = False
    for path, name in PAGES.items():
        with open(os.path.join(tree, path), encoding="utf-8") as file:
            page = Page(file.read())
        header = headers[name]
        for check in (check_synopsis, check_entries, check_structures, check_table):
            for problem in check(page, header):
                print(f"{path}: {problem}")
                found = True
        for problem in check_words(page, words):
            print(f"{path}: {problem}")
            found = True
    sys.exit(found)


if __name__ == "__main__":
    main()
