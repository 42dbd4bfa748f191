"""Run or compile every code block of README, manual pages and docs: document_world.py DOCUMENT...

$srcdir and $builddir say what is tried, and ./run has put its library and command in place."""

import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import document_blocks as known
from documents import blocks_of

SOURCES = os.environ["srcdir"]
BUILD = os.environ["builddir"]
COMPILER = os.environ.get("CC", "cc").split() + os.environ.get("LR_TEST_CFLAGS", "").split()
WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"]
UNUSED = ["-Wno-unused", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
PATIENCE = 30

PRELUDE = r"""
set -e
interrupted () {
  local status=0
  timeout --signal=INT --kill-after=5 1 "$@" || status=$?
  case $status in 0 | 124 | 130) ;; *) return "$status" ;; esac
}
typed () {
  local keys=$1
  shift
  (sleep 0.5; printf '%s\n' "$keys"; sleep 0.5) | script -qec "${*@Q}" /dev/null
}
"""


class Wrong(Exception):
    """A block does not do what its document says."""


class World:
    """Where the commands of one document run: a home and the places that documents name."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.home = self.place("/home/ann")
        self.reached = os.path.join(scratch, "reached")
        self.programs = os.path.join(scratch, "programs")
        self.source_count = 0
        self.exports = ""
        for name, content in known.FILES.items():
            self.put(self.place(name) if name.startswith("/") else os.path.join(self.home, name),
                     content)
        os.chmod(os.path.join(self.home, "deploy"), 0o755)
        # Commands of other users may have to come here.
        os.chmod(scratch, 0o755)
        os.chmod(self.place("/tmp"), 0o1777)
        self.put_programs()
        self.put_installation()
        self.put_sources()

    def place(self, path):
        return self.scratch + path

    def put(self, path, content):
        os.makedirs(path if path.endswith("/") else os.path.dirname(path), exist_ok=True)
        if isinstance(content, int):
            with open(path, "wb") as file:
                file.truncate(content)
        elif content is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)

    def put_programs(self):
        os.makedirs(self.programs)
        for name, body in known.PROGRAMS.items():
            path = os.path.join(self.programs, name)
            if body in known.PROGRAMS:
                os.symlink(body, path)
                continue
            self.put(path, "#!/bin/bash\n" + body)
            os.chmod(path, 0o755)

    def put_installation(self):
        """What a document takes to be installed: the build, with a longreach.pc of its own."""
        dispatcher = os.path.join(BUILD, "dispatcher")
        for folder in "/opt/bin", "/usr/libexec/longreach":
            os.makedirs(self.place(folder))
            for name in "longreach-dispatcher", "portable":
                os.symlink(os.path.join(dispatcher, name), os.path.join(self.place(folder), name))
        self.plugins = os.path.join(self.scratch, "installed-plugins")
        os.makedirs(self.plugins)
        with open(os.path.join(BUILD, "longreach.pc"), encoding="utf-8") as file:
            module = file.read()
        for name, value in {"libdir": BUILD + "/core/.libs", "includedir": SOURCES + "/include",
                            "plugindir": self.plugins, "dispatcherdir": dispatcher}.items():
            module = re.sub(f"^{name}=.*$", f"{name}={value}", module, flags=re.M)
        self.put(os.path.join(self.scratch, "pkgconfig/longreach.pc"), module)
        os.makedirs(self.home + "/longreach/lib")
        os.symlink(os.path.join(self.scratch, "pkgconfig"), self.home + "/longreach/lib/pkgconfig")
        os.symlink(os.path.join(BUILD, "cli"), self.home + "/longreach/bin")
        # Whoever sets LONGREACH_PLUGIN_PATH must still find what is installed.
        with open(os.path.join(SOURCES, "conf/longreach/longreach.conf"), encoding="utf-8") as file:
            settings = file.read()
        self.put(os.path.join(self.scratch, "system/longreach/longreach.conf"), settings.replace(
            "[longreach]\n", f"[longreach]\npath = {self.plugins}:{BUILD}/plugins/.libs:{BUILD}/plugins/connectors\n", 1))

    def put_sources(self):
        """A checkout that is built already, for what is run in one."""
        self.checkout = os.path.join(self.scratch, "checkout")
        os.makedirs(self.checkout + "/build")
        os.makedirs(self.checkout + "/scripts")
        for name in "quickstart", "need", "build-packages", "test":
            os.symlink(f"{SOURCES}/scripts/{name}", f"{self.checkout}/scripts/{name}")
        self.put(self.checkout + "/scripts/configure-build", "#!/bin/sh\n")
        os.chmod(self.checkout + "/scripts/configure-build", 0o755)
        os.symlink(BUILD, self.checkout + "/build/quickstart")

    def environment(self):
        environment = dict(os.environ)
        for name in "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "XDG_CONFIG_HOME", "LONGREACH_PLUGIN_PATH":
            environment.pop(name, None)
        environment.update(
            HOME=self.home, REACHED=self.reached, TMPDIR=self.place("/tmp"), TERM="xterm",
            PATH=self.programs + ":" + BUILD + "/dispatcher:" + environment["PATH"],
            XDG_CONFIG_DIRS=os.path.join(self.scratch, "system"),
            PKG_CONFIG_PATH=os.path.join(self.scratch, "pkgconfig"))
        return environment

    def move(self, text):
        """TEXT with the places that documents name moved into this world."""
        for place in known.PLACES:
            name = re.escape(place) + ("" if place.endswith("/") else r"(?![\w.-])")
            text = re.sub(rf"(?<![\w./}}]){name}", lambda _, p=place: self.place(p), text)
        return text

    def run(self, words, text="", directory=None):
        """What the command says, on both outputs; it must succeed."""
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=directory or self.home, text=True,
                              errors="replace", env=self.environment(),
                              start_new_session=True) as process:
            try:
                said, _ = process.communicate(text, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                raise Wrong(f"doesn't end: {said}") from None
        if process.returncode != 0:
            raise Wrong(f"status {process.returncode}: {said}")
        return said


# ---- C ----

def compile_c(world, text, *flags):
    world.source_count += 1
    source = os.path.join(world.scratch, f"block-{world.source_count}.c")
    world.put(source, text)
    world.run(COMPILER + WARNINGS + list(flags) + ["-I", SOURCES + "/include", source,
              "-L", BUILD + "/core/.libs", "-llongreach"])


def compile_program(world, text):
    """Kept as program.c at home, too, for the commands that compile it there."""
    world.put(os.path.join(world.home, "program.c"), text)
    program = os.path.join(world.scratch, f"program-{world.source_count}")
    compile_c(world, text, "-o", program)
    world.run([program])


def compile_plugin(world, text):
    """Kept as SCHEMA.c at home, too, for the commands that compile it there."""
    schemas = re.findall(r'^LR_CONNECTOR \(\w+, "(\w+)"', text, flags=re.M)
    plugins = os.path.join(world.scratch, f"plugins-{world.source_count}")
    os.makedirs(plugins)
    world.put(os.path.join(world.home, schemas[0] + ".c"), text)
    compile_c(world, text, "-shared", "-fPIC", "-o", f"{plugins}/{schemas[0]}.so")
    for schema in schemas:
        world.run(["longreach", "plugins", "--plugin-dir=" + plugins, schema])


def compile_structure(world, text, name):
    """The members are the header's, each at its place."""
    ours = re.sub(rf"\b{name}\b", "documented", text, count=1)
    checks = [f"_Static_assert (sizeof (struct documented) == sizeof (struct {name}), \"size\");"]
    for member in re.findall(r"(\w+)(?:\[\d+\])?;", text):
        checks.append(f"_Static_assert (offsetof (struct documented, {member}) "
                      f"== offsetof (struct {name}, {member}), \"{member}\");")
    compile_c(world, "#include <longreach/connector.h>\n#include <stddef.h>\n" + ours
              + "\n".join(checks) + "\n", "-fsyntax-only")


def compile_fragment(world, text):
    """What begins like a declaration of a file stands in one, all else in a function."""
    if not re.match(r"#include|static|typedef|LR_|/\*", text):
        text = "void fragment (void);\nvoid\nfragment (void)\n{\n" + text + "}\n"
    assumed = known.FRAGMENT
    for name in re.findall(r"^(\w+) \(", text, flags=re.M):
        assumed = re.sub(rf"^.*\b{name} \(.*\n", "", assumed, flags=re.M)
    compile_c(world, assumed + text, "-fsyntax-only", *UNUSED)


def treat_c(world, block):
    text = world.move(block.text)
    structure = re.match(r"struct (lr_\w+)\s*\{", text)
    if structure:
        compile_structure(world, text, structure.group(1))
    elif re.search(r"^main \(", text, flags=re.M):
        compile_program(world, text)
    elif "LR_PLUGIN (" in text:
        compile_plugin(world, text)
    else:
        compile_fragment(world, text)


# ---- commands ----

HOPS = re.compile(rf"\b({'|'.join(known.STAND_INS)}):(?!//)([\w.@:/-]*\w)")


def hops_of(text):
    """The places that the commands of TEXT name in their URLs."""
    lines = [line for line in text.splitlines() if re.search(r"\blongreach (?!plugins|config)", line)]
    return {f"{schema}:{place}" for line in lines
            for schema, place in HOPS.findall(re.sub(r"#.*|host=\S+", "", line))}


def run_commands(world, text, substitutions=()):
    for old, new in substitutions:
        if old not in text:
            raise Wrong(f"has no {old!r} any more: see tests/document_blocks.py")
        text = text.replace(old, new)
    text = re.sub(r"^\$ ", "", world.move(text), flags=re.M)
    for variable, value in (("$srcdir", SOURCES), ("$builddir", BUILD)):
        text = text.replace(variable, value)
    world.put(world.reached, "")
    said = world.run(["bash", "-c", PRELUDE + world.exports + text],
                     directory=world.checkout if "scripts/" in text else None)
    world.exports += "".join(re.findall(r"^export .*\n", text, flags=re.M))
    with open(world.reached, encoding="utf-8") as file:
        reached = set(file.read().split())
    for hop in hops_of(text):
        if hop not in reached:
            raise Wrong(f"doesn't reach {hop}, but {sorted(reached)}: {said}")
    # The status of what stands before a pipe is nobody's.
    complaint = re.search(rf"^longreach: (?!{known.REMARKS}).*", said, flags=re.M)
    if complaint and "|" in text and "! longreach" not in text:
        raise Wrong(complaint.group(0))
    return said


def treat_sh(world, block):
    run_commands(world, block.text)


def treat_run(world, block, substitutions):
    run_commands(world, block.text, substitutions)


def treat_elsewhere(_, block, tests):
    """Each command is in the table, and the file that is named there has the text that runs it."""
    for line in block.text.splitlines():
        command = line.split("#")[0].strip()
        if command not in tests:
            raise Wrong(f"nobody says which test runs {command!r}")
        file, text = tests[command]
        with open(os.path.join(SOURCES, file), encoding="utf-8") as source:
            if text not in source.read():
                raise Wrong(f"{file} no longer runs {command!r}")


def treat_output(world, block, command):
    said = run_commands(world, command)
    if world.move(block.text).split() != said.split():
        raise Wrong(f"it is: {said}")


# ---- settings and data ----

def declare_connector(world, text):
    """It is listed without a problem; kept as SCHEMA.connector at home, too."""
    schema = re.search(r"^schema = (\S+)$", text, flags=re.M).group(1)
    world.source_count += 1
    plugins = os.path.join(world.scratch, f"plugins-{world.source_count}")
    for directory in plugins, world.home:
        world.put(os.path.join(directory, schema + ".connector"), text)
    world.run(["longreach", "plugins", "--plugin-dir=" + plugins, schema])


def treat_ini(world, block):
    """They are read, and stay for the commands behind them."""
    if block.text.startswith("[connector]"):
        declare_connector(world, block.text)
        return
    world.put(os.path.join(world.home, ".config/longreach/longreach.conf"), world.move(block.text))
    world.run(["longreach", "config"])


def treat_json(_, block):
    for line in block.text.splitlines():
        json.loads(line)


def treat_python(world, block):
    world.run([sys.executable, "-c", world.move(block.text)])


def treat_answers(world, block, requests):
    shapes = [list(json.loads(line.replace("...", "null").replace("{null}", "{}")))
              for line in block.text.splitlines()]
    asked = "".join(json.dumps(request) + "\n" for request in requests)
    said = world.run(["longreach", "batch", "local:"], asked)
    answers = sorted((json.loads(line) for line in said.splitlines()), key=lambda answer: answer["id"])
    if [list(answer) for answer in answers] != shapes:
        raise Wrong(f"it is: {said}")


def treat_bytes(_, block, __):
    """A packet of the plain protocol is answered; frames have the lengths that they say."""
    octets = re.findall(r"\b[0-9a-f]{2}\b(?= |\n)", re.sub(r"  +[A-Z].*", "", block.text))
    data = bytes.fromhex("".join(octets))
    dispatcher = os.path.join(BUILD, "dispatcher/longreach-dispatcher")
    if data[3] == 10:
        answer = subprocess.run([dispatcher], input=data, capture_output=True, check=True,
                                timeout=PATIENCE).stdout
        if not answer:
            raise Wrong("it is not answered")
        return
    at = 0
    while at < len(data):
        at += 4 + int.from_bytes(data[at:at + 4], "big")
    if at != len(data):
        raise Wrong(f"the lengths lead to {at}, and there are {len(data)} bytes")


def treat_text(_, __, ___):
    """Nothing to try."""


LANGUAGES = {"c": treat_c, "sh": treat_sh, "ini": treat_ini, "json": treat_json,
             "python": treat_python}
TREATMENTS = {"run": treat_run, "elsewhere": treat_elsewhere, "output": treat_output,
              "answers": treat_answers, "bytes": treat_bytes, "text": treat_text}


# ---- all of them ----

def row_of(block, used):
    for number, (document, beginning, treatment) in enumerate(known.BLOCKS):
        if fnmatch.fnmatch(block.document, document) and block.first.startswith(beginning):
            used.add(number)
            return treatment
    return None


def treat(world, block, used):
    row = row_of(block, used)
    if row is not None:
        TREATMENTS[row[0]](world, block, row[1])
    elif block.language in LANGUAGES:
        LANGUAGES[block.language](world, block)
    else:
        raise Wrong("nobody knows what to do with it: see tests/document_blocks.py")


def write_logs(world, stop):
    """Somebody writes into the logs that documents follow."""
    os.makedirs(world.place("/var/log"))
    while not stop.wait(0.05):
        for name in "messages", "syslog":
            with open(world.place("/var/log/" + name), "a", encoding="utf-8") as file:
                file.write("a line\n")


def try_document(document, used):
    """What there is to say of DOCUMENT, a line for each block."""
    lines = []
    with open(os.path.join(SOURCES, document), encoding="utf-8") as file:
        blocks = blocks_of(document, file.read())
    if not blocks:
        return lines
    with tempfile.TemporaryDirectory() as scratch:
        world = World(scratch)
        stop = threading.Event()
        writer = threading.Thread(target=write_logs, args=(world, stop))
        writer.start()
        for block in blocks:
            try:
                treat(world, block, used)
                lines.append(f"ok {block}")
            except (Wrong, OSError, ValueError, KeyError, subprocess.SubprocessError) as wrong:
                lines.append(f"not ok {block}: {wrong}")
        stop.set()
        writer.join()
    return lines


def main():
    used, documents = set(), sys.argv[1:]
    with ThreadPoolExecutor(max_workers=4) as pool:
        results = pool.map(lambda document: try_document(document, used), documents)
        lines = [line for result in results for line in result]
    for number, (document, beginning, _) in enumerate(known.BLOCKS):
        if number not in used:
            lines.append(f"not ok tests/document_blocks.py: {document} has no block {beginning!r}")
    print("\n".join(lines))
    return any(line.startswith("not ok") for line in lines)


sys.exit(main())
