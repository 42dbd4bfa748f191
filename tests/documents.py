"""Code blocks of the documents: found, and told apart.

In Markdown a block is fenced or indented by four columns, in a manual page it stands between
".Bd -literal" and ".Ed", ".EX" and ".EE" or ".nf" and ".fi", or is a line of ".Dl"."""

import re


class Block:
    """TEXT at LINE of DOCUMENT, in LANGUAGE: c, sh, ini, json, python, or "" where nobody knows."""

    def __init__(self, document, line, language, text):
        self.document = document
        self.line = line
        self.text = text
        self.language = language or guess(text)
        self.first = text.strip().splitlines()[0].strip() if text.strip() else ""

    def __str__(self):
        return f"{self.document}:{self.line} ({self.first[:50]})"


COMMANDS = re.compile(r"(\$ )?(longreach|cc|make|cd|ls|mkdir|install|export|scripts/|\./|echo|printf"
                      r"|kubectl|incus|docker|[A-Z_]+=\S+ )")


def guess(text):
    """The language that TEXT is written in, where its document doesn't say."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    if first.startswith(("#include", "static ", "struct ", "enum ", "LR_")):
        return "c"
    if first.startswith(("import ", "from ")):
        return "python"
    if re.fullmatch(r"\[[a-z]+( \S+)?\]", first):
        return "ini"
    if first.startswith("{"):
        return "json"
    if COMMANDS.match(first):
        return "sh"
    return ""


def markdown_blocks(document, lines):
    block, start, language, fence = None, 0, "", None
    for number, line in enumerate(lines + [""], 1):
        if fence is None and line.startswith("```"):
            fence, block, start, language = "```", [], number, line[3:].strip()
        elif fence and line.startswith(fence):
            yield Block(document, start, language, "\n".join(block) + "\n")
            fence = block = None
        elif fence:
            block.append(line)
        elif block is not None and (line.startswith("    ") or not line.strip()):
            block.append(line[4:])
        elif block is not None:
            yield Block(document, start, "", "\n".join(block).strip("\n") + "\n")
            block = None
        elif line.startswith("    ") and not lines[number - 2].strip():
            block, start = [line[4:]], number
    if block is not None:
        yield Block(document, start, "", "\n".join(block).strip("\n") + "\n")


ENDS = {".Bd -literal": ".Ed", ".EX": ".EE", ".nf": ".fi"}
ESCAPES = {r"\e": "\\", r"\&": "", r"\-": "-", r"\(aq": "'", r"\(dq": '"'}


def unescape(line):
    if line == ".Pp":
        return ""
    return re.sub(r"\\(e|&|-|\(aq|\(dq)", lambda match: ESCAPES[match.group(0)], line)


def manual_blocks(document, lines):
    block, start, end = None, 0, None
    for number, line in enumerate(lines, 1):
        if block is not None and line == end:
            yield Block(document, start, "", "\n".join(block) + "\n")
            block = None
        elif block is not None:
            block.append(unescape(line))
        elif line.startswith(".Dl "):
            yield Block(document, number, "", unescape(line[4:]) + "\n")
        else:
            for begin, its_end in ENDS.items():
                if line == begin or line.startswith(begin + " "):
                    block, start, end = [], number, its_end


def blocks_of(document, text):
    """All blocks of TEXT in their order."""
    find = markdown_blocks if document.endswith(".md") else manual_blocks
    return list(find(document, text.splitlines()))
